namespace Stof.Reference.Masks;

/// <summary>Both patterns must allow the pair. Text form: <c>a &amp; b</c>.</summary>
/// <param name="Left">One pattern.</param>
/// <param name="Right">The other.</param>
public sealed record AndMask(MaskPattern Left, MaskPattern Right) : MaskPattern
{
    /// <inheritdoc/>
    public override MaskDemand Demand => Left.Demand.And(Right.Demand);

    /// <inheritdoc/>
    public override BoundMask Bind(MaskExtent extent) => new Bound(Left.Bind(extent), Right.Bind(extent));

    /// <inheritdoc/>
    protected override string ToText() =>
        // "&" binds tighter than "|" and associates to the left: only what would parse otherwise is wrapped.
        $"{(Left is OrMask ? $"({Left})" : Left)} & {(Right is AndMask or OrMask ? $"({Right})" : Right)}";

    private sealed class Bound(BoundMask left, BoundMask right) : BoundMask(left.Extent)
    {
        public override bool VariesByBatch => left.VariesByBatch || right.VariesByBatch;

        public override bool VariesByHead => left.VariesByHead || right.VariesByHead;

        public override bool Allows(int batch, int head, int query, int key) =>
            left.Allows(batch, head, query, key) && right.Allows(batch, head, query, key);

        public override TileClass Classify(int batch, int head, MaskRect rect)
        {
            var known = left.Classify(batch, head, rect);
            return known == TileClass.Empty ? known : known.And(right.Classify(batch, head, rect));
        }

        public override ulong Row64(int batch, int head, int query, int keyStart) =>
            left.Row64(batch, head, query, keyStart) & right.Row64(batch, head, query, keyStart);
    }
}
