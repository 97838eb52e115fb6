using Stof.Reference.Operators;
using Stof.Reference.Tensors;

namespace Stof.Reference.Numerics;

/// <summary>
/// The contract's rules for "agrees with the oracle": a relative Frobenius limit on unit-normal inputs, a budget for every
/// element that knows the condition of its row, a limit on LSE, exact zeros and −∞ in rows without keys, and a check that the
/// case could have shown an error at all.
/// <para>
/// Element budget: a·u_out·A + 4·u_acc·(√n + σ)·A + 2·η_P·W/L + η_out, with the terms of <see cref="AttentionReference"/>; u
/// half-unit roundoffs of output and accumulation, η half the smallest subnormals of the types holding P and the output, a = 1
/// (F64, F32) or 3 (F16, BF16). The first term is the rounding of P and of the output, the second that of scores and sums, the
/// third P underflowing.
/// </para>
/// </summary>
public sealed record AttentionTolerance
{
    private const double PassShare = 0.5;
    private const double DegenerateShare = 0.9;

    /// <summary>
    /// Whether the Frobenius limit applies. It holds for N(0,1) inputs; outliers and wide scores lose more in any correct kernel,
    /// and the element budget follows them while a fixed limit does not.
    /// </summary>
    public bool LimitFrobenius { get; init; } = true;

    /// <summary>Factor on max(1, |LSE|) for types below F64: 1e-5 on CPUs; GPUs with fast exponentials take 1e-4.</summary>
    public double LogSumExpLimit { get; init; } = 1e-5;

    /// <summary>Part tiles that the case had, where it claims to have some; null where it makes no such claim.</summary>
    public long? PartTiles { get; init; }

    /// <summary>Largest relative Frobenius error of a type on unit-normal inputs.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a floating-point type.</exception>
    public static double FrobeniusLimit(DType type) => type switch
    {
        DType.F64 => 1e-14,
        DType.F32 => 1e-6,
        DType.F16 => 3.5e-4,
        DType.BF16 => 2.8e-3,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "not a floating-point dtype"),
    };

    /// <summary>The budget of one element; 0 in a row without keys.</summary>
    public static double Budget(AttentionReference reference, DType type, int row, int dimension)
    {
        ArgumentNullException.ThrowIfNull(reference);
        var n = reference.AllowedKeys[row];
        if (n == 0)
        {
            return 0;
        }

        var element = (row * reference.ValueSize) + dimension;
        var a = type is DType.F16 or DType.BF16 ? 3 : 1;
        var accumulation = type == DType.F64 ? DType.F64.UnitRoundoff() : DType.F32.UnitRoundoff();
        var absolute = reference.AbsoluteOutput[element];
        return (a * type.UnitRoundoff() * absolute)
            + (4 * accumulation * (Math.Sqrt(n) + reference.ScoreMagnitude[row]) * absolute)
            + (2 * type.HalfSubnormal() * reference.ValueSum[element] / reference.WeightSum[row])
            + type.HalfSubnormal();
    }

    /// <summary>Judges an output.</summary>
    /// <param name="problem">The problem, for shapes, layout and dtype.</param>
    /// <param name="reference">The oracle's answer.</param>
    /// <param name="output">O in the problem's layout and dtype.</param>
    /// <param name="logSumExp">[B, Hq, Sq] F32 or F64; null if not computed.</param>
    /// <exception cref="InvalidInputException">A tensor has the wrong shape or dtype.</exception>
    public AttentionVerdict Judge(
        AttentionProblem problem, AttentionReference reference, HostTensor output, HostTensor? logSumExp = null)
    {
        ArgumentNullException.ThrowIfNull(problem);
        ArgumentNullException.ThrowIfNull(reference);
        return Judge(problem, reference, Canonical(problem, reference, output), logSumExp is null ? null : Canonical(problem, logSumExp));
    }

    /// <summary>Judges values in the reference's order.</summary>
    /// <param name="problem">The problem, for its heads and dtype.</param>
    /// <param name="reference">The oracle's answer, for all queries or for some.</param>
    /// <param name="actual">[rows, Dv], widened exactly.</param>
    /// <param name="logSumExp">[rows], natural; null if not computed.</param>
    /// <param name="queries">The queries that the reference covers, ascending, the same for all heads; null for all.</param>
    /// <exception cref="InvalidInputException">The counts do not fit.</exception>
    public AttentionVerdict Judge(
        AttentionProblem problem, AttentionReference reference, double[] actual, double[]? logSumExp, IReadOnlyList<int>? queries = null)
    {
        ArgumentNullException.ThrowIfNull(problem);
        ArgumentNullException.ThrowIfNull(reference);
        ArgumentNullException.ThrowIfNull(actual);
        var metrics = ErrorMetrics.Compare(reference.Output, actual, problem.Type, reference.ValueSize);
        var (used, worst) = ElementBudget(problem, reference, actual, queries);
        var (lseUsed, lseRow) = logSumExp is null ? (0, -1) : LogSumExpBudget(problem.Type, reference, logSumExp);

        var failures = new List<string>();
        var margins = new List<string>();
        if (LimitFrobenius && metrics.RelativeFrobenius > FrobeniusLimit(problem.Type))
        {
            failures.Add($"relative Frobenius error {metrics.RelativeFrobenius:g3}, limit {FrobeniusLimit(problem.Type):g3}");
        }

        Note(failures, margins, used, $"element {Describe(worst)} uses {used:g3} of its budget");
        Note(failures, margins, lseUsed, $"LSE of row {lseRow} uses {lseUsed:g3} of its limit");
        var odd = metrics.NonFinite;
        if (odd.Wrong > 0)
        {
            failures.Add(
                $"{odd.UnexpectedNaN} unexpected NaN, {odd.UnexpectedInfinity} unexpected infinities, {odd.Hidden} hidden");
        }

        var doubts = Doubts(reference);
        var state = failures.Count > 0 ? Verdict.Fail
            : doubts.Count > 0 ? Verdict.Mistrusted
            : margins.Count > 0 ? Verdict.Marginal
            : Verdict.Pass;
        return new AttentionVerdict
        {
            State = state,
            Reasons = [.. failures, .. doubts, .. margins],
            BudgetUsed = used,
            LogSumExpUsed = lseUsed,
            Worst = worst,
            Metrics = metrics,
        };
    }

    private static void Note(List<string> failures, List<string> margins, double used, string text)
    {
        if (used > 1)
        {
            failures.Add(text);
        }
        else if (used > PassShare)
        {
            margins.Add(text);
        }
    }

    private static string Describe(WorstElement? worst) =>
        worst is null
            ? "none"
            : $"(b {worst.Batch}, h {worst.Head}, q {worst.Query}, d {worst.Dimension})"
                + $" = {worst.Actual:g9}, expected {worst.Expected:g9},";

    private static double[] Canonical(AttentionProblem problem, AttentionReference reference, HostTensor output)
    {
        var (b, h, q, d) = (problem.Batch, problem.QueryHeads, problem.QueryLength, problem.ValueSize);
        var byHeads = problem.Layout == AttentionLayout.BatchHeadsLength;
        ReadOnlySpan<int> shape = byHeads ? [b, h, q, d] : [b, q, h, d];
        if (output.Type != problem.Type || !output.HasShape(shape))
        {
            throw new InvalidInputException(nameof(output), output.ToString(), $"{problem.Type}{HostTensor.Describe(shape)}");
        }

        if (reference.Rows != b * h * q || reference.Output.Length != output.Count)
        {
            throw new InvalidInputException(nameof(reference), $"{reference.Rows} rows", $"{b * h * q} rows of {d}");
        }

        var values = output.ToDoubles();
        if (byHeads)
        {
            return values;
        }

        var canonical = new double[values.Length];
        for (var row = 0; row < reference.Rows; row++)
        {
            var (batch, head, query) = (row / (h * q), row / q % h, row % q);
            values.AsSpan(((((batch * q) + query) * h) + head) * d, d).CopyTo(canonical.AsSpan(row * d));
        }

        return canonical;
    }

    private static (double Used, WorstElement? Worst) ElementBudget(
        AttentionProblem problem, AttentionReference reference, double[] actual, IReadOnlyList<int>? selected)
    {
        var worst = 0.0;
        var (worstRow, worstDimension) = (-1, 0);
        for (var row = 0; row < reference.Rows; row++)
        {
            for (var d = 0; d < reference.ValueSize; d++)
            {
                var index = (row * reference.ValueSize) + d;
                var error = Math.Abs(actual[index] - reference.Output[index]);
                if (!double.IsFinite(error) || error == 0)
                {
                    continue; // what is not finite is counted by kind elsewhere
                }

                var used = error / Budget(reference, problem.Type, row, d);
                if (used > worst)
                {
                    (worst, worstRow, worstDimension) = (used, row, d);
                }
            }
        }

        if (worstRow < 0)
        {
            return (0, null);
        }

        var (heads, queries) = (problem.QueryHeads, selected?.Count ?? problem.QueryLength);
        var at = (worstRow * reference.ValueSize) + worstDimension;
        var element = new WorstElement(
            worstRow / (heads * queries),
            worstRow / queries % heads,
            selected?[worstRow % queries] ?? worstRow % queries,
            worstDimension,
            reference.Output[at],
            actual[at],
            Budget(reference, problem.Type, worstRow, worstDimension));
        return (worst, element);
    }

    private static double[] Canonical(AttentionProblem problem, HostTensor logSumExp)
    {
        var fits = logSumExp.HasShape(problem.Batch, problem.QueryHeads, problem.QueryLength);
        if (!fits || logSumExp.Type is not (DType.F32 or DType.F64))
        {
            throw new InvalidInputException(
                nameof(logSumExp),
                logSumExp.ToString(),
                $"F32 or F64 [{problem.Batch}, {problem.QueryHeads}, {problem.QueryLength}]");
        }

        return logSumExp.ToDoubles();
    }

    private (double Used, int Row) LogSumExpBudget(DType type, AttentionReference reference, double[] actual)
    {
        if (actual.Length != reference.Rows)
        {
            throw new InvalidInputException("logSumExp", $"{actual.Length} rows", $"{reference.Rows} as in the reference");
        }

        var factor = type == DType.F64 ? 1e-13 : LogSumExpLimit;
        var (worst, worstRow) = (0.0, -1);
        for (var row = 0; row < actual.Length; row++)
        {
            var expected = reference.LogSumExp[row];
            var got = actual[row];
            var bothShow = Shows(expected) && Shows(got);
            var limit = factor * Math.Max(1, Math.Abs(expected));
            var used = got.Equals(expected) || bothShow ? 0
                : double.IsFinite(expected) && double.IsFinite(got) ? Math.Abs(got - expected) / limit
                : double.PositiveInfinity;
            if (used > worst)
            {
                (worst, worstRow) = (used, row);
            }
        }

        return (worst, worstRow);
    }

    // A NaN or +∞ among the scores must show in LSE; as which of the two is not said. −∞ means "no keys" and nothing else.
    private static bool Shows(double value) => double.IsNaN(value) || double.IsPositiveInfinity(value);

    private List<string> Doubts(AttentionReference reference)
    {
        var doubts = new List<string>();
        var zeros = reference.Output.Count(value => value == 0);
        if (zeros > DegenerateShare * reference.Output.Length)
        {
            doubts.Add($"{zeros} of {reference.Output.Length} outputs are 0 by right");
        }

        var live = 0;
        var degenerate = 0;
        for (var row = 0; row < reference.Rows; row++)
        {
            var n = reference.AllowedKeys[row];
            var entropy = reference.Entropy[row];
            live += n > 0 ? 1 : 0;
            degenerate += n > 0 && (n == 1 || entropy < 0.1 || entropy > 0.99 * Math.Log(n)) ? 1 : 0;
        }

        if (live == 0 || degenerate > DegenerateShare * live)
        {
            doubts.Add($"softmax is flat, one-hot or of a single key in {degenerate} of {live} rows with keys");
        }

        if (PartTiles == 0)
        {
            doubts.Add("the case claims part tiles and has none");
        }

        return doubts;
    }
}
