namespace Stof.Reference.Masks;

/// <summary>
/// A pattern whose positions line up as it says, whatever the extent says: <c>top-left</c>, the first query on the first key, or
/// <c>bottom-right</c>, the last query on the last key. Where Sq ≠ Skv both can so be used in one mask. Text form:
/// <c>align(of=causal,to=top-left)</c>.
/// </summary>
public sealed record AlignMask : NamedMask
{
    private const string BottomRight = "bottom-right";
    private const string TopLeft = "top-left";

    /// <summary>The catalogue's entry.</summary>
    public static MaskEntry Entry { get; } = new()
    {
        Name = "align",
        Formula = "`of` with p = q for top-left, p = q + Skv − Sq for bottom-right",
        Summary = "Says how positions line up inside one part of a mask, whatever the extent says; it makes a difference where Sq ≠ Skv. As exact about "
            + "rectangles as `of` is.",
        Parameters = [MaskParameter.Pattern("of", "the pattern"), MaskParameter.Word("to", "top-left or bottom-right")],
        Create = a => new AlignMask(
            a.Pattern("of"), a.Choice("to", [TopLeft, BottomRight], "") == TopLeft ? PositionAlignment.TopLeft : PositionAlignment.BottomRight),
        Examples = ["align(of=causal,to=top-left)", "align(of=causal,to=bottom-right)", "align(of=shift(of=local(4),keys=1),to=top-left)"],
        Sample = new("align(of=causal,to=top-left) | align(of=sliding(2),to=bottom-right)", 40, 64),
    };

    /// <summary>Aligns a pattern.</summary>
    /// <param name="of">The pattern.</param>
    /// <param name="to">How its positions line up.</param>
    /// <exception cref="InvalidInputException">The alignment is none.</exception>
    public AlignMask(MaskPattern of, PositionAlignment to)
    {
        ArgumentNullException.ThrowIfNull(of);
        Of = of;
        To = Enum.IsDefined(to) ? to : throw new InvalidInputException($"{Name} to", $"{to}", $"{TopLeft} or {BottomRight}");
    }

    /// <summary>The pattern that is aligned.</summary>
    public MaskPattern Of { get; }

    /// <summary>How its positions line up.</summary>
    public PositionAlignment To { get; }

    /// <inheritdoc/>
    public override MaskDemand Demand => Of.Demand;

    /// <inheritdoc/>
    public override string Name => "align";

    /// <inheritdoc/>
    public override IReadOnlyList<MaskParameterValue> Arguments =>
        [new("of", Of), new("to", To == PositionAlignment.TopLeft ? TopLeft : BottomRight)];

    /// <inheritdoc/>
    public override BoundMask Bind(MaskExtent extent)
    {
        ArgumentNullException.ThrowIfNull(extent);
        return new Bound(extent, Of.Bind(extent with { Alignment = To }));
    }

    /// <summary>The inner mask, on the extent that was asked for.</summary>
    private sealed class Bound(MaskExtent extent, BoundMask inner) : BoundMask(extent)
    {
        public override bool VariesByBatch => inner.VariesByBatch;

        public override bool VariesByHead => inner.VariesByHead;

        public override bool Allows(int batch, int head, int query, int key) => inner.Allows(batch, head, query, key);

        public override TileClass Classify(int batch, int head, MaskRect rect) => inner.Classify(batch, head, rect);

        public override ulong Row64(int batch, int head, int query, int keyStart) => inner.Row64(batch, head, query, keyStart);
    }
}
