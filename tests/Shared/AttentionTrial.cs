using Stof.Reference.Cpu.Oracle;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;

namespace Stof.Reference.Tests;

/// <summary>A problem, its inputs and what the oracle says about it.</summary>
/// <param name="Problem">Always asks for LSE.</param>
/// <param name="Q">Queries.</param>
/// <param name="K">Keys.</param>
/// <param name="V">Values.</param>
/// <param name="Family">What the inputs were drawn from.</param>
/// <param name="Reference">The oracle's answer.</param>
internal sealed record AttentionTrial(
    AttentionProblem Problem, HostTensor Q, HostTensor K, HostTensor V, InputFamily Family, AttentionReference Reference)
{
    /// <summary>
    /// Outputs from which the relative Frobenius error is an average. Below, the rounding of a few F16 outputs alone can exceed
    /// the limit: half a unit in the last place is 4.9e-4, the limit 3.5e-4.
    /// </summary>
    private const int EnoughOutputs = 256;

    /// <summary>Draws inputs and asks the oracle.</summary>
    public static AttentionTrial Of(AttentionProblem problem, InputFamily family, Random random)
    {
        var p = problem with { LogSumExp = LogSumExpOutput.Natural };
        var q = Seeded.Tensor(random, p.Type, family, p.Layout.Shape(p.Batch, p.QueryHeads, p.QueryLength, p.HeadSize));
        var k = Seeded.Tensor(random, p.Type, family, p.Layout.Shape(p.Batch, p.KvHeads, p.KvLength, p.HeadSize));
        var v = Seeded.Tensor(random, p.Type, family, p.Layout.Shape(p.Batch, p.KvHeads, p.KvLength, p.ValueSize));
        return new AttentionTrial(p, q, k, v, family, NaiveAttention.Run(p, q, k, v));
    }

    /// <summary>Factor on max(1, |LSE|); see <see cref="AttentionTolerance.LogSumExpLimit"/>.</summary>
    public double LogSumExpLimit { get; init; } = new AttentionTolerance().LogSumExpLimit;

    /// <summary>Share of the element budget that unit normals may use.</summary>
    public double BudgetShare { get; init; } = 0.5;

    /// <summary>The judge, strict about Frobenius where that limit is meant to hold.</summary>
    public AttentionVerdict Judge(HostTensor output, HostTensor? logSumExp) =>
        new AttentionTolerance
        {
            LimitFrobenius = Family == InputFamily.UnitNormal && output.Count >= EnoughOutputs,
            LogSumExpLimit = LogSumExpLimit,
        }.Judge(Problem, Reference, output, logSumExp);

    /// <summary>
    /// No Fail on any family; on unit normals not more than a share of the budget. The share leaves out η, the last term of the
    /// budget: the one rounding of an output below the smallest normal number may use that term whole.
    /// </summary>
    public void Require(HostTensor output, HostTensor? logSumExp, string label)
    {
        var verdict = Judge(output, logSumExp);
        Assert.True(
            verdict.State != Verdict.Fail,
            $"{label}: {this}: {verdict.BudgetUsed:g3} of the budget; {string.Join("; ", verdict.Reasons)}");
        if (Family == InputFamily.UnitNormal && verdict.BudgetUsed > BudgetShare)
        {
            RequireReserve(output.ToDoubles(), label);
        }
    }

    private void RequireReserve(double[] output, string label)
    {
        var p = Problem;
        var eta = p.Type.HalfSubnormal();
        for (var row = 0; row < Reference.Rows; row++)
        {
            var (b, h, i) = (row / (p.QueryHeads * p.QueryLength), row / p.QueryLength % p.QueryHeads, row % p.QueryLength);
            var start = p.Layout.RowOffset(p.QueryHeads, p.QueryLength, p.ValueSize, b, h, i);
            for (var d = 0; d < p.ValueSize; d++)
            {
                var error = Math.Abs(output[start + d] - Reference.Output[(row * p.ValueSize) + d]);
                var budget = AttentionTolerance.Budget(Reference, p.Type, row, d);
                Assert.True(
                    error <= (BudgetShare * (budget - eta)) + eta, $"{label}: {this}: (b {b}, h {h}, q {i}, d {d}) off by {error:g3} of {budget:g3}");
            }
        }
    }

    /// <inheritdoc/>
    public override string ToString()
    {
        var p = Problem;
        return FormattableString.Invariant(
            $"B{p.Batch} H{p.QueryHeads}/{p.KvHeads} S{p.QueryLength}x{p.KvLength} D{p.HeadSize}/{p.ValueSize} {p.Type} {Family} mask {p.Mask} {p.Alignment} {p.Layout} scale {p.Scale} bias {p.Bias?.GetType().Name} cap {p.Softcap} sinks {p.Sinks is not null} lengths {(p.Lengths is null ? "-" : string.Join(' ', p.Lengths))}");
    }
}
