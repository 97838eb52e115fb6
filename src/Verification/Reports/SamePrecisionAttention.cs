using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;
using Stof.Reference.Verification.Cases;

namespace Stof.Reference.Verification.Reports;

/// <summary>
/// Attention as an unfused implementation computes it in the kernel's own dtype: scores, weights and outputs rounded to it, sums in
/// single precision. Its error is the measure of FlashAttention's 2× rule.
/// </summary>
internal static class SamePrecisionAttention
{
    private const double Shift = 0.3; // of the rule's rounding term
    private const long MultiplyAdds = 200_000_000;

    /// <summary>Applies the rule to all rows, or to evenly spaced ones where all would take long.</summary>
    public static SamePrecisionRule? Rule(
        AttentionProblem p, AttentionCase item, AttentionReference reference, double[] actual, IReadOnlyList<int>? queries)
    {
        if (p.Type == DType.F64 || reference.Rows == 0 || p.KvLength == 0)
        {
            return null;
        }

        var affordable = Math.Max(1, MultiplyAdds / Math.Max(1, (long)p.KvLength * (p.HeadSize + p.ValueSize)));
        var step = (int)Math.Max(1, (reference.Rows + affordable - 1) / affordable);
        var rows = (reference.Rows + step - 1) / step;
        var errors = new (double Kernel, double Naive, double Floor)[rows];
        var count = queries?.Count ?? p.QueryLength;
        var mask = p.BindMask();
        var (q, k, v) = (item.Q.ToDoubles(), item.K.ToDoubles(), item.V.ToDoubles());
        Parallel.For(0, rows, i =>
        {
            var row = i * step;
            var (slice, query) = (row / count, queries?[row % count] ?? (row % count));
            var (b, h) = (slice / p.QueryHeads, slice % p.QueryHeads);
            var keys = new List<int>();
            for (var j = 0; j < p.KvLength; j++)
            {
                if (mask.Allows(b, h, query, j))
                {
                    keys.Add(j);
                }
            }

            var naive = Row(p, b, h, query, keys, q, k, v);
            for (var d = 0; d < p.ValueSize; d++)
            {
                var at = (row * p.ValueSize) + d;
                var right = reference.Output[at];
                var stored = Round(p.Type, right);
                var floor = Round(p.Type, Round(p.Type, stored + Shift) - Shift) - stored;
                errors[i] = (
                    Larger(errors[i].Kernel, actual[at] - right),
                    Larger(errors[i].Naive, naive[d] - right),
                    Larger(errors[i].Floor, floor));
            }
        });
        return new SamePrecisionRule(errors.Max(e => e.Kernel), errors.Max(e => e.Naive), 2 * errors.Max(e => e.Floor), rows);
    }

    private static double Larger(double largest, double error) => double.IsFinite(error) ? Math.Max(largest, Math.Abs(error)) : largest;

    private static double[] Row(AttentionProblem p, int b, int h, int query, List<int> keys, double[] q, double[] k, double[] v)
    {
        var output = new double[p.ValueSize];
        if (keys.Count == 0)
        {
            return output;
        }

        var kvHead = p.KvHeadOf(h);
        var vector = q.AsSpan(p.Layout.RowOffset(p.QueryHeads, p.QueryLength, p.HeadSize, b, h, query), p.HeadSize);
        var scores = new float[keys.Count];
        var largest = p.Sinks is null ? float.NegativeInfinity : (float)p.Sinks[h];
        for (var i = 0; i < scores.Length; i++)
        {
            var key = k.AsSpan(p.Layout.RowOffset(p.KvHeads, p.KvLength, p.HeadSize, b, kvHead, keys[i]), p.HeadSize);
            var dot = 0f;
            for (var d = 0; d < key.Length; d++)
            {
                dot = MathF.FusedMultiplyAdd((float)vector[d], (float)key[d], dot);
            }

            var score = Round(p.Type, Round(p.Type, dot) * p.EffectiveScale);
            score = p.Bias is null ? score : Round(p.Type, score + p.Bias.At(p, b, h, query, keys[i]));
            score = p.Softcap is { } cap ? Round(p.Type, cap * Math.Tanh(score / cap)) : score;
            scores[i] = (float)score;
            largest = MathF.Max(largest, scores[i]);
        }

        var sum = p.Sinks is null ? 0f : MathF.Exp((float)p.Sinks[h] - largest);
        for (var i = 0; i < scores.Length; i++)
        {
            scores[i] = MathF.Exp(scores[i] - largest);
            sum += scores[i];
        }

        var sums = new float[p.ValueSize];
        for (var i = 0; i < scores.Length; i++)
        {
            var weight = (float)Round(p.Type, scores[i] / sum);
            var value = v.AsSpan(p.Layout.RowOffset(p.KvHeads, p.KvLength, p.ValueSize, b, kvHead, keys[i]), p.ValueSize);
            for (var d = 0; d < sums.Length; d++)
            {
                sums[d] = MathF.FusedMultiplyAdd(weight, (float)value[d], sums[d]);
            }
        }

        for (var d = 0; d < sums.Length; d++)
        {
            output[d] = Round(p.Type, sums[d]);
        }

        return output;
    }

    private static double Round(DType type, double value) => type switch
    {
        DType.F16 => (double)(Half)value,
        DType.BF16 => (double)(BFloat16)value,
        _ => (float)value,
    };
}
