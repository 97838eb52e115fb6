namespace Stof.Reference.Masks;

/// <summary>
/// A pattern moved inside its rectangle: query q may attend to key k if the pair (q − queries, k − keys) is inside the rectangle and the
/// pattern allows it there; what moves in from outside is forbidden. Indices move, not positions. Text form:
/// <c>shift(of=causal,keys=2)</c>.
/// </summary>
public sealed record ShiftMask : NamedMask
{
    /// <summary>The catalogue's entry.</summary>
    public static MaskEntry Entry { get; } = new()
    {
        Name = "shift",
        Formula = "(q − queries, k − keys) inside the rectangle and allowed by `of`",
        Summary = "A pattern moved by whole queries and keys, down and to the right where they are positive. Nothing is allowed where the moved "
            + "rectangle does not reach. As exact about rectangles as `of` is.",
        Parameters =
        [
            MaskParameter.Pattern("of", "the pattern that moves"),
            MaskParameter.Whole("queries", "queries it moves down; default 0", optional: true),
            MaskParameter.Whole("keys", "keys it moves to the right; default 0", optional: true),
        ],
        Create = a => new ShiftMask(a.Pattern("of"), a.Whole("queries", 0), a.Whole("keys", 0)),
        Examples =
        [
            "shift(of=causal,keys=2)", "shift(of=sliding(2),queries=3,keys=-1)", "shift(of=local(3),queries=-2)", "shift(full)",
            "shift(of=full,queries=2147483647)", "shift(of=full,keys=-2147483648)", "shift(of=dense(shape=4x4,bits=AQMHDw),queries=1,keys=1)",
        ],
        Sample = new("shift(of=causal & sliding(12),queries=8,keys=16)"),
    };

    /// <summary>Moves a pattern.</summary>
    /// <param name="of">The pattern.</param>
    /// <param name="queries">Queries it moves down; any whole number.</param>
    /// <param name="keys">Keys it moves to the right; any whole number.</param>
    public ShiftMask(MaskPattern of, int queries = 0, int keys = 0)
    {
        ArgumentNullException.ThrowIfNull(of);
        (Of, Queries, Keys) = (of, queries, keys);
    }

    /// <summary>The pattern that moves.</summary>
    public MaskPattern Of { get; }

    /// <summary>Queries it moves down.</summary>
    public int Queries { get; }

    /// <summary>Keys it moves to the right.</summary>
    public int Keys { get; }

    /// <inheritdoc/>
    public override MaskDemand Demand => Of.Demand;

    /// <inheritdoc/>
    public override string Name => "shift";

    /// <inheritdoc/>
    public override IReadOnlyList<MaskParameterValue> Arguments => OfAnd(Of, ("queries", Queries, 0), ("keys", Keys, 0));

    /// <inheritdoc/>
    public override BoundMask Bind(MaskExtent extent) => new Bound(Of.Bind(extent), Queries, Keys);

    private sealed class Bound(BoundMask inner, long queries, long keys) : BoundMask(inner.Extent)
    {
        public override bool VariesByBatch => inner.VariesByBatch;

        public override bool VariesByHead => inner.VariesByHead;

        public override bool Allows(int batch, int head, int query, int key)
        {
            var (q, k) = (query - queries, key - keys);
            return q >= 0 && q < Extent.QueryLength && k >= 0 && k < Extent.KeyLength && inner.Allows(batch, head, (int)q, (int)k);
        }

        public override TileClass Classify(int batch, int head, MaskRect rect)
        {
            var (queryStart, queryEnd) = (Math.Max(rect.QueryStart - queries, 0), Math.Min(rect.QueryEnd - queries, Extent.QueryLength));
            var (keyStart, keyEnd) = (Math.Max(rect.KeyStart - keys, 0), Math.Min(rect.KeyEnd - keys, Extent.KeyLength));
            if (queryStart >= queryEnd || keyStart >= keyEnd)
            {
                return TileClass.Empty;
            }

            var known = inner.Classify(batch, head, new MaskRect((int)queryStart, (int)queryEnd, (int)keyStart, (int)keyEnd));
            var whole = queryEnd - queryStart == rect.QueryEnd - rect.QueryStart && keyEnd - keyStart == rect.KeyEnd - rect.KeyStart;
            return whole ? known : known.Join(TileClass.Empty);
        }

        public override ulong Row64(int batch, int head, int query, int keyStart)
        {
            var (q, k) = (query - queries, keyStart - keys);
            if (q < 0 || q >= Extent.QueryLength || k <= -RowBits || k >= Extent.KeyLength)
            {
                return 0;
            }

            var bits = k >= 0 ? inner.Row64(batch, head, (int)q, (int)k) : inner.Row64(batch, head, (int)q, 0) << (int)-k;
            return bits & KeysBetween(keyStart, 0, Extent.KeyLength);
        }
    }
}
