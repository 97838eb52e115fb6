using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;
using Stof.Reference.Tests.Planted;
using Stof.Reference.Verification.Determinism;

namespace Stof.Reference.Unit.Tests.Verification;

public sealed class DeterminismTests
{
    private static readonly AttentionProblem Problem = new()
    {
        Batch = 2,
        QueryHeads = 4,
        KvHeads = 2,
        QueryLength = 20,
        KvLength = 24,
        HeadSize = 16,
        Type = DType.F32,
        Mask = MaskText.Parse("causal & sliding(6)"),
    };

    [Fact]
    public void A_kernel_with_fixed_orders_keeps_every_promise_that_can_be_asked()
    {
        var findings = DeterminismChecks.Run(Problem, Run(_ => { }), 3, 1, _ => false);
        Assert.Equal([Promise.Holds, Promise.Holds, Promise.Holds, Promise.Holds, Promise.NotAsked, Promise.NotAsked], findings.Select(finding => finding.Outcome));
    }

    [Fact]
    public void A_broken_promise_is_found_with_its_place()
    {
        var calls = 0;
        var findings = DeterminismChecks.Run(
            Problem, Run(output => output.Span<float>()[17] += calls++ == 2 ? 1e-6f : 0), 3, 1, placeholder => placeholder == "{threads}");
        Assert.Equal(Promise.Broken, findings[0].Outcome);
        Assert.StartsWith("repeat 2: 1 of 2560 elements differ, the first at 17", findings[0].Detail, StringComparison.Ordinal);
        Assert.Equal(Promise.Holds, findings[^1].Outcome);

        // A kernel whose sums depend on the number of keys.
        findings = DeterminismChecks.Run(Problem, (p, q, k, v, _) => Run(output => output.Span<float>()[0] += p.KvLength * 1e-3f)(p, q, k, v), 1, 1, _ => false);
        Assert.Equal(Promise.Broken, findings[2].Outcome);
        Assert.Equal(Promise.Holds, findings[0].Outcome);
    }

    private static KernelRun Run(Action<HostTensor> spoil) => (p, q, k, v, _) =>
    {
        var (output, _) = new PlantedAttention(p, PlantedBug.None, 16).Run(q, k, v);
        spoil(output);
        return output;
    };
}
