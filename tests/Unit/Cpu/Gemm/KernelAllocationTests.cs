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
        var epilogue = new GemmEpilogue(new float[96], Activation.GeluErf, norm);
        var kernel = new GemmKernel(weights, workspace, null, epilogue);
        var shared = new GemmKernel(weights, workspace, null, epilogue, new GemmTiling(10, 64, 32));
        var chain = new GemmChainKernel(
            weights, PackedMatrix.FromOutputMajor(GemmReference.Random(random, type, 96, 96)), workspace, new GemmEpilogue(new float[96]));
        var a = MatrixView.Of(GemmReference.Random(random, DType.F32, rows, 40));
        var c = MatrixView.Of(HostTensor.Zeros(DType.F32, rows, 96));
        var before = 0L;
        for (var i = 0; i <= 100; i++)
        {
            plain.Run(a, c);
            kernel.Run(a, c);
            shared.Run(a, c);
            chain.Run(a, c);
            Normalize.Run(workspace, c, norm, c);
            before = i == 0 ? GC.GetAllocatedBytesForCurrentThread() : before;
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    // Equal blocks, so that every task needs the same scratch: which of them this thread gets is chance.
    [Fact]
    public void A_second_run_of_a_chain_in_two_loops_allocates_nothing()
    {
        const int threads = 3;
        using var pool = new WorkerPool(threads);
        var workspace = new KernelWorkspace(pool);
        var random = new Random(1);
        var (rows, middle, columns, depth) = (12, 1536, 768, 64);
        var first = new GemmWork(rows, middle, depth);
        var second = new GemmWork(rows, columns, middle);
        Assert.NotNull(GemmChainTiling.For(in first, in second, threads).Panels);
        var chain = new GemmChainKernel(
            PackedMatrix.FromOutputMajor(GemmReference.Random(random, DType.F32, middle, depth)),
            PackedMatrix.FromOutputMajor(GemmReference.Random(random, DType.F32, columns, middle)),
            workspace);
        var a = MatrixView.Of(GemmReference.Random(random, DType.F32, rows, depth));
        var c = MatrixView.Of(HostTensor.Zeros(DType.F32, rows, columns));
        var before = 0L;
        for (var i = 0; i <= 200; i++)
        {
            chain.Run(a, c);
            before = i <= 100 ? GC.GetAllocatedBytesForCurrentThread() : before;
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }
}
