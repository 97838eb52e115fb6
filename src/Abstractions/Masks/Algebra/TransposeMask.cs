namespace Stof.Reference.Masks;

/// <summary>
/// Queries and keys change places: query q may attend to key k if the pattern, on a rectangle of Skv queries and Sq keys, lets query k
/// attend to key q. Transposing twice gives the pattern back. Text form: <c>transpose(causal)</c>.
/// </summary>
public sealed record TransposeMask : NamedMask
{
    /// <summary>The catalogue's entry.</summary>
    public static MaskEntry Entry { get; } = new()
    {
        Name = "transpose",
        Formula = "(k, q) allowed by `of` on the transposed rectangle",
        Summary = "Queries and keys change places: who is seen by whom instead of who sees whom. As exact about rectangles as `of` is.",
        Parameters = [MaskParameter.Pattern("of", "the pattern")],
        Create = a => new TransposeMask(a.Pattern("of")),
        Examples = ["transpose(causal)", "transpose(window(left=3,right=1))", "transpose(prefix(4))", "transpose(tree(-1+0+0+1))", "transpose(documents(4+0+5))"],
        Sample = new("transpose(fixed(block=8,summary=1))"),
    };

    /// <summary>Transposes a pattern.</summary>
    /// <param name="of">The pattern.</param>
    public TransposeMask(MaskPattern of)
    {
        ArgumentNullException.ThrowIfNull(of);
        Of = of;
    }

    /// <summary>The pattern that is transposed.</summary>
    public MaskPattern Of { get; }

    /// <inheritdoc/>
    public override MaskDemand Demand
    {
        get
        {
            var of = Of.Demand;
            return of with { Queries = of.Keys, Keys = of.Queries, LeastQueries = of.LeastKeys, LeastKeys = of.LeastQueries };
        }
    }

    /// <inheritdoc/>
    public override string Name => "transpose";

    /// <inheritdoc/>
    public override IReadOnlyList<MaskParameterValue> Arguments => [new("of", Of)];

    /// <inheritdoc/>
    public override BoundMask Bind(MaskExtent extent)
    {
        ArgumentNullException.ThrowIfNull(extent);
        return new Bound(extent, Of.Bind(extent with { QueryLength = extent.KeyLength, KeyLength = extent.QueryLength }));
    }

    private sealed class Bound(MaskExtent extent, BoundMask inner) : BoundMask(extent)
    {
        public override bool VariesByBatch => inner.VariesByBatch;

        public override bool VariesByHead => inner.VariesByHead;

        public override bool Allows(int batch, int head, int query, int key) => inner.Allows(batch, head, key, query);

        public override TileClass Classify(int batch, int head, MaskRect rect) =>
            inner.Classify(batch, head, new MaskRect(rect.KeyStart, rect.KeyEnd, rect.QueryStart, rect.QueryEnd));
    }
}
