using System.Diagnostics;
using System.Globalization;
using Stof.Reference.Cpu.Simd;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Bench.Quick;

/// <summary>
/// The products of a BERT-base layer with what rides on them, cut as they are chosen to be and in other ways. Weights are those of twelve layers in turn,
/// and other workers have just written A, as in a model. The ways of one product run in turn.
/// </summary>
internal static class ProductsQuick
{
    private const int Layers = 12;
    private const int WarmUpRounds = 4;
    private const int Rounds = 25;
    private const int Hidden = 768;
    private const int Wide = 3072;
    private const int FusedRows = 96; // of a task that takes its rows through both products

    /// <summary>Lengths where none are given.</summary>
    public static readonly int[] DefaultLengths = [128, 512];

    /// <summary>Prints one line a length, product and way to cut it.</summary>
    public static void Run(TextWriter output, int threads, IReadOnlyList<int> lengths)
    {
        using var pool = new WorkerPool(threads);
        var workspace = new KernelWorkspace(pool);
        var peak = Peak.FmaGflops(pool);
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{threads} threads, peak {peak:F1} GFLOP/s; second level {CacheSizes.OfThisMachine.SecondLevel >> 10} KiB, last {CacheSizes.OfThisMachine.LastLevel >> 20} MiB"));
        output.WriteLine("    M  product               cut      rows x columns  tasks  median us   best us   GFLOP/s  of peak  first loop: most / mean, us in tasks");
        var norm = RowNorm.Layer(Inputs.Row(1, Hidden), Inputs.Row(2, Hidden));
        var matrices = new Matrices();
        foreach (var length in lengths)
        {
            Product(length, "qkv", 3 * Hidden, Hidden, new GemmEpilogue(Inputs.Row(3, 3 * Hidden)));
            Product(length, "output, norm", Hidden, Hidden, new GemmEpilogue(Inputs.Row(4, Hidden), Norm: norm));
            Product(length, "up, gelu", Wide, Hidden, new GemmEpilogue(Inputs.Row(5, Wide), Activation.GeluErf));
            Product(length, "down, residual", Hidden, Wide, new GemmEpilogue(Inputs.Row(6, Hidden)));
            Product(length, "down, norm", Hidden, Wide, new GemmEpilogue(Inputs.Row(6, Hidden), Norm: norm));
            Chain(length);
        }

        peak = Math.Max(peak, Peak.FmaGflops(pool));
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"peak at the end {peak:F1}"));

        void Product(int m, string name, int n, int k, GemmEpilogue epilogue)
        {
            var work = new GemmWork(m, n, k) { NormalisesOutput = epilogue.Norm is not null };
            var residual = n == Hidden ? MatrixView.Of(Inputs.Normal(DType.F32, 9, m, n)) : default;
            var c = MatrixView.Of(HostTensor.Zeros(DType.F32, m, n));
            var ways = Ways(work, threads).Select(way => new Way(
                way.Name,
                $"{way.Tiling.RowBlock,4} x {Math.Min(way.Tiling.ColumnBlock, n),4}",
                [.. matrices.Of(n, k).Select(b =>
                {
                    var kernel = new GemmKernel(b, workspace, null, epilogue, way.Tiling);
                    return (Action<MatrixView>)(a => kernel.Run(a, c, residual));
                })]));
            Measure(output, workspace, m, k, name, 2e-9 * m * n * k, peak, [.. ways]);
        }

        void Chain(int m)
        {
            var (residual, c) = (MatrixView.Of(Inputs.Normal(DType.F32, 9, m, Hidden)), MatrixView.Of(HostTensor.Zeros(DType.F32, m, Hidden)));
            int? share = Math.Min(FusedRows, (m + threads - 1) / threads);
            var ways = new[] { ("chosen", null), ("", share) }.Select(way => new Way(
                way.Item1,
                way.Item2 is { } rows ? $"{rows,4}" : "",
                [.. matrices.Of(Wide, Hidden).Zip(matrices.Of(Hidden, Wide), (first, second) =>
                {
                    var kernel = new GemmChainKernel(
                        first,
                        second,
                        workspace,
                        new GemmEpilogue(Inputs.Row(5, Wide), Activation.GeluErf),
                        null,
                        new GemmEpilogue(Inputs.Row(6, Hidden), Norm: norm),
                        way.Item2,
                        Hidden);
                    return (Action<MatrixView>)(a => kernel.Run(a, c, residual));
                })]));
            Measure(output, workspace, m, Hidden, "chain, norm", 4e-9 * m * Hidden * Wide, peak, [.. ways]);
        }
    }

    // Beside the choice: every number of row blocks that is a power of two, each with the columns that it would be given, and with one and two rounds
    // of tasks.
    private static IEnumerable<(string Name, GemmTiling Tiling)> Ways(GemmWork work, int threads)
    {
        var seen = new HashSet<GemmTiling>();
        var caches = CacheSizes.OfThisMachine;
        var chosen = GemmTiling.For(in work, threads, caches);
        seen.Add(chosen);
        yield return ("chosen", chosen);
        for (var parts = 1; parts <= 2 * threads && work.Rows / parts >= 8; parts *= 2)
        {
            var rows = (work.Rows + parts - 1) / parts;
            if (rows > 256)
            {
                continue;
            }

            var panels = (work.Columns + 31) / 32;
            var (one, two) = (Math.Max(1, threads / parts), Math.Max(1, 2 * threads / parts));
            foreach (var columns in new int?[] { null, (panels + one - 1) / one * 32, (panels + two - 1) / two * 32 })
            {
                var tiling = GemmTiling.For(in work, threads, caches, rows, columns);
                if (seen.Add(tiling))
                {
                    yield return ("", tiling);
                }
            }
        }
    }

    private static void Measure(
        TextWriter output, KernelWorkspace workspace, int m, int k, string name, double gflop, double peak, Way[] ways)
    {
        var pool = workspace.Pool;
        var source = Inputs.Normal(DType.F32, 7, m, k);
        var a = HostTensor.Zeros(DType.F32, m, k);
        var trace = new LoopTrace(pool.Threads);
        var block = Math.Max(1, m / pool.Threads);
        for (var round = -WarmUpRounds; round < Rounds; round++)
        {
            foreach (var way in ways)
            {
                for (var layer = 0; layer < Layers; layer++)
                {
                    pool.Run((m + block - 1) / block, (task, _) =>
                    {
                        var rows = Math.Min(block, m - (task * block)) * k;
                        source.Span<float>().Slice(task * block * k, rows).CopyTo(a.Span<float>().Slice(task * block * k, rows));
                    });
                    trace.Clear();
                    pool.Trace = trace;
                    var start = Stopwatch.GetTimestamp();
                    way.Runs[layer](MatrixView.Of(a));
                    var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
                    pool.Trace = null;
                    if (round >= 0)
                    {
                        way.Add(seconds, trace.Loops[0]);
                    }
                }
            }
        }

        foreach (var way in ways)
        {
            way.Seconds.Sort();
            var (median, best) = (way.Seconds[way.Seconds.Count / 2], way.Seconds[0]);
            output.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{m,5}  {name,-16}  {way.Name,7} {way.Blocks,19} {way.Tasks,6} {median * 1e6,10:F1} {best * 1e6,9:F1} {gflop / median,9:F1} {gflop / median / peak,8:P0}  {way.MostOverMean:F2}, {way.MeanMicroseconds:F0}"));
        }
    }

    /// <summary>Packed weights of all layers, for every shape.</summary>
    private sealed class Matrices
    {
        private readonly Dictionary<(int, int), PackedMatrix[]> _all = [];

        public PackedMatrix[] Of(int n, int k)
        {
            if (!_all.TryGetValue((n, k), out var layers))
            {
                var values = Inputs.Normal(DType.F32, n + k, n, k);
                _all[(n, k)] = layers = [.. Enumerable.Range(0, Layers).Select(_ => PackedMatrix.FromOutputMajor(values))];
            }

            return layers;
        }
    }

    /// <summary>One way to cut a product, and what it took.</summary>
    private sealed record Way(string Name, string Blocks, Action<MatrixView>[] Runs)
    {
        private readonly List<double> _mostOverMean = [];
        private readonly List<double> _mean = [];

        public List<double> Seconds { get; } = [];

        public int Tasks { get; private set; }

        public double MostOverMean => Median(_mostOverMean);

        public double MeanMicroseconds => Median(_mean);

        public void Add(double seconds, LoopTrace.Loop loop)
        {
            Seconds.Add(seconds);
            var busy = loop.Workers.Select(share => share.Joined == 0 ? 0.0 : share.Left - share.Joined).ToArray();
            Tasks = loop.Workers.Sum(share => share.Tasks);
            _mostOverMean.Add(busy.Max() / busy.Average());
            _mean.Add(busy.Average() * 1e6 / Stopwatch.Frequency);
        }

        private static double Median(List<double> values)
        {
            values.Sort();
            return values[values.Count / 2];
        }
    }
}
