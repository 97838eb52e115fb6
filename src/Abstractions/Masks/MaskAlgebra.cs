namespace Stof.Reference.Masks;

/// <summary>Both patterns must allow the pair. Text form: <c>a &amp; b</c>.</summary>
/// <param name="Left">One pattern.</param>
/// <param name="Right">The other.</param>
public sealed record AndMask(MaskPattern Left, MaskPattern Right) : MaskPattern
{
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

/// <summary>Either pattern may allow the pair. Text form: <c>a | b</c>.</summary>
/// <param name="Left">One pattern.</param>
/// <param name="Right">The other.</param>
public sealed record OrMask(MaskPattern Left, MaskPattern Right) : MaskPattern
{
    /// <inheritdoc/>
    public override BoundMask Bind(MaskExtent extent) => new Bound(Left.Bind(extent), Right.Bind(extent));

    /// <inheritdoc/>
    protected override string ToText() => $"{Left} | {(Right is OrMask ? $"({Right})" : Right)}";

    private sealed class Bound(BoundMask left, BoundMask right) : BoundMask(left.Extent)
    {
        public override bool VariesByBatch => left.VariesByBatch || right.VariesByBatch;

        public override bool VariesByHead => left.VariesByHead || right.VariesByHead;

        public override bool Allows(int batch, int head, int query, int key) =>
            left.Allows(batch, head, query, key) || right.Allows(batch, head, query, key);

        public override TileClass Classify(int batch, int head, MaskRect rect)
        {
            var known = left.Classify(batch, head, rect);
            return known == TileClass.Full ? known : known.Or(right.Classify(batch, head, rect));
        }

        public override ulong Row64(int batch, int head, int query, int keyStart) =>
            left.Row64(batch, head, query, keyStart) | right.Row64(batch, head, query, keyStart);
    }
}

/// <summary>Allows exactly what the pattern forbids. Text form: <c>!a</c>.</summary>
/// <param name="Pattern">The pattern to complement.</param>
public sealed record NotMask(MaskPattern Pattern) : MaskPattern
{
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
