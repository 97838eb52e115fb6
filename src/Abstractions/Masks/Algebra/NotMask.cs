namespace Stof.Reference.Masks;

/// <summary>Allows exactly what the pattern forbids. Text form: <c>!a</c>.</summary>
/// <param name="Pattern">The pattern to complement.</param>
public sealed record NotMask(MaskPattern Pattern) : MaskPattern
{
    /// <inheritdoc/>
    public override MaskDemand Demand => Pattern.Demand;

    /// <inheritdoc/>
    public override BoundMask Bind(MaskExtent extent) => new Bound(Pattern.Bind(extent));

    /// <inheritdoc/>
    protected override string ToText() => Pattern is AndMask or OrMask ? $"!({Pattern})" : $"!{Pattern}";

    private sealed class Bound(BoundMask inner) : BoundMask(inner.Extent)
    {
        public override bool VariesByBatch => inner.VariesByBatch;

        public override bool VariesByHead => inner.VariesByHead;

        public override bool Allows(int batch, int head, int query, int key) => !inner.Allows(batch, head, query, key);

        public override TileClass Classify(int batch, int head, MaskRect rect) => inner.Classify(batch, head, rect).Not();

        public override ulong Row64(int batch, int head, int query, int keyStart) =>
            ~inner.Row64(batch, head, query, keyStart) & KeysBetween(keyStart, 0, Extent.KeyLength);
    }
}
