namespace Stof.Reference.Masks;

/// <summary>
/// A pattern inside a rectangle of indices, nothing outside: query_start ≤ q &lt; query_end and key_start ≤ k &lt; key_end and the pattern
/// allows the pair. The pattern still lives on the whole extent: this cuts out, it does not move. Text form:
/// <c>restrict(of=causal,key_start=8)</c>.
/// </summary>
public sealed record RestrictMask : NamedMask
{
    /// <summary>The catalogue's entry.</summary>
    public static MaskEntry Entry { get; } = new()
    {
        Name = "restrict",
        Formula = "query_start ≤ q < query_end and key_start ≤ k < key_end and allowed by `of`",
        Summary = "Cuts a rectangle of query and key indices out of a pattern; nothing is allowed outside. An end may lie past the last index. As exact "
            + "about rectangles as `of` is.",
        Parameters =
        [
            MaskParameter.Pattern("of", "the pattern"),
            MaskParameter.Whole("query_start", "first query; default 0", optional: true),
            MaskParameter.Whole("query_end", "one past the last query; default the end", optional: true),
            MaskParameter.Whole("key_start", "first key; default 0", optional: true),
            MaskParameter.Whole("key_end", "one past the last key; default the end", optional: true),
        ],
        Create = a => new RestrictMask(
            a.Pattern("of"), a.Whole("query_start", 0), a.Whole("query_end", int.MaxValue), a.Whole("key_start", 0), a.Whole("key_end", int.MaxValue)),
        Examples =
        [
            "restrict(of=causal,key_start=8)", "restrict(of=full,query_start=2,query_end=5,key_start=1,key_end=9)", "restrict(of=sliding(3),query_end=7)",
            "restrict(of=full,key_start=4,key_end=4)", "restrict(causal)", "restrict(of=transpose(causal),query_start=3,key_end=10)",
        ],
        Sample = new("restrict(of=causal,query_start=16,query_end=56,key_start=8,key_end=40)"),
    };

    /// <summary>Restricts a pattern.</summary>
    /// <param name="of">The pattern.</param>
    /// <param name="queryStart">First query, 0 or more.</param>
    /// <param name="queryEnd">One past the last query, from <paramref name="queryStart"/> on; 2³¹ − 1 is the end of any extent.</param>
    /// <param name="keyStart">First key, 0 or more.</param>
    /// <param name="keyEnd">One past the last key, from <paramref name="keyStart"/> on; 2³¹ − 1 is the end of any extent.</param>
    /// <exception cref="InvalidInputException">A start is negative or an end is before its start.</exception>
    public RestrictMask(MaskPattern of, int queryStart = 0, int queryEnd = int.MaxValue, int keyStart = 0, int keyEnd = int.MaxValue)
    {
        ArgumentNullException.ThrowIfNull(of);
        Of = of;
        QueryStart = AtLeast("query_start", queryStart, 0);
        QueryEnd = AtLeast("query_end", queryEnd, queryStart);
        KeyStart = AtLeast("key_start", keyStart, 0);
        KeyEnd = AtLeast("key_end", keyEnd, keyStart);
    }

    /// <summary>The pattern that is cut.</summary>
    public MaskPattern Of { get; }

    /// <summary>First query.</summary>
    public int QueryStart { get; }

    /// <summary>One past the last query; 2³¹ − 1 for the end.</summary>
    public int QueryEnd { get; }

    /// <summary>First key.</summary>
    public int KeyStart { get; }

    /// <summary>One past the last key; 2³¹ − 1 for the end.</summary>
    public int KeyEnd { get; }

    /// <inheritdoc/>
    public override MaskDemand Demand => Of.Demand;

    /// <inheritdoc/>
    public override string Name => "restrict";

    /// <inheritdoc/>
    public override IReadOnlyList<MaskParameterValue> Arguments => OfAnd(
        Of,
        ("query_start", QueryStart, 0),
        ("query_end", QueryEnd, int.MaxValue),
        ("key_start", KeyStart, 0),
        ("key_end", KeyEnd, int.MaxValue));

    /// <inheritdoc/>
    public override BoundMask Bind(MaskExtent extent) => new Bound(Of.Bind(extent), new MaskRect(QueryStart, QueryEnd, KeyStart, KeyEnd));

    private sealed class Bound(BoundMask inner, MaskRect inside) : BoundMask(inner.Extent)
    {
        public override bool VariesByBatch => inner.VariesByBatch;

        public override bool VariesByHead => inner.VariesByHead;

        public override bool Allows(int batch, int head, int query, int key) =>
            query >= inside.QueryStart && query < inside.QueryEnd && key >= inside.KeyStart && key < inside.KeyEnd
            && inner.Allows(batch, head, query, key);

        public override TileClass Classify(int batch, int head, MaskRect rect)
        {
            var common = new MaskRect(
                Math.Max(rect.QueryStart, inside.QueryStart),
                Math.Min(rect.QueryEnd, inside.QueryEnd),
                Math.Max(rect.KeyStart, inside.KeyStart),
                Math.Min(rect.KeyEnd, inside.KeyEnd));
            if (common.QueryStart >= common.QueryEnd || common.KeyStart >= common.KeyEnd)
            {
                return TileClass.Empty;
            }

            var known = inner.Classify(batch, head, common);
            return common == rect ? known : known.Join(TileClass.Empty);
        }

        public override ulong Row64(int batch, int head, int query, int keyStart)
        {
            var keys = query >= inside.QueryStart && query < inside.QueryEnd ? KeysBetween(keyStart, inside.KeyStart, inside.KeyEnd) : 0;
            return keys == 0 ? 0 : keys & inner.Row64(batch, head, query, keyStart);
        }
    }
}
