namespace Stof.Reference.Masks;

/// <summary>
/// A band with gaps: |p − k| ≤ w + d and (k − (p − w − d)) mod (d + 1) = 0, with p = q + offset (the STOF artifact's dilated
/// window). Counting starts at the band's left edge, so the diagonal itself is attended only where w + d is a multiple of
/// d + 1: with w = 64, d = 1 the offsets are −65, −63, … 65 and under <c>causal</c> query 0 has no key. Text form:
/// <c>dilated(width=64,gap=1)</c>.
/// </summary>
public sealed record DilatedMask : NamedMask
{
    /// <summary>The catalogue's entry.</summary>
    public static MaskEntry Entry { get; } = new()
    {
        Name = "dilated",
        Formula = "|p − k| ≤ width + gap and (k − (p − width − gap)) mod (gap + 1) = 0",
        Summary = "A band with gaps, counted from its left edge. Where width + gap is no multiple of gap + 1 the diagonal itself is left out: "
            + "with width 64 and gap 1 the offsets are −65, −63, … 65, and under `causal` query 0 has no key.",
        Source = "the STOF artifact's dilated window",
        Parameters =
        [
            MaskParameter.Whole("width", "one-sided width in keys"),
            MaskParameter.Whole("gap", "keys left out between two attended ones"),
        ],
        Create = a => new DilatedMask(a.Whole("width"), a.Whole("gap")),
        Examples =
        [
            "dilated(width=64,gap=1)", "dilated(width=20,gap=0)", "dilated(width=7,gap=2)", "dilated(width=100,gap=70)",
            "dilated(width=2147483647,gap=2147483647)",
        ],
        Sample = new("dilated(width=8,gap=1)"),
    };

    /// <summary>Creates the band.</summary>
    /// <param name="width">w in keys, 0 or more.</param>
    /// <param name="gap">d, the keys left out between two attended ones, 0 or more; 0 gives the sliding band.</param>
    /// <exception cref="InvalidInputException">A parameter is negative.</exception>
    public DilatedMask(int width, int gap)
    {
        Width = AtLeast("width", width, 0);
        Gap = AtLeast("gap", gap, 0);
    }

    /// <summary>w in keys.</summary>
    public int Width { get; }

    /// <summary>d, keys left out between two attended ones.</summary>
    public int Gap { get; }

    /// <inheritdoc/>
    public override string Name => "dilated";

    /// <inheritdoc/>
    public override IReadOnlyList<MaskParameterValue> Arguments => [new("width", Width), new("gap", Gap)];

    /// <inheritdoc/>
    public override BoundMask Bind(MaskExtent extent) => new Bound(extent, (long)Width + Gap, Gap + 1L);

    private sealed class Bound(MaskExtent extent, long reach, long step) : BoundMask(extent)
    {
        private readonly ulong _comb = Comb(step);

        public override bool Allows(int batch, int head, int query, int key)
        {
            var fromEdge = key - ((long)query + QueryOffset - reach);
            return fromEdge >= 0 && fromEdge <= 2 * reach && fromEdge % step == 0;
        }

        public override TileClass Classify(int batch, int head, MaskRect rect)
        {
            var (low, high) = Diagonals(rect);
            var band = TileClasses.Interval(low, high, -reach, reach);
            if (band == TileClass.Empty || step == 1)
            {
                return band;
            }

            // The first tooth at or right of the lowest diagonal that is inside the band.
            var first = Math.Max(low + reach, 0);
            var tooth = first + FloorMod(-first, step);
            return tooth > Math.Min(high + reach, 2 * reach) ? TileClass.Empty
                : band == TileClass.Full && low == high ? TileClass.Full
                : TileClass.Part;
        }

        public override ulong Row64(int batch, int head, int query, int keyStart)
        {
            var position = (long)query + QueryOffset;
            var toTooth = FloorMod(position - reach - keyStart, step);
            return toTooth >= RowBits ? 0 : (_comb << (int)toTooth) & KeysBetween(keyStart, position - reach, position + reach + 1);
        }
    }
}
