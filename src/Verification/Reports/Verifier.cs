using Stof.Reference.Cpu.Oracle;
using Stof.Reference.Formats;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;
using Stof.Reference.Verification.Cases;

namespace Stof.Reference.Verification.Reports;

/// <summary>How strictly scores must be kept.</summary>
public enum PrecisionProfile
{
    /// <summary>Scores in F32 or wider: the element budget decides.</summary>
    Strict,

    /// <summary>Scores may be rounded to the dtype of inputs: an output that fails the element budget passes by the 2× rule.</summary>
    LowPrecision,
}

/// <summary>What a verification is asked to do.</summary>
public sealed record VerificationOptions
{
    /// <summary>The kernel's tiling, for classes and coordinates; it has no influence on the state.</summary>
    public TileShape Tile { get; init; } = TileShape.Default;

    /// <summary>Queries to check, evenly spaced; null for all.</summary>
    public int? Queries { get; init; }

    /// <summary>How strict.</summary>
    public PrecisionProfile Profile { get; init; }

    /// <summary>The inputs are N(0,1): hold the limit on the relative Frobenius error too.</summary>
    public bool UnitNormal { get; init; }

    /// <summary>Factor on max(1, |LSE|); 1e-4 suits GPUs' fast exponentials.</summary>
    public double LogSumExpLimit { get; init; } = 1e-4;

    /// <summary>The case claims that its mask cuts through tiles; without such a tile it is mistrusted.</summary>
    public bool ExpectsPartTiles { get; init; }

    /// <summary>Elements to list.</summary>
    public int Worst { get; init; } = 10;
}

/// <summary>Judges a kernel's output.</summary>
public static class Verifier
{
    private const double Ln2 = 0.69314718055994531;

    /// <summary>Judges one case.</summary>
    /// <returns>The report; <see cref="Verdict.Unsupported"/> with the numbers where the case is larger than memory.</returns>
    /// <exception cref="InvalidInputException">An option is out of range.</exception>
    public static VerificationReport Run(AttentionCase item, VerificationOptions options)
    {
        ArgumentNullException.ThrowIfNull(item);
        ArgumentNullException.ThrowIfNull(options);
        var p = item.Problem;
        var queries = Selected(p, options.Queries);
        if (Refusal(p, queries?.Count ?? p.QueryLength) is { } refusal)
        {
            return new VerificationReport { Name = item.Name, Verdict = AttentionVerdict.Unsupported(refusal), Tile = options.Tile };
        }

        var reference = BlockedAttention.Run(p, item.Q, item.K, item.V, queries);
        var actual = CanonicalRows.Output(p, item.Output, queries);
        var lse = item.LogSumExp is null ? null : CanonicalRows.PerRow(p, item.LogSumExp, queries);
        var blocks = BlockMaskBuilder.Build(p.BindMask(), options.Tile);
        var tolerance = new AttentionTolerance
        {
            LimitFrobenius = options.UnitNormal,
            LogSumExpLimit = options.LogSumExpLimit,
            PartTiles = options.ExpectsPartTiles ? blocks.PartColIdx.Length : null,
        };
        var natural = item.LseBase == LogSumExpBase.Two && lse is not null ? Times(lse, Ln2) : lse;
        var verdict = tolerance.Judge(p, reference, actual, natural, queries);
        var rule = SamePrecisionAttention.Rule(p, item, reference, actual, queries);
        verdict = Explain(verdict, tolerance, item, reference, actual, natural, queries);
        verdict = Relax(verdict, tolerance, options, rule, item, reference, actual, natural, queries);
        var survey = new ErrorSurvey(p, reference, actual, queries, blocks, options.Worst);
        return new VerificationReport
        {
            Name = item.Name,
            Case = item,
            Verdict = verdict,
            Tile = options.Tile,
            Classes = survey.Classes,
            Worst = survey.Worst,
            Map = survey.Map,
            SamePrecision = rule,
            Inputs = Facts(item, reference),
            RowsChecked = reference.Rows,
            RowsTotal = (long)p.Batch * p.QueryHeads * p.QueryLength,
        };
    }

    /// <summary>Evenly spaced queries, the first and the last among them; null for all.</summary>
    internal static IReadOnlyList<int>? Selected(AttentionProblem p, int? count)
    {
        if (count is < 1)
        {
            throw new InvalidInputException("rows", $"{count}", "1 or more queries");
        }

        return count is null || count >= p.QueryLength
            ? null
            : [.. Enumerable.Range(0, count.Value).Select(i => (int)((long)i * (p.QueryLength - 1) / Math.Max(1, count.Value - 1))).Distinct()];
    }

    // Three doubles an output element, q, k and v widened, and one packed copy of k and v.
    private static string? Refusal(AttentionProblem p, int queries)
    {
        var rows = (double)p.Batch * p.QueryHeads * queries;
        var inputs = ((double)p.Batch * p.QueryHeads * p.QueryLength * p.HeadSize) + ((double)p.Batch * p.KvHeads * p.KvLength * (p.HeadSize + p.ValueSize));
        var needed = 8 * ((4 * rows * p.ValueSize) + (1.5 * inputs));
        var available = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        return needed <= available && rows * p.ValueSize <= Array.MaxLength ? null : FormattableString.Invariant(
            $"{rows:f0} rows of {p.ValueSize} take {needed / 1e9:f1} GB in double; at most {available / 1e9:f1} GB and {Array.MaxLength} elements fit: check a part of the queries (--rows)");
    }

    /// <summary>Adds what a wrong LSE or output looks like, where that is a known convention.</summary>
    private static AttentionVerdict Explain(
        AttentionVerdict verdict,
        AttentionTolerance tolerance,
        AttentionCase item,
        AttentionReference reference,
        double[] actual,
        double[]? natural,
        IReadOnlyList<int>? queries)
    {
        if (natural is null || verdict.LogSumExpUsed <= 1)
        {
            return verdict;
        }

        var (factor, found) = item.LseBase == LogSumExpBase.Natural ? (Ln2, "base 2, not natural") : (1 / Ln2, "natural, not base 2");
        var other = Times(natural, factor);
        if (tolerance.Judge(item.Problem, reference, actual, other, queries).LogSumExpUsed <= 1)
        {
            return verdict with { Reasons = [.. verdict.Reasons, $"LSE is in {found}: every row agrees after a factor of ln 2"] };
        }

        var positive = 0;
        for (var row = 0; row < natural.Length; row++)
        {
            positive += double.IsNegativeInfinity(reference.LogSumExp[row]) && double.IsPositiveInfinity(natural[row]) ? 1 : 0;
        }

        return positive == 0 ? verdict : verdict with
        {
            Reasons = [.. verdict.Reasons, $"LSE is +inf in {positive} rows without keys, as FlashAttention-2 has it; the contract is -inf"],
        };
    }

    /// <summary>Under the low-precision profile the 2× rule replaces the element budget.</summary>
    private static AttentionVerdict Relax(
        AttentionVerdict verdict,
        AttentionTolerance tolerance,
        VerificationOptions options,
        SamePrecisionRule? rule,
        AttentionCase item,
        AttentionReference reference,
        double[] actual,
        double[]? natural,
        IReadOnlyList<int>? queries)
    {
        if (verdict.State != Verdict.Fail || verdict.BudgetUsed <= 1 || rule is not { Holds: true } || verdict.Metrics!.NonFinite.Wrong > 0)
        {
            return verdict;
        }

        var note = $"within twice the error of a naive {item.Problem.Type} attention: the kernel may keep its scores in {item.Problem.Type}";
        if (options.Profile == PrecisionProfile.Strict || verdict.LogSumExpUsed > 1)
        {
            return verdict with { Reasons = [.. verdict.Reasons, note] };
        }

        // What is left is judged as if the output were right.
        var rest = tolerance.Judge(item.Problem, reference, [.. reference.Output], natural, queries);
        return verdict with { State = rest.State == Verdict.Pass ? Verdict.Marginal : rest.State, Reasons = [.. rest.Reasons, note] };
    }

    private static double[] Times(double[] values, double factor) => Array.ConvertAll(values, value => value * factor);

    private static InputFacts Facts(AttentionCase item, AttentionReference reference)
    {
        var (q, k, v) = (CountNonFinite(item.Q), CountNonFinite(item.K), CountNonFinite(item.V));
        return new InputFacts(
            q + k + v, k + v == 0 ? 0 : UnattendedNonFinite(item), reference.AllowedKeys.LongCount(n => n == 0));
    }

    private static long CountNonFinite(HostTensor tensor) => tensor.ToDoubles().LongCount(value => !double.IsFinite(value));

    private static long UnattendedNonFinite(AttentionCase item)
    {
        var p = item.Problem;
        var mask = p.BindMask();
        var (k, v) = (item.K.ToDoubles(), item.V.ToDoubles());
        var count = 0L;
        var group = p.QueryHeads / p.KvHeads;
        for (var row = 0; row < p.Batch * p.KvHeads * p.KvLength; row++)
        {
            var (b, h, j) = (row / (p.KvHeads * p.KvLength), row / p.KvLength % p.KvHeads, row % p.KvLength);
            var isOdd = Odd(k, p.HeadSize) || Odd(v, p.ValueSize);
            count += isOdd && !Attended(b, h, j) ? 1 : 0;

            bool Odd(double[] values, int size)
            {
                var at = p.Layout.RowOffset(p.KvHeads, p.KvLength, size, b, h, j);
                return values.AsSpan(at, size).ContainsAnyExceptInRange(double.MinValue, double.MaxValue);
            }
        }

        return count;

        bool Attended(int b, int kvHead, int key)
        {
            for (var h = kvHead * group; h < (kvHead + 1) * group; h++)
            {
                for (var query = 0; query < p.QueryLength; query++)
                {
                    if (mask.Allows(b, h, query, key))
                    {
                        return true;
                    }
                }
            }

            return false;
        }
    }
}
