namespace Stof.Reference.Masks;

/// <summary>
/// A band around the diagonal: |p − k| ≤ w with p = q + offset, 2w + 1 keys wide, both edges included (Longformer's window,
/// Beltagy et al. 2020; w is STOF's one-sided width). Text form: <c>sliding(64)</c>; the one-sided band of a decoder is
/// <c>causal &amp; sliding(64)</c>.
/// </summary>
public sealed record SlidingMask : NamedMask
{
    /// <summary>The catalogue's entry.</summary>
    public static MaskEntry Entry { get; } = new()
    {
        Name = "sliding",
        Formula = "|p − k| ≤ width",
        Summary = "A band of 2·width + 1 keys, both edges included. A decoder's one-sided band is `causal & sliding(64)`; unequal sides are `window`.",
        Source = "Beltagy, Peters, Cohan: Longformer (2020); width as in STOF's masks",
        Parameters = [MaskParameter.Whole("width", "one-sided width in keys")],
        Create = a => new SlidingMask(a.Whole("width")),
        Examples = ["sliding(64)", "sliding(0)", "sliding(5)", "sliding(2147483647)"],
        Sample = new("sliding(8)"),
    };

    /// <summary>Creates the band.</summary>
    /// <param name="width">One-sided width w in keys, 0 or more; 0 is the diagonal.</param>
    /// <exception cref="InvalidInputException">The width is negative.</exception>
    public SlidingMask(int width) => Width = AtLeast("width", width, 0);

    /// <summary>One-sided width w in keys.</summary>
    public int Width { get; }

    /// <inheritdoc/>
    public override string Name => "sliding";

    /// <inheritdoc/>
    public override IReadOnlyList<MaskParameterValue> Arguments => [new("width", Width)];

    /// <inheritdoc/>
    public override BoundMask Bind(MaskExtent extent) => new Bound(extent, Width);

    private sealed class Bound(MaskExtent extent, int width) : BoundMask(extent)
    {
        public override bool Allows(int batch, int head, int query, int key) =>
            Math.Abs((long)query + QueryOffset - key) <= width;

        public override TileClass Classify(int batch, int head, MaskRect rect)
        {
            var (low, high) = Diagonals(rect);
            return TileClasses.Interval(low, high, -width, width);
        }

        public override ulong Row64(int batch, int head, int query, int keyStart)
        {
            var position = (long)query + QueryOffset;
            return KeysBetween(keyStart, position - width, position + width + 1);
        }
    }
}
