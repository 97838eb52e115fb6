using Stof.Reference.Masks;
using Stof.Reference.Numerics;

namespace Stof.Reference.Operators;

/// <summary>Order of the axes of Q, K, V and O in memory.</summary>
public enum AttentionLayout
{
    /// <summary>[batch, heads, length, head size].</summary>
    BatchHeadsLength,

    /// <summary>[batch, length, heads, head size].</summary>
    BatchLengthHeads,
}

/// <summary>Whether the row-wise log-sum-exp is returned beside the output.</summary>
public enum LogSumExpOutput
{
    /// <summary>Not returned.</summary>
    None,

    /// <summary>Natural logarithm, [batch, query heads, Sq] in F32 (F64 for F64 problems); −∞ for a row without keys.</summary>
    Natural,
}

/// <summary>
/// One attention, with every choice named on which implementations silently disagree:
/// s = cap(scale·q·k + bias), masked; o = softmax(s)·v; a row without an allowed key gives 0 and LSE −∞.
/// Shapes: Q [B, Hq, Sq, D], K [B, Hkv, Skv, D], V [B, Hkv, Skv, Dv], O [B, Hq, Sq, Dv] (or the other layout).
/// </summary>
public sealed record AttentionProblem
{
    /// <summary>Batch size B.</summary>
    public required int Batch { get; init; }

    /// <summary>Query heads Hq, a multiple of <see cref="KvHeads"/>.</summary>
    public required int QueryHeads { get; init; }

    /// <summary>Key/value heads Hkv; query head h reads KV head ⌊h·Hkv/Hq⌋.</summary>
    public required int KvHeads { get; init; }

    /// <summary>Queries Sq.</summary>
    public required int QueryLength { get; init; }

    /// <summary>Keys Skv.</summary>
    public required int KvLength { get; init; }

    /// <summary>Size D of a query and a key, 1…512.</summary>
    public required int HeadSize { get; init; }

    /// <summary>Size Dv of a value, 1…512; null means <see cref="HeadSize"/>.</summary>
    public int? ValueHeadSize { get; init; }

    /// <summary>Element type of Q, K, V and O.</summary>
    public DType Type { get; init; } = DType.F32;

    /// <summary>Which query attends to which key.</summary>
    public MaskPattern Mask { get; init; } = new FullMask();

    /// <summary>How positions line up where Sq ≠ Skv.</summary>
    public PositionAlignment Alignment { get; init; } = PositionAlignment.BottomRight;

    /// <summary>Axis order of all four tensors.</summary>
    public AttentionLayout Layout { get; init; } = AttentionLayout.BatchHeadsLength;

    /// <summary>Factor on q·k; null means 1/√D.</summary>
    public double? Scale { get; init; }

    /// <summary>Added to the scaled score, before the cap; null for none.</summary>
    public ScoreBias? Bias { get; init; }

    /// <summary>c in cap(x) = c·tanh(x/c); null for no cap.</summary>
    public double? Softcap { get; init; }

    /// <summary>One logit a query head that takes part in the softmax without a value; null for none.</summary>
    public IReadOnlyList<double>? Sinks { get; init; }

    /// <summary>
    /// Per batch item how many queries and keys are real; null means all. The mask lives on the real rectangle (alignment
    /// included); rows beyond it are rows without keys.
    /// </summary>
    public IReadOnlyList<SequenceLengths>? Lengths { get; init; }

    /// <summary>Whether LSE is returned.</summary>
    public LogSumExpOutput LogSumExp { get; init; } = LogSumExpOutput.None;

    /// <summary>Number of contiguous key ranges computed apart and merged in ascending order; 1 computes in one piece.</summary>
    public int KvSplits { get; init; } = 1;

    /// <summary>The value size in force.</summary>
    public int ValueSize => ValueHeadSize ?? HeadSize;

    /// <summary>The scale in force.</summary>
    public double EffectiveScale => Scale ?? 1.0 / Math.Sqrt(HeadSize);

    /// <summary>The padded rectangle.</summary>
    public MaskExtent Extent => new(QueryLength, KvLength, Batch, QueryHeads, Alignment);

    /// <summary>Position of query 0 on the key axis of one batch item, its real lengths and the alignment applied.</summary>
    public int QueryOffset(int batch)
    {
        var (queries, keys) = Lengths is null ? new(QueryLength, KvLength) : Lengths[batch];
        return Alignment == PositionAlignment.BottomRight ? keys - queries : 0;
    }

    /// <summary>The KV head that a query head reads.</summary>
    public int KvHeadOf(int queryHead) => (int)((long)queryHead * KvHeads / QueryHeads);

    /// <summary>The mask on the padded rectangle, variable lengths applied.</summary>
    public BoundMask BindMask() => Lengths is null ? Mask.Bind(Extent) : new VariableLengthMask(Mask, Extent, Lengths);

    /// <summary>Checks every field.</summary>
    /// <returns>This problem.</returns>
    /// <exception cref="InvalidInputException">A field is out of range; the message names it.</exception>
    public AttentionProblem Validated()
    {
        Require(Batch >= 1, nameof(Batch), Batch, "1 or more");
        Require(KvHeads >= 1, nameof(KvHeads), KvHeads, "1 or more");
        Require(
            QueryHeads >= 1 && QueryHeads % KvHeads == 0, nameof(QueryHeads), QueryHeads, $"a positive multiple of the {KvHeads} KV heads");
        Require(QueryLength >= 0, nameof(QueryLength), QueryLength, "0 or more");
        Require(KvLength >= 0, nameof(KvLength), KvLength, "0 or more");
        Require(HeadSize is >= 1 and <= 512, nameof(HeadSize), HeadSize, "1 to 512");
        Require(ValueSize is >= 1 and <= 512, nameof(ValueHeadSize), ValueSize, "1 to 512");
        Require(Type.IsFloat(), nameof(Type), Type, "F64, F32, F16 or BF16");
        Require(double.IsFinite(EffectiveScale), nameof(Scale), EffectiveScale, "a finite number");
        Require(Softcap is null || (double.IsFinite(Softcap.Value) && Softcap > 0), nameof(Softcap), Softcap ?? 0, "a finite number above 0");
        Require(KvSplits >= 1, nameof(KvSplits), KvSplits, "1 or more");
        if (Sinks is not null)
        {
            Require(Sinks.Count == QueryHeads, nameof(Sinks), $"{Sinks.Count} values", $"one for each of {QueryHeads} query heads");
            Require(Sinks.All(double.IsFinite), nameof(Sinks), "a value that is not finite", "finite values");
        }

        if (Lengths is not null)
        {
            Require(Lengths.Count == Batch, nameof(Lengths), $"{Lengths.Count} items", $"one for each of {Batch} batch items");
            foreach (var (queries, keys) in Lengths)
            {
                Require(queries >= 0 && queries <= QueryLength, nameof(Lengths), $"{queries} queries", $"0 to {QueryLength}");
                Require(keys >= 0 && keys <= KvLength, nameof(Lengths), $"{keys} keys", $"0 to {KvLength}");
            }
        }

        Bias?.Validate(this);
        return this;
    }

    private static void Require(bool condition, string name, object found, string expected)
    {
        if (!condition)
        {
            throw new InvalidInputException(name, FormattableString.Invariant($"{found}"), expected);
        }
    }
}

/// <summary>How much of a padded batch item is real.</summary>
/// <param name="Queries">Real queries, from the start.</param>
/// <param name="Keys">Real keys, from the start.</param>
public readonly record struct SequenceLengths(int Queries, int Keys);
