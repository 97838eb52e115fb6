using Stof.Reference.Formats;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;

namespace Stof.Reference.Verification.Diagnosis;

/// <summary>How an operand's memory is read.</summary>
public enum OperandReading
{
    /// <summary>As the problem's layout says.</summary>
    AsGiven,

    /// <summary>As if it had the other layout.</summary>
    OtherLayout,

    /// <summary>As if length and head size were exchanged within a head.</summary>
    Transposed,
}

/// <summary>Which KV head a query head reads.</summary>
public enum HeadMap
{
    /// <summary>⌊h·Hkv/Hq⌋.</summary>
    Grouped,

    /// <summary>h mod Hkv.</summary>
    Modulo,

    /// <summary>Always KV head 0.</summary>
    First,
}

/// <summary>How the softmax goes over the keys of a row.</summary>
public enum SoftmaxKind
{
    /// <summary>As defined.</summary>
    Defined,

    /// <summary>Online over tiles; the accumulator is not rescaled when the maximum grows, the sum is.</summary>
    AccumulatorNotRescaled,

    /// <summary>Online over tiles; neither accumulator nor sum are rescaled.</summary>
    NothingRescaled,

    /// <summary>Online over tiles, every tile but the first taken for the first: its own maximum, its own sum, nothing rescaled.</summary>
    FirstFlagInverted,

    /// <summary>Over the queries of a key instead of the keys of a query.</summary>
    OverQueries,

    /// <summary>Not divided by the sum.</summary>
    NotNormalized,
}

/// <summary>What a row without keys returns.</summary>
public enum EmptyRowRule
{
    /// <summary>0.</summary>
    Zero,

    /// <summary>The mean of all values: all scores were replaced by one sentinel.</summary>
    Mean,

    /// <summary>The unmasked attention: a sentinel was added to all scores.</summary>
    Unmasked,

    /// <summary>NaN.</summary>
    NotANumber,
}

/// <summary>Tiles of K, V or both are taken from beside the last one read instead of where the list says.</summary>
/// <param name="Tile">The tiling.</param>
/// <param name="Descending">The list is walked from its end, and the tile before the last one is taken; otherwise the tile after it.</param>
/// <param name="Keys">K is taken from there.</param>
/// <param name="Values">V is taken from there.</param>
public sealed record TileRouting(TileShape Tile, bool Descending, bool Keys, bool Values);

/// <summary>Rows that the kernel never wrote: what they hold is not predicted.</summary>
/// <param name="Contains">Whether (batch, head, query) is one of them.</param>
public sealed record UnwrittenRows(Func<int, int, int, bool> Contains);

/// <summary>
/// An attention that differs from its definition in named ways; with nothing changed it is the definition. The mask is that of
/// <see cref="MaskProblem"/> (pattern, alignment, lengths) with <see cref="Edits"/> applied in order.
/// </summary>
public sealed record AttentionVariant
{
    /// <summary>Shapes, scale, bias, cap and sinks.</summary>
    public required AttentionProblem Problem { get; init; }

    /// <summary>Where pattern, alignment and lengths of the mask come from.</summary>
    public required AttentionProblem MaskProblem { get; init; }

    /// <summary>Changes of the mask's bits.</summary>
    public IReadOnlyList<MaskEdit> Edits { get; init; } = [];

    /// <summary>How Q is read.</summary>
    public OperandReading Queries { get; init; }

    /// <summary>How K is read.</summary>
    public OperandReading Keys { get; init; }

    /// <summary>How V is read.</summary>
    public OperandReading Values { get; init; }

    /// <summary>Which KV head is read.</summary>
    public HeadMap Heads { get; init; }

    /// <summary>Misrouted tiles; null for none.</summary>
    public TileRouting? Routing { get; init; }

    /// <summary>The bias is added before scaling.</summary>
    public bool BiasBeforeScale { get; init; }

    /// <summary>The cap is applied to masked scores too, which makes them −c.</summary>
    public bool CapAfterMask { get; init; }

    /// <summary>The tiling whose loaded tiles such masked scores lie in; null for all keys.</summary>
    public TileShape? CapTile { get; init; }

    /// <summary>Factor on the bias.</summary>
    public double BiasFactor { get; init; } = 1;

    /// <summary>Type that q and k are rounded to; null for none. F32 stands for TF32's 10 bits of fraction.</summary>
    public DType? InputRounding { get; init; }

    /// <summary>Type that scaled scores are rounded to; null for none.</summary>
    public DType? ScoreRounding { get; init; }

    /// <summary>Type that unscaled products are rounded to; null for none.</summary>
    public DType? ProductRounding { get; init; }

    /// <summary>Type that weights are rounded to before they meet values; null for none.</summary>
    public DType? WeightRounding { get; init; }

    /// <summary>Weights are divided by the sum before they are rounded.</summary>
    public bool NormalizedBeforeRounding { get; init; }

    /// <summary>Type that outputs are rounded to on the way; null for none.</summary>
    public DType? OutputRounding { get; init; }

    /// <summary>The softmax.</summary>
    public SoftmaxKind Softmax { get; init; }

    /// <summary>Tiling of an online softmax.</summary>
    public TileShape SoftmaxTile { get; init; } = TileShape.Default;

    /// <summary>Tiles are walked from the last to the first.</summary>
    public bool Descending { get; init; }

    /// <summary>Rows without keys.</summary>
    public EmptyRowRule EmptyRows { get; init; }

    /// <summary>Keys of zeros that take part, up to a multiple of this; 0 for none.</summary>
    public int PaddedTo { get; init; }

    /// <summary>Rows not written; null for none.</summary>
    public UnwrittenRows? Unwritten { get; init; }

    /// <summary>The definition.</summary>
    public static AttentionVariant Defined(AttentionProblem problem) => new() { Problem = problem, MaskProblem = problem };
}
