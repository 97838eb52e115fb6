using System.Globalization;
using System.Runtime.Intrinsics;
using Stof.Reference.Cpu.Simd;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Bench.Quick;

/// <summary>GEMM rates as a share of the fused-multiply-add peak measured just before each shape.</summary>
internal static class GemmQuick
{
    private static readonly (int M, int N, int K)[] Shapes =
    [
        (128, 128, 128), (512, 512, 512), (1024, 1024, 1024),
        (128, 768, 768), (128, 3072, 768), (128, 768, 3072),
        (512, 768, 768), (512, 3072, 768), (512, 768, 3072),
        (1, 768, 768), (1, 3072, 768),
    ];

    /// <summary>Prints one line a shape and thread count.</summary>
    public static void Run(TextWriter output)
    {
        output.WriteLine(Vector512.IsHardwareAccelerated ? "micro-kernel 12x32 (512 bit)" : "micro-kernel 6x16 (256 bit)");
        output.WriteLine("threads      M      N      K   peak GF/s   best GF/s  of peak  median GF/s  of peak");
        foreach (var threads in new[] { 1, 2 })
        {
            using var pool = new WorkerPool(threads);
            var workspace = new KernelWorkspace(pool);
            foreach (var (m, n, k) in Shapes)
            {
                var peak = Peak.FmaGflops(pool);
                var a = Inputs.Normal(DType.F32, m * 31 + k, m, k);
                var b = PackedMatrix.FromOutputMajor(Inputs.Normal(DType.F32, n * 17 + k, n, k));
                var c = HostTensor.Zeros(DType.F32, m, n);
                var kernel = new GemmKernel(b, workspace);
                var timing = Timing.Of(() => kernel.Run(MatrixView.Of(a), MatrixView.Of(c)));
                peak = Math.Max(peak, Peak.FmaGflops(pool));
                var best = 2.0 * m * n * k / timing.BestSeconds / 1e9;
                var median = 2.0 * m * n * k / timing.MedianSeconds / 1e9;
                output.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{threads,7} {m,6} {n,6} {k,6} {peak,11:F1} {best,11:F1} {best / peak,8:P0} {median,12:F1} {median / peak,8:P0}"));
            }
        }
    }
}
