namespace Stof.Reference.Masks;

/// <summary>Both patterns must allow the pair. Text form: <c>a &amp; b</c>.</summary>
/// <param name="Left">One pattern.</param>
/// <param name="Right">The other.</param>
public sealed record AndMask(MaskPattern Left, MaskPattern Right) : MaskPattern
{
    /// <inheritdoc/>
    public override BoundMask Bind(MaskExtent extent) => new Bound(Left.Bind(extent), Right.Bind(extent));

    /// <inheritdoc/>
    protected override string ToText() => $"{Parenthesise(Left)} & {Parenthesise(Right)}";

    // "&" binds tighter than "|" and associates to the left: only what would parse otherwise is wrapped.
    private static string Parenthesise(MaskPattern pattern) => pattern is OrMask ? $"({pattern})" : pattern.ToString();

    private sealed class Bound(BoundMask left, BoundMask right) : BoundMask(left.Extent)
    {
        public override bool VariesByBatch => left.VariesByBatch || right.VariesByBatch;

        public override bool VariesByHead => left.VariesByHead || right.VariesByHead;

        public override bool Allows(int batch, int head, int query, int key) =>
            left.Allows(batch, head, query, key) && right.Allows(batch, head, query, key);

        public override TileClass Classify(int batch, int head, MaskRect rect)
        {
            var a = left.Classify(batch, head, rect);
            if (a == TileClass.Empty)
            {
                return a;
            }

            var b = right.Classify(batch, head, rect);
            return a == TileClass.Full ? b : b == TileClass.Full ? a : b;
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
    protected override string ToText() => $"{Left} | {Right}";

    private sealed class Bound(BoundMask left, BoundMask right) : BoundMask(left.Extent)
    {
        public override bool VariesByBatch => left.VariesByBatch || right.VariesByBatch;

        public override bool VariesByHead => left.VariesByHead || right.VariesByHead;

        public override bool Allows(int batch, int head, int query, int key) =>
            left.Allows(batch, head, query, key) || right.Allows(batch, head, query, key);

        public override TileClass Classify(int batch, int head, MaskRect rect)
        {
            var a = left.Classify(batch, head, rect);
            if (a == TileClass.Full)
            {
                return a;
            }

            var b = right.Classify(batch, head, rect);
            return a == TileClass.Empty ? b : b == TileClass.Empty ? a : b;
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

        public override TileClass Classify(int batch, int head, MaskRect rect) => inner.Classify(batch, head, rect) switch
        {
            TileClass.Empty => TileClass.Full,
            TileClass.Full => TileClass.Empty,
            var part => part,
        };

        public override ulong Row64(int batch, int head, int query, int keyStart)
        {
            var valid = Math.Min(RowBits, Extent.KeyLength - keyStart);
            var inside = valid >= RowBits ? ulong.MaxValue : (1UL << Math.Max(valid, 0)) - 1;
            return ~inner.Row64(batch, head, query, keyStart) & inside;
        }
    }
}
