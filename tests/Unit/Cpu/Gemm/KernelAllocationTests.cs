using Stof.Reference.Cpu.Simd;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Unit.Tests.Cpu.Gemm;

public sealed class KernelAllocationTests
{
    [Theory]
    [InlineData(DType.F32, 30)]
    [InlineData(DType.F16, 30)]
    [InlineData(DType.BF16, 1)]
    public void A_second_run_of_a_kernel_allocates_nothing(DType type, int rows)
    {
        using var pool = new WorkerPool(1);
        var workspace = new KernelWorkspace(pool);
        var random = new Random(1);
        var weights = PackedMatrix.FromOutputMajor(GemmReference.Random(random, type, 96, 40));
        var norm = RowNorm.Layer(new float[96], new float[96]);
        var plain = new GemmKernel(weights, workspace);
        var kernel = new GemmKernel(weights, workspace, null, new GemmEpilogue(new float[96], Activation.GeluErf, norm));
        var a = MatrixView.Of(GemmReference.Random(random, DType.F32, rows, 40));
        var c = MatrixView.Of(HostTensor.Zeros(DType.F32, rows, 96));
        var before = 0L;
        for (var i = 0; i <= 100; i++)
        {
            plain.Run(a, c);
            kernel.Run(a, c);
            Normalize.Run(workspace, c, norm, c);
            before = i == 0 ? GC.GetAllocatedBytesForCurrentThread() : before;
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }
}
