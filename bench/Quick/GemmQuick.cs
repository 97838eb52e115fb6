using System.Globalization;
using System.Runtime.Intrinsics;
using Stof.Reference.Cpu.Simd;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Bench.Quick;

/// <summary>
/// GEMM rates as a share of the fused-multiply-add peak measured around each shape; products of few rows also as the rate at
/// which they read their weights, as a share of a plain read of as many bytes.
/// </summary>
internal static class GemmQuick
{
    private const int FewRows = 16;

    private static readonly (int M, int N, int K)[] FloatShapes =
    [
        (128, 128, 128), (512, 512, 512), (1024, 1024, 1024),
        (128, 768, 768), (128, 3072, 768), (128, 768, 3072),
        (512, 768, 768), (512, 3072, 768), (512, 768, 3072),
    ];

    // For every dtype of the weights.
    private static readonly (int M, int N, int K)[] TypedShapes =
    [
        (1, 768, 768), (1, 3072, 768), (4, 3072, 768), (16, 3072, 768),
        (1, 4096, 4096), (4, 4096, 4096), (16, 4096, 4096),
    ];

    private static readonly (int M, int N, int K)[] NarrowShapes = [(512, 512, 512), (128, 768, 768), (128, 3072, 768)];

    /// <summary>Prints one line a shape, dtype of the weights and thread count.</summary>
    public static void Run(TextWriter output)
    {
        output.WriteLine(Vector512.IsHardwareAccelerated ? "micro-kernel 12x32 (512 bit)" : "micro-kernel 6x16 (256 bit)");
        output.WriteLine(
            "threads      M      N      K  weights   peak GF/s   best GF/s  of peak  median GF/s  of peak  weights GB/s  of read");
        foreach (var threads in new[] { 1, 2 })
        {
            using var pool = new WorkerPool(threads);
            var workspace = new KernelWorkspace(pool);
            foreach (var type in new[] { DType.F32, DType.F16, DType.BF16 })
            {
                foreach (var (m, n, k) in (type == DType.F32 ? FloatShapes : NarrowShapes).Concat(TypedShapes))
                {
                    output.WriteLine(Line(workspace, type, m, n, k));
                }
            }
        }
    }

    private static string Line(KernelWorkspace workspace, DType type, int m, int n, int k)
    {
        var pool = workspace.Pool;
        var peak = Peak.FmaGflops(pool);
        var a = Inputs.Normal(DType.F32, m * 31 + k, m, k);
        var weights = PackedMatrix.FromOutputMajor(Inputs.Normal(type, n * 17 + k, n, k));
        var c = HostTensor.Zeros(DType.F32, m, n);
        var kernel = new GemmKernel(weights, workspace);
        var timing = Timing.Of(() => kernel.Run(MatrixView.Of(a), MatrixView.Of(c)));
        peak = Math.Max(peak, Peak.FmaGflops(pool));
        var best = 2.0 * m * n * k / timing.BestSeconds / 1e9;
        var median = 2.0 * m * n * k / timing.MedianSeconds / 1e9;
        var line = string.Create(
            CultureInfo.InvariantCulture,
            $"{pool.Threads,7} {m,6} {n,6} {k,6}  {type,7} {peak,11:F1} {best,11:F1} {best / peak,8:P0} {median,12:F1} {median / peak,8:P0}");
        if (m > FewRows)
        {
            return line;
        }

        var bytes = (long)n * k * type.Size();
        var rate = bytes / timing.BestSeconds / 1e9;
        var read = Peak.ReadGigabytes(pool, bytes);
        return line + string.Create(CultureInfo.InvariantCulture, $" {rate,13:F1} {rate / read,8:P0}");
    }
}
