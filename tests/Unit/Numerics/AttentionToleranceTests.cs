using Stof.Reference.Cpu.Oracle;
using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;
using Stof.Reference.Tests;

namespace Stof.Reference.Unit.Tests.Numerics;

public class AttentionToleranceTests
{
    private static readonly AttentionProblem Problem = new()
    {
        Batch = 2,
        QueryHeads = 3,
        KvHeads = 3,
        QueryLength = 20,
        KvLength = 20,
        HeadSize = 8,
        Type = DType.F16,
        Mask = new CausalMask(),
    };

    public static TheoryData<DType> Types => [DType.F64, DType.F32, DType.F16, DType.BF16];

    [Theory]
    [MemberData(nameof(Types))]
    public void The_rounded_oracle_passes(DType type)
    {
        foreach (var layout in Enum.GetValues<AttentionLayout>())
        {
            var problem = Problem with { Type = type, Layout = layout };
            var reference = Reference(problem);
            var verdict = new AttentionTolerance().Judge(problem, reference, Output(problem, reference), LogSumExp(problem, reference));
            Assert.Equal((Verdict.Pass, 0), (verdict.State, verdict.Reasons.Count));
            Assert.InRange(verdict.BudgetUsed, 0, 0.5);
        }
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void An_error_of_three_quarters_of_the_budget_is_marginal_and_one_of_twice_fails_where_it_happened(DType type)
    {
        var reference = Reference(Problem);
        var budget = AttentionTolerance.Budget(reference, type, row: 30, dimension: 5);
        foreach (var (factor, state) in (ReadOnlySpan<(double, Verdict)>)[(0.75, Verdict.Marginal), (2, Verdict.Fail)])
        {
            // The rounding of the output must not decide the case: the reference is moved, not the rounded output.
            var output = HostTensor.From(reference.Output, 2, 3, 20, 8).To(type);
            var moved = reference with { Output = output.ToDoubles() };
            moved.Output[(30 * 8) + 5] -= factor * budget;
            var verdict = new AttentionTolerance().Judge(Problem with { Type = type }, moved, output);
            Assert.Equal(state, verdict.State);
            Assert.Equal(factor, verdict.BudgetUsed, 2);
            Assert.Equal((0, 1, 10, 5), (verdict.Worst!.Batch, verdict.Worst.Head, verdict.Worst.Query, verdict.Worst.Dimension));
        }
    }

    [Fact]
    public void A_small_error_everywhere_fails_by_its_norm()
    {
        var reference = Reference(Problem);
        var output = Output(Problem, reference);
        foreach (ref var value in output.Span<Half>())
        {
            value = (Half)((double)value * 1.0006);
        }

        var verdict = new AttentionTolerance().Judge(Problem, reference, output);
        Assert.Equal(Verdict.Fail, verdict.State);
        Assert.Contains("Frobenius", verdict.Reasons[0], StringComparison.Ordinal);
        Assert.NotEqual(Verdict.Fail, new AttentionTolerance { LimitFrobenius = false }.Judge(Problem, reference, output).State);
    }

    [Fact]
    public void Rows_without_keys_must_be_exactly_zero_and_minus_infinity()
    {
        var problem = Problem with { Lengths = [new(20, 20), new(11, 20)] };
        var reference = Reference(problem);
        var row = (1 * 60) + 20 + 15;
        Assert.Equal(0, reference.AllowedKeys[row]);
        var (output, lse) = (Output(problem, reference), LogSumExp(problem, reference));
        Assert.Equal(Verdict.Pass, new AttentionTolerance().Judge(problem, reference, output, lse).State);
        lse.Span<float>()[row] = -1e30f;
        Assert.Equal(Verdict.Fail, new AttentionTolerance().Judge(problem, reference, output, lse).State);
        output.Span<Half>()[row * 8] = Half.Epsilon;
        var verdict = new AttentionTolerance().Judge(problem, reference, output);
        Assert.Equal((Verdict.Fail, double.PositiveInfinity), (verdict.State, verdict.BudgetUsed));
    }

    [Fact]
    public void LSE_of_another_base_fails_and_one_near_the_limit_is_marginal()
    {
        var reference = Reference(Problem);
        var (output, lse) = (Output(Problem, reference), LogSumExp(Problem, reference));
        var exact = lse.Span<float>()[50];
        lse.Span<float>()[50] = exact / MathF.Log(2);
        var verdict = new AttentionTolerance().Judge(Problem, reference, output, lse);
        Assert.Equal(Verdict.Fail, verdict.State);
        Assert.Contains("LSE of row 50", Assert.Single(verdict.Reasons), StringComparison.Ordinal);
        lse.Span<float>()[50] = exact + (0.8e-5f * Math.Max(1, Math.Abs(exact)));
        Assert.Equal(Verdict.Marginal, new AttentionTolerance().Judge(Problem, reference, output, lse).State);
        Assert.Equal(Verdict.Pass, new AttentionTolerance { LogSumExpLimit = 1e-4 }.Judge(Problem, reference, output, lse).State);
    }

    [Fact]
    public void Unexpected_NaN_fails_and_is_counted()
    {
        var reference = Reference(Problem);
        var output = Output(Problem, reference);
        output.Span<Half>()[7] = Half.NaN;
        var verdict = new AttentionTolerance().Judge(Problem, reference, output);
        Assert.Equal((Verdict.Fail, 1), (verdict.State, verdict.Metrics!.NonFinite.UnexpectedNaN));
    }

    [Fact]
    public void Cases_that_could_not_show_an_error_are_mistrusted()
    {
        var flat = Run(Problem with { Scale = 1e-9 });
        Assert.Equal(Verdict.Mistrusted, flat.State);
        Assert.Contains("flat", Assert.Single(flat.Reasons), StringComparison.Ordinal);
        Assert.Equal(Verdict.Mistrusted, Run(Problem with { Scale = 1e3 }).State);
        Assert.Equal(Verdict.Mistrusted, Run(Problem with { Lengths = [new(20, 0), new(1, 1)] }).State);
        var reference = Reference(Problem);
        var tolerance = new AttentionTolerance { PartTiles = 0 };
        Assert.Equal(Verdict.Mistrusted, tolerance.Judge(Problem, reference, Output(Problem, reference)).State);

        static AttentionVerdict Run(AttentionProblem problem)
        {
            var reference = Reference(problem);
            return new AttentionTolerance().Judge(problem, reference, Output(problem, reference));
        }
    }

    [Fact]
    public void A_failure_outranks_mistrust()
    {
        var problem = Problem with { Scale = 1e-9 };
        var reference = Reference(problem);
        var output = Output(problem, reference);
        output.Span<Half>()[0] += (Half)1;
        Assert.Equal(Verdict.Fail, new AttentionTolerance().Judge(problem, reference, output).State);
    }

    [Fact]
    public void A_refusal_is_unsupported() =>
        Assert.Equal((Verdict.Unsupported, "no bf16"), (AttentionVerdict.Unsupported("no bf16").State, AttentionVerdict.Unsupported("no bf16").Reasons[0]));

    [Fact]
    public void Wrong_shapes_and_types_are_refused()
    {
        var reference = Reference(Problem);
        var tolerance = new AttentionTolerance();
        Assert.Throws<InvalidInputException>(() => tolerance.Judge(Problem, reference, HostTensor.Zeros(DType.F32, 2, 3, 20, 8)));
        Assert.Throws<InvalidInputException>(() => tolerance.Judge(Problem, reference, HostTensor.Zeros(DType.F16, 2, 20, 3, 8)));
        Assert.Throws<InvalidInputException>(
            () => tolerance.Judge(Problem, reference, Output(Problem, reference), HostTensor.Zeros(DType.F16, 2, 3, 20)));
    }

    private static AttentionReference Reference(AttentionProblem problem)
    {
        var random = new Random(401);
        int[] shape = problem.Layout == AttentionLayout.BatchHeadsLength ? [2, 3, 20, 8] : [2, 20, 3, 8];
        var (q, k, v) = (Seeded.Tensor(random, problem.Type, shape), Seeded.Tensor(random, problem.Type, shape), Seeded.Tensor(random, problem.Type, shape));
        return CompensatedAttention.Run(problem, q, k, v);
    }

    private static HostTensor Output(AttentionProblem problem, AttentionReference reference)
    {
        var canonical = HostTensor.From(reference.Output, 2, 3, 20, 8);
        if (problem.Layout == AttentionLayout.BatchHeadsLength)
        {
            return canonical.To(problem.Type);
        }

        var moved = HostTensor.Zeros(DType.F64, 2, 20, 3, 8);
        for (var i = 0; i < moved.Count; i++)
        {
            var (b, q, h, d) = (i / 480, i / 24 % 20, i / 8 % 3, i % 8);
            moved.Span<double>()[i] = reference.Output[(((((b * 3) + h) * 20) + q) * 8) + d];
        }

        return moved.To(problem.Type);
    }

    private static HostTensor LogSumExp(AttentionProblem problem, AttentionReference reference) =>
        HostTensor.From(reference.LogSumExp, 2, 3, 20).To(problem.Type == DType.F64 ? DType.F64 : DType.F32);
}
