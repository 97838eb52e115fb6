using System.Diagnostics;
using System.Globalization;
using Stof.Reference.Cpu.Simd.Attention;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Formats;
using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Bench.Quick;

/// <summary>
/// What the selector's choice loses against the best of all that it chooses from: every kernel and tile on dense, banded and very
/// sparse masks, timed in turn so that a slow moment of the machine hits all of them.
/// </summary>
internal static class SelectorQuick
{
    private const int Heads = 4;
    private const double Seconds = 4; // a mask
    private const int MostRounds = 40;

    /// <summary>Length of the sequences where none is given.</summary>
    public const int DefaultLength = 2048;

    /// <summary>The masks at a length; widths are √S, as in STOF's settings.</summary>
    public static MaskPattern[] Masks(int length)
    {
        var width = (int)Math.Sqrt(length);
        return
        [
            new FullMask(),
            new CausalMask(),
            new SlidingMask(width),
            new SlidingMask(8),
            MaskText.Parse($"longformer(band={width},global={width})"),
            MaskText.Parse($"bigbird(band={width},global={width},fill=0.1,seed=0)"),
            MaskText.Parse($"dilated(width={width},gap=1)"),
            MaskText.Parse($"dilated(width={4 * width},gap=7)"),
            MaskText.Parse($"strided({width})"),
            MaskText.Parse("log_sparse(16)"),
            Scattered(length, 16),
            Scattered(length, 128),
        ];
    }

    /// <summary>Prints one line a mask.</summary>
    public static void Run(TextWriter output, int length, int threads, int headSize, MaskPattern? only)
    {
        if (only is not null)
        {
            All(output, only, length, threads, headSize);
            return;
        }

        output.WriteLine(
            "mask                                     allowed  row-wise ms  ns/pair  expected  best tile      ms  expected  chosen             regret");
        using var pool = new WorkerPool(threads);
        var regrets = new List<double>();
        foreach (var mask in Masks(length))
        {
            regrets.Add(Line(output, mask, length, headSize, pool));
        }

        var mean = Math.Exp(regrets.Average(Math.Log));
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{threads} threads, S = {length}, D = {headSize}: regret {mean:F3} (geometric mean), largest {regrets.Max():F2}"));
    }

    /// <summary>Each query with some keys at random: what selecting the best scores leaves.</summary>
    private static PredicateMask Scattered(int length, int keys)
    {
        var selected = new HashSet<(int, int)>();
        var random = new Random(1);
        for (var q = 0; q < length; q++)
        {
            for (var i = 0; i < keys; i++)
            {
                selected.Add((q, random.Next(length)));
            }
        }

        return new PredicateMask($"{keys} random keys", (_, _, q, k) => selected.Contains((q, k)), DiffersByBatch: false, DiffersByHead: false);
    }

    /// <summary>One mask, all choices, with the imbalance of 16 workers by counting.</summary>
    private static void All(TextWriter output, MaskPattern mask, int length, int threads, int headSize)
    {
        using var pool = new WorkerPool(threads);
        var (estimates, kernels, times) = Measured(mask, length, headSize, pool);
        output.WriteLine($"{mask}, {threads} threads, S = {length}, D = {headSize}");
        output.WriteLine("choice                    ms  expected  imbalance of 16");
        for (var i = 0; i < kernels.Length; i++)
        {
            output.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{estimates[i].Choice,-20} {1e3 * times[i],7:F3} {estimates[i].Nanoseconds / 1e6,9:F3} {kernels[i].Imbalance(16),16:F3}"));
        }
    }

    private static (IReadOnlyList<AttentionEstimate> Estimates, AttentionKernel[] Kernels, double[] Times) Measured(
        MaskPattern mask, int length, int headSize, WorkerPool pool)
    {
        var problem = Inputs.Problem(Heads, length, headSize, mask);
        HostTensor Normal(int seed) => Inputs.Normal(DType.F32, seed, 1, Heads, length, headSize);
        var operands = AttentionOperands.Of(problem, Normal(1), Normal(2), Normal(3), Normal(4));
        var estimates = AttentionSelector.Estimates(problem, pool.Threads);
        var kernels = estimates.Select(estimate => new AttentionKernel(problem, estimate.Choice)).ToArray();
        return (estimates, kernels, Times(kernels, operands, pool));
    }

    private static double Line(TextWriter output, MaskPattern mask, int length, int headSize, WorkerPool pool)
    {
        var (estimates, kernels, times) = Measured(mask, length, headSize, pool);
        var rowwise = Enumerable.Range(0, kernels.Length).Single(i => kernels[i].Choice.Algorithm == AttentionAlgorithm.Rowwise);
        var tile = Enumerable.Range(0, kernels.Length).Where(i => i != rowwise).MinBy(i => times[i]);
        var pairs = TileCounts.Of(kernels[rowwise].Mask).Allowed;
        var regret = times[0] / times.Min();
        output.WriteLine(
            string.Create(CultureInfo.InvariantCulture, $"{mask,-40} {(double)pairs / length / length,7:P1} {1e3 * times[rowwise],12:F3} ")
            + string.Create(CultureInfo.InvariantCulture, $"{1e9 * times[rowwise] * pool.Threads / pairs / Heads,8:F2} {estimates[rowwise].Nanoseconds / 1e6,9:F3}  ")
            + string.Create(CultureInfo.InvariantCulture, $"{kernels[tile].Choice.Tile,-9} {1e3 * times[tile],7:F3} {estimates[tile].Nanoseconds / 1e6,9:F3}  ")
            + string.Create(CultureInfo.InvariantCulture, $"{estimates[0].Choice,-18} {regret,6:F2}"));
        return regret;
    }

    /// <summary>Least time of each kernel.</summary>
    private static double[] Times(AttentionKernel[] kernels, AttentionOperands operands, WorkerPool pool)
    {
        var times = new double[kernels.Length];
        Array.Fill(times, double.PositiveInfinity);
        var clock = Stopwatch.StartNew();
        for (var round = 0; round < MostRounds && (round < 3 || clock.Elapsed.TotalSeconds < Seconds); round++)
        {
            for (var i = 0; i < kernels.Length; i++)
            {
                var start = Stopwatch.GetTimestamp();
                kernels[i].Run(operands, pool);
                times[i] = Math.Min(times[i], Stopwatch.GetElapsedTime(start).TotalSeconds);
            }
        }

        return times;
    }
}
