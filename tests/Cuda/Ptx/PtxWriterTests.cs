using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Tests;

namespace Stof.Reference.Cuda.Tests.Ptx;

public sealed class PtxWriterTests
{
    [Fact]
    public void Vector_add() => GoldenFile.Verify(SampleKernels.VectorAdd(Target.Sm80).ToPtx(), "ptx");

    [Fact]
    public void Packed_scale() => GoldenFile.Verify(SampleKernels.PackedScale(Target.Sm80).ToPtx(), "ptx");

    [Fact]
    public void Packed_add() => GoldenFile.Verify(SampleKernels.PackedAdd(Target.Sm90).ToPtx(), "ptx");

    [Fact]
    public void Constants() => GoldenFile.Verify(SampleKernels.Constants(Target.Sm90a).ToPtx(), "ptx");

    [Fact]
    public void The_same_kernel_gives_the_same_text()
    {
        foreach (var target in Target.All)
        {
            Assert.Equal(SampleKernels.Constants(target).ToPtx(), SampleKernels.Constants(target).ToPtx());
        }
    }
}
