using Stof.Reference.Cpu.Oracle;
using Stof.Reference.Interchange;
using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tests;

namespace Stof.Reference.Golden.Tests.Oracle;

/// <summary>
/// Outputs of the kernel published with the STOF paper, captured on an H100. The causal one is right. The sliding one is not: the
/// kernel does not look at the bits inside its tiles.
/// </summary>
public class PublishedKernelTests
{
    [Fact]
    public void The_causal_capture_agrees_with_our_oracle()
    {
        var verdict = Judge("stof_kernel_causal_2x2x256.npz");
        Assert.InRange(verdict.Metrics!.RelativeFrobenius, 0, AttentionTolerance.FrobeniusLimit(DType.F16));
        Assert.Equal(0, verdict.Metrics.NonFinite.Wrong);
        Assert.NotEqual(Verdict.Fail, verdict.State);
    }

    [Fact]
    public void The_sliding_capture_does_not()
    {
        var verdict = Judge("stof_kernel_sliding_1x2x256.npz");
        Assert.Equal(Verdict.Fail, verdict.State);
        Assert.InRange(verdict.Metrics!.RelativeFrobenius, 0.5, double.PositiveInfinity);
    }

    private static AttentionVerdict Judge(string file)
    {
        var arrays = NpzArchive.Read(TestData.Path("stof-kernel", file));
        var (q, mask) = (arrays["q"], arrays["mask"]);
        var problem = new AttentionProblem
        {
            Batch = q.Shape[0],
            QueryHeads = q.Shape[1],
            KvHeads = q.Shape[1],
            QueryLength = q.Shape[2],
            KvLength = q.Shape[2],
            HeadSize = q.Shape[3],
            Type = DType.F16,
            Mask = DenseMask.From(mask),
        };
        var reference = CompensatedAttention.Run(problem, q, arrays["k"], arrays["v"]);
        return new AttentionTolerance().Judge(problem, reference, arrays["out"]);
    }
}
