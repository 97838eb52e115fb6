namespace Stof.Reference.Verification.Diagnosis;

/// <summary>The names under which bugs are reported.</summary>
public static class Families
{
    /// <summary>Part tiles are treated as full ones.</summary>
    public const string BitmapsUnread = "bitmaps unread: part tiles dense";

    /// <summary>Part tiles are masked causally whatever their bits.</summary>
    public const string PartTilesCausal = "bitmaps unread: part tiles causal";

    /// <summary>Batch item 0's mask for all.</summary>
    public const string FirstBatchMask = "batch item 0's mask for all";

    /// <summary>Head 0's mask for all.</summary>
    public const string FirstHeadMask = "head 0's mask for all";

    /// <summary>Top-left instead of bottom-right or the reverse.</summary>
    public const string OtherAlignment = "other alignment";

    /// <summary>A width or offset of the mask is one more or less.</summary>
    public const string OffByOne = "mask edge off by one";

    /// <summary>A width is doubled or halved.</summary>
    public const string WidthDoubledOrHalved = "width doubled or halved";

    /// <summary>One-sided for two-sided or the reverse.</summary>
    public const string OtherSides = "one-sided for two-sided";

    /// <summary>The own position is masked.</summary>
    public const string CausalStrict = "causal strict";

    /// <summary>A causal mask besides.</summary>
    public const string CausalBesides = "causal mask besides";

    /// <summary>One operand of a composed mask is missing.</summary>
    public const string OperandMissing = "one operand of the mask missing";

    /// <summary>No mask.</summary>
    public const string MaskIgnored = "mask ignored";

    /// <summary>Allowed for masked.</summary>
    public const string MaskInverted = "mask inverted";

    /// <summary>Queries and keys of the mask exchanged.</summary>
    public const string MaskTransposed = "mask transposed";

    /// <summary>The mask's columns or rows are displaced.</summary>
    public const string MaskDisplaced = "mask displaced";

    /// <summary>Rows and columns of 8×8 bitmaps exchanged.</summary>
    public const string BitmapsTransposed = "8x8 bitmaps transposed";

    /// <summary>Bits read from the other end.</summary>
    public const string BitsReversed = "bit order reversed";

    /// <summary>Words of a bitmap in the other order.</summary>
    public const string WordOrder = "bitmap words in the other order";

    /// <summary>One tile is left out.</summary>
    public const string TileSkipped = "one listed tile skipped";

    /// <summary>The first or last tile of every list is left out.</summary>
    public const string ListEndSkipped = "an end of every tile list skipped";

    /// <summary>Keys after the last whole tile are left out.</summary>
    public const string RaggedTileDropped = "last ragged tile dropped";

    /// <summary>Padding beyond real lengths is attended.</summary>
    public const string PaddingNotMasked = "padding not masked";

    /// <summary>The neighbouring K tile instead of the next listed one.</summary>
    public const string NeighbourTile = "neighbouring tile instead of the next listed one";

    /// <summary>The accumulator is not rescaled.</summary>
    public const string NotRescaled = "accumulator not rescaled";

    /// <summary>The flag of the first tile is inverted.</summary>
    public const string FirstTileFlag = "first-tile flag inverted";

    /// <summary>Softmax over queries.</summary>
    public const string WrongAxis = "softmax over the wrong axis";

    /// <summary>No division by the sum.</summary>
    public const string NotNormalized = "not divided by the sum";

    /// <summary>The scale is 1, squared or of another size.</summary>
    public const string WrongScale = "wrong scale";

    /// <summary>The cap hits masked scores.</summary>
    public const string CapAfterMask = "softcap after mask";

    /// <summary>No cap.</summary>
    public const string CapMissing = "softcap missing";

    /// <summary>Bias before scale.</summary>
    public const string BiasBeforeScale = "bias before scale";

    /// <summary>No bias, or its negative.</summary>
    public const string BiasWrong = "bias missing or negated";

    /// <summary>No sinks.</summary>
    public const string SinksMissing = "sinks missing";

    /// <summary>h mod Hkv.</summary>
    public const string HeadMapping = "GQA head mapping";

    /// <summary>Memory read in another order.</summary>
    public const string WrongLayout = "operand read in another layout";

    /// <summary>V read as its transpose.</summary>
    public const string ValuesTransposed = "V transposed";

    /// <summary>Weights rounded.</summary>
    public const string WeightsRounded = "weights rounded";

    /// <summary>Scores rounded.</summary>
    public const string ScoresRounded = "scores rounded";

    /// <summary>Inputs rounded.</summary>
    public const string InputsRounded = "inputs rounded";

    /// <summary>Outputs rounded.</summary>
    public const string OutputsRounded = "output rounded";

    /// <summary>Rows never written.</summary>
    public const string StaleRows = "rows not written";

    /// <summary>Rows without keys.</summary>
    public const string EmptyRows = "rows without keys not zero";

    /// <summary>LSE in base 2 or without a part.</summary>
    public const string LogSumExp = "LSE convention";
}
