using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Stof.Reference.Cpu.Simd;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Bench.Quick;

/// <summary>
/// Memory-bound operators: bytes they must move per second, as a share of a plain copy that moves as many. Copy and operator take
/// turns, so that what else the machine does hits both. The library's copy stores through the caches; a copy with streaming
/// stores, which spare the read of what is overwritten, stands beside it.
/// </summary>
internal static unsafe class RowQuick
{
    /// <summary>48 MiB in F32: far beyond the second-level cache.</summary>
    public const int DefaultRows = 16384;

    private const int Columns = 768;
    private const int WarmUpCalls = 40; // tier-1 code needs some 30, ...
    private const double WarmUpSeconds = 0.4; // ... and a pause in which nothing new is compiled
    private const int Rounds = 25;
    private const int Line = 64;
    private const int Prefetched = 4096;

    /// <summary>Prints one line an operator, dtype and thread count.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="rows">Rows of 768.</param>
    /// <param name="only">Operators whose names contain this; null for all.</param>
    public static void Run(TextWriter output, int rows, string? only = null)
    {
        output.WriteLine("threads  dtype  operator                 best GB/s  copy GB/s  streamed  best of copy  median of copy  best of streamed");
        foreach (var threads in new[] { 1, 2 })
        {
            using var pool = new WorkerPool(threads);
            var workspace = new KernelWorkspace(pool);
            foreach (var type in new[] { DType.F32, DType.F16, DType.BF16 })
            {
                foreach (var (name, tensors, action) in Operators(workspace, type, rows))
                {
                    if (only is null || name.Contains(only, StringComparison.Ordinal))
                    {
                        output.WriteLine(Measure(pool, type, name, tensors * rows * Columns * type.Size(), action));
                    }
                }
            }
        }
    }

    private static string Measure(WorkerPool pool, DType type, string name, double bytes, Action action)
    {
        // Half of the bytes are read and half are written.
        var count = (nint)(bytes / 2 / pool.Threads / Line) * Line * pool.Threads;
        var source = HostTensor.Zeros(DType.U8, (int)count);
        var target = HostTensor.Zeros(DType.U8, (int)count);
        source.Span<byte>().Fill(1);
        var copies = new[] { action, Copy(pool, source, target, false), Copy(pool, source, target, true) };
        var seconds = Array.ConvertAll(copies, _ => new double[Rounds]);
        var clock = Stopwatch.StartNew();
        for (var round = -WarmUpCalls; round < Rounds; round++)
        {
            if (round == 0 && clock.Elapsed.TotalSeconds < WarmUpSeconds)
            {
                round = -1;
            }

            for (var i = 0; i < copies.Length; i++)
            {
                var start = Stopwatch.GetTimestamp();
                copies[i]();
                seconds[i][Math.Max(round, 0)] = Stopwatch.GetElapsedTime(start).TotalSeconds;
            }
        }

        Array.ForEach(seconds, Array.Sort);
        double Rate(int which, int rank) => bytes / seconds[which][rank] / 1e9;
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{pool.Threads,7}  {type,5}  {name,-23} {Rate(0, 0),10:F1} {Rate(1, 0),10:F1} {Rate(2, 0),9:F1} {Rate(0, 0) / Rate(1, 0),13:P0} {Rate(0, Rounds / 2) / Rate(1, Rounds / 2),15:P0} {Rate(0, 0) / Rate(2, 0),17:P0}");
    }

    private static Action Copy(WorkerPool pool, HostTensor source, HostTensor target, bool isStreamed)
    {
        var part = source.Count / pool.Threads;
        return () => pool.Run(pool.Threads, (task, _) =>
        {
            var from = (byte*)source.Address + (task * part);
            var to = (byte*)target.Address + (task * part);
            if (isStreamed && Sse.IsSupported)
            {
                Stream(from, to, part);
            }
            else
            {
                Buffer.MemoryCopy(from, to, part, part);
            }
        });
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Stream(byte* source, byte* target, long bytes)
    {
        for (var i = 0L; i < bytes; i += Line)
        {
            Sse.Prefetch0(source + i + Prefetched);
            Vector512.Load(source + i).StoreAlignedNonTemporal(target + i);
        }

        Sse.StoreFence();
    }

    // Tensors: how many matrices of rows x columns the operator reads and writes.
    private static IEnumerable<(string Name, double Tensors, Action Action)> Operators(
        KernelWorkspace workspace, DType type, int rows)
    {
        var x = MatrixView.Of(Inputs.Normal(type, 1, rows, Columns));
        var residual = MatrixView.Of(Inputs.Normal(type, 2, rows, Columns));
        var y = MatrixView.Of(HostTensor.Zeros(type, rows, Columns));
        var half = MatrixView.Of(HostTensor.Zeros(type, rows, Columns / 2));
        var bias = Inputs.Row(3, Columns);
        var layer = RowNorm.Layer(Inputs.Row(4, Columns), Inputs.Row(5, Columns));
        var rms = RowNorm.Rms(Inputs.Row(6, Columns));
        var table = new RotaryTable(512, 64);
        var positions = Enumerable.Range(0, rows).Select(row => row % 512).ToArray();
        yield return ("bias", 2, () => BiasAdd.Run(workspace, x, bias, y));
        yield return ("bias+relu", 2, () => BiasActivation.Run(workspace, x, bias, Activation.Relu, y));
        yield return ("bias+gelu(erf)", 2, () => BiasActivation.Run(workspace, x, bias, Activation.GeluErf, y));
        yield return ("bias+gelu(tanh)", 2, () => BiasActivation.Run(workspace, x, bias, Activation.GeluTanh, y));
        yield return ("swiglu", 1.5, () => BiasActivation.Run(workspace, x, null, Activation.SwiGlu, half));
        yield return ("bias+residual", 3, () => ResidualAdd.Run(workspace, x, bias, residual, y));
        yield return ("layernorm", 2, () => Normalize.Run(workspace, x, layer, y));
        yield return ("rmsnorm", 2, () => Normalize.Run(workspace, x, rms, y));
        yield return ("bias+residual+layernorm", 3, () => Normalize.Run(workspace, x, bias, residual, layer, y));
        var ids = new Random(7);
        var places = Math.Min(rows, 512);
        var word = new EmbeddingLookup(x, [.. Enumerable.Range(0, rows).Select(_ => ids.Next(rows))]);
        var place = new EmbeddingLookup(residual.SliceRows(0, places), [.. Enumerable.Range(0, rows).Select(row => row % places)]);
        var kind = new EmbeddingLookup(residual.SliceRows(0, 1), new int[rows]);
        yield return ("embedding", 2, () => EmbeddingGather.Run(workspace, y, word));
        yield return ("embedding+pos+type", 2, () => EmbeddingGather.Run(workspace, y, word, place, kind));
        yield return ("rotary", 2, () => RotaryEmbedding.Run(workspace, x, table, 4, 4, positions, y));
    }
}
