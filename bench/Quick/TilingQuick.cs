using System.Globalization;
using Stof.Reference.Cpu.Simd;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Bench.Quick;

/// <summary>Sweeps the block sizes of one GEMM; the rounds are interleaved, so that a noisy second hits all settings alike.</summary>
internal static class TilingQuick
{
    private const int Rounds = 12;

    /// <summary>Prints the best rate of every setting as a share of the peak, best first.</summary>
    public static void Run(TextWriter output, int m, int n, int k, int threads)
    {
        using var pool = new WorkerPool(threads);
        var workspace = new KernelWorkspace(pool);
        var a = MatrixView.Of(Inputs.Normal(DType.F32, 1, m, k));
        var b = PackedMatrix.FromOutputMajor(Inputs.Normal(DType.F32, 2, n, k));
        var c = MatrixView.Of(HostTensor.Zeros(DType.F32, m, n));
        var runs = new List<(GemmTiling Tiling, GemmKernel Kernel, double[] Seconds)>();
        foreach (var rows in new[] { 48, 72, 96, 120, 180, 240 })
        {
            foreach (var depth in new[] { 128, 192, 256, 384, 1024 })
            {
                foreach (var columns in new[] { 128, 256, 512, 1024 })
                {
                    var tiling = new GemmTiling(rows, depth, columns);
                    runs.Add((tiling, new GemmKernel(b, workspace, tiling: tiling), new double[Rounds]));
                }
            }
        }

        var peak = 0.0;
        for (var round = 0; round < Rounds; round++)
        {
            peak = Math.Max(peak, Peak.FmaGflops(pool));
            foreach (var (_, kernel, seconds) in runs)
            {
                var start = System.Diagnostics.Stopwatch.GetTimestamp();
                kernel.Run(a, c);
                seconds[round] = System.Diagnostics.Stopwatch.GetElapsedTime(start).TotalSeconds;
            }
        }

        foreach (var (tiling, _, seconds) in runs.OrderBy(run => run.Seconds.Min()))
        {
            var rate = 2.0 * m * n * k / seconds.Min() / 1e9;
            output.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{tiling.RowBlock,5} {tiling.DepthBlock,5} {tiling.ColumnBlock,5} {rate,8:F1} GF/s {rate / peak,6:P0}"));
        }
    }
}
