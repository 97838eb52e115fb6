using Stof.Reference.Tensors;

namespace Stof.Reference.Operators;

/// <summary>What is added to a scaled score before cap and mask.</summary>
public abstract record ScoreBias
{
    /// <summary>The bias of one score.</summary>
    public abstract double At(AttentionProblem problem, int batch, int head, int query, int key);

    /// <summary>Checks the bias against the problem it belongs to.</summary>
    /// <exception cref="InvalidInputException">The bias does not fit.</exception>
    public abstract void Validate(AttentionProblem problem);
}

/// <summary>
/// A tensor added to the scores, [B or 1, Hq or 1, Sq, Skv]; any floating-point dtype.
/// </summary>
/// <param name="Values">The tensor; extents of 1 in the first two places are broadcast.</param>
public sealed record DenseBias(HostTensor Values) : ScoreBias
{
    private readonly Lazy<double[]> _wide = new(Values.ToDoubles);

    /// <inheritdoc/>
    public override double At(AttentionProblem problem, int batch, int head, int query, int key)
    {
        var shape = Values.Shape;
        var b = shape[0] == 1 ? 0 : batch;
        var h = shape[1] == 1 ? 0 : head;
        return _wide.Value[(((((long)b * shape[1]) + h) * shape[2]) + query) * shape[3] + key];
    }

    /// <inheritdoc/>
    public override void Validate(AttentionProblem problem)
    {
        var shape = Values.Shape;
        var fits = shape.Length == 4
            && (shape[0] == 1 || shape[0] == problem.Batch)
            && (shape[1] == 1 || shape[1] == problem.QueryHeads)
            && shape[2] == problem.QueryLength
            && shape[3] == problem.KvLength;
        if (!fits)
        {
            throw new InvalidInputException(
                "bias", Values.ToString(), $"[{problem.Batch} or 1, {problem.QueryHeads} or 1, {problem.QueryLength}, {problem.KvLength}]");
        }
    }
}

/// <summary>
/// ALiBi (Press et al. 2022): −slope(head) · |q + offset − k|, the offset being that of the problem's alignment (and of the
/// item's real lengths where lengths vary).
/// </summary>
/// <param name="Slopes">One slope a query head.</param>
public sealed record AlibiBias(IReadOnlyList<double> Slopes) : ScoreBias
{
    /// <summary>The paper's slopes 2^(−8(i+1)/n) for n a power of two; otherwise those of the next lower power, then every other one of the next higher.</summary>
    public static AlibiBias Standard(int heads)
    {
        var lower = 1;
        while (lower * 2 <= heads)
        {
            lower *= 2;
        }

        var slopes = new double[heads];
        for (var h = 0; h < heads; h++)
        {
            slopes[h] = h < lower
                ? Math.Pow(2, -8.0 * (h + 1) / lower)
                : Math.Pow(2, -4.0 * ((2 * (h - lower)) + 1) / lower);
        }

        return new AlibiBias(slopes);
    }

    /// <inheritdoc/>
    public override double At(AttentionProblem problem, int batch, int head, int query, int key) =>
        -Slopes[head] * Math.Abs(query + problem.QueryOffset(batch) - key);

    /// <inheritdoc/>
    public override void Validate(AttentionProblem problem)
    {
        if (Slopes.Count != problem.QueryHeads || !Slopes.All(double.IsFinite))
        {
            throw new InvalidInputException("alibi slopes", $"{Slopes.Count} values", $"{problem.QueryHeads} finite values, one a query head");
        }
    }
}

/// <summary>
/// T5's relative position bias: table[bucket(k − q − offset), head] (Raffel et al. 2020), bidirectional buckets, logarithmic beyond half.
/// </summary>
/// <param name="Table">[buckets, Hq], any floating-point dtype.</param>
/// <param name="MaxDistance">Distance from which all share the last bucket; T5 uses 128.</param>
public sealed record RelativeBias(HostTensor Table, int MaxDistance = 128) : ScoreBias
{
    private readonly Lazy<double[]> _wide = new(Table.ToDoubles);

    /// <inheritdoc/>
    public override double At(AttentionProblem problem, int batch, int head, int query, int key) =>
        _wide.Value[(Bucket(key - query - problem.QueryOffset(batch), Table.Shape[0], MaxDistance) * Table.Shape[1]) + head];

    /// <summary>Bucket of a relative position k − q: half of the buckets for each sign, the upper half of those logarithmic.</summary>
    public static int Bucket(int relative, int buckets, int maxDistance)
    {
        var half = buckets / 2;
        var start = relative > 0 ? half : 0;
        var distance = Math.Abs(relative);
        var exact = half / 2;
        if (distance < exact)
        {
            return start + distance;
        }

        // Single precision on purpose: checkpoints were trained with buckets computed this way, and an exact power of the
        // base sits on a rounding edge.
        var log = MathF.Log((float)distance / exact) / (float)Math.Log((double)maxDistance / exact) * (half - exact);
        return start + Math.Min(exact + (int)log, half - 1);
    }

    /// <inheritdoc/>
    public override void Validate(AttentionProblem problem)
    {
        if (Table.Rank != 2 || Table.Shape[0] < 4 || Table.Shape[0] % 2 != 0 || Table.Shape[1] != problem.QueryHeads)
        {
            throw new InvalidInputException("relative bias", Table.ToString(), $"[an even number of buckets from 4, {problem.QueryHeads}]");
        }
    }
}
