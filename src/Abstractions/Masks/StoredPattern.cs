using Stof.Reference.Formats;

namespace Stof.Reference.Masks;

/// <summary>
/// A mask that exists on one rectangle only, read from a file, say, in the role of a pattern: tile lists of 131,072 tokens stay tile
/// lists and are not blown up to bits. It binds to its own rectangle: the same lengths and the same offset between positions; batch
/// items and heads as many as it has, or any number where all of them share one mask.
/// <para>
/// It has no formula: its text, such as <c>stored(tiles,4096x4096)</c>, says what it is and does not parse back, and
/// <see cref="MaskJson"/> refuses it. Two of them are equal if they hold the same object.
/// </para>
/// </summary>
public sealed record StoredPattern : MaskPattern
{
    /// <summary>Wraps a mask.</summary>
    /// <param name="mask">The mask.</param>
    /// <param name="form">The form it is stored in, such as a name of <see cref="MaskFormats"/>; shown in texts and messages.</param>
    public StoredPattern(BoundMask mask, string form)
    {
        ArgumentNullException.ThrowIfNull(mask);
        ArgumentException.ThrowIfNullOrEmpty(form);
        Mask = mask;
        Form = form;
    }

    /// <summary>The mask.</summary>
    public BoundMask Mask { get; }

    /// <summary>The form it is stored in.</summary>
    public string Form { get; }

    /// <inheritdoc/>
    public override MaskDemand Demand => new(
        Mask.Extent.QueryLength, Mask.Extent.KeyLength, Mask.VariesByBatch ? Mask.Extent.Batch : null, Mask.VariesByHead ? Mask.Extent.Heads : null);

    /// <inheritdoc/>
    public override BoundMask Bind(MaskExtent extent)
    {
        ArgumentNullException.ThrowIfNull(extent);
        extent.Validated();
        var own = Mask.Extent;
        if (extent == own)
        {
            return Mask;
        }

        Require(
            extent.QueryLength == own.QueryLength && extent.KeyLength == own.KeyLength,
            $"{own.QueryLength} queries and {own.KeyLength} keys", $"{extent.QueryLength} and {extent.KeyLength}");
        Require(extent.QueryOffset == own.QueryOffset, $"positions aligned {Describe(own)}", Describe(extent));
        Require(!Mask.VariesByBatch || extent.Batch == own.Batch, $"{own.Batch} batch items that differ", $"{extent.Batch}");
        Require(!Mask.VariesByHead || extent.Heads == own.Heads, $"{own.Heads} heads that differ", $"{extent.Heads}");
        return new Shared(extent, Mask);
    }

    /// <inheritdoc/>
    protected override string ToText()
    {
        var extent = Mask.Extent;
        var slices = Mask.VariesByBatch || Mask.VariesByHead
            ? $"{(Mask.VariesByBatch ? extent.Batch : 1)}x{(Mask.VariesByHead ? extent.Heads : 1)}x"
            : "";
        return $"stored({Form},{slices}{extent.QueryLength}x{extent.KeyLength})";
    }

    private static string Describe(MaskExtent extent) => extent.Alignment == PositionAlignment.TopLeft ? "top-left" : "bottom-right";

    private void Require(bool condition, string found, string expected)
    {
        if (!condition)
        {
            throw new InvalidInputException($"mask {ToText()}", found, $"{expected}; a stored mask lives on its own rectangle only");
        }
    }

    /// <summary>The same bits for another number of batch items or heads, which share them.</summary>
    private sealed class Shared(MaskExtent extent, BoundMask mask) : BoundMask(extent)
    {
        public override bool VariesByBatch => mask.VariesByBatch;

        public override bool VariesByHead => mask.VariesByHead;

        public override bool Allows(int batch, int head, int query, int key) => mask.Allows(Own(batch), OwnHead(head), query, key);

        public override TileClass Classify(int batch, int head, MaskRect rect) => mask.Classify(Own(batch), OwnHead(head), rect);

        public override ulong Row64(int batch, int head, int query, int keyStart) => mask.Row64(Own(batch), OwnHead(head), query, keyStart);

        private int Own(int batch) => mask.VariesByBatch ? batch : 0;

        private int OwnHead(int head) => mask.VariesByHead ? head : 0;
    }
}
