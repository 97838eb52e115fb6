using Stof.Reference.Cpu.Simd;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Unit.Tests.Cpu.Gemm;

public sealed class KernelAllocationTests
{
    [Fact]
    public void A_second_run_of_a_kernel_allocates_nothing()
    {
        using var pool = new WorkerPool(1);
        var workspace = new KernelWorkspace(pool);
        var random = new Random(1);
        var weights = PackedMatrix.FromOutputMajor(GemmReference.Random(random, DType.F32, 96, 40));
        var norm = RowNorm.Layer(new float[96], new float[96]);
        var kernel = new GemmKernel(weights, workspace, null, new GemmEpilogue(new float[96], Activation.GeluErf, norm));
        var a = MatrixView.Of(GemmReference.Random(random, DType.F32, 30, 40));
        var c = MatrixView.Of(HostTensor.Zeros(DType.F32, 30, 96));
        kernel.Run(a, c);
        Normalize.Run(workspace, c, norm, c);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++)
        {
            kernel.Run(a, c);
            Normalize.Run(workspace, c, norm, c);
        }

        // GemmTiling.For returns one small record a run; scratch and pins must add nothing to it.
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 100 * 64);
    }
}
