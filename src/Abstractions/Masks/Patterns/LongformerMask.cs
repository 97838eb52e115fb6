namespace Stof.Reference.Masks;

/// <summary>Whether Longformer has a second band of global tokens.</summary>
public enum SecondGlobalBand
{
    /// <summary>None: the published pattern.</summary>
    None,

    /// <summary>Positions ⌊Skv/2⌋ to ⌊Skv/2⌋ + g − 1 are global too, as in the STOF artifact.</summary>
    Half,
}

/// <summary>
/// Longformer (Beltagy et al. 2020): |p − k| ≤ band, or p is global, or k is global, with p = q + offset. The first
/// <see cref="Global"/> positions are global: such a query attends to every key and every query attends to such a key. It is the
/// position that counts, not the index: with more keys than queries, aligned bottom-right, query 0 is the token at position
/// Skv − Sq. A query before position 0 is no global token. Text form: <c>longformer(band=32,global=32)</c>, with the artifact's
/// second band <c>longformer(band=32,global=32,second=half)</c>.
/// </summary>
public sealed record LongformerMask : NamedMask
{
    /// <summary>The catalogue's entry.</summary>
    public static MaskEntry Entry { get; } = new()
    {
        Name = "longformer",
        Formula = "|p − k| ≤ band or p global or k global; global: 0 ≤ x < global",
        Summary = "A band, and global positions that attend to all keys and are attended by all queries. The STOF artifact makes as many positions from "
            + "⌊Skv/2⌋ on global too: `second=half`. A query before position 0 is no global token.",
        Source = "Beltagy, Peters, Cohan: Longformer (2020)",
        Parameters =
        [
            MaskParameter.Whole("band", "one-sided width of the band in keys"),
            MaskParameter.Whole("global", "number of global positions from the start"),
            MaskParameter.Word("second", "none, or half: as many from the middle are global too; default none", optional: true),
        ],
        Create = a => new LongformerMask(
            a.Whole("band"), a.Whole("global"), a.Choice("second", ["none", "half"], "none") == "half" ? SecondGlobalBand.Half : SecondGlobalBand.None),
        Examples =
        [
            "longformer(band=32,global=32)", "longformer(band=1,global=2)", "longformer(band=4,global=9,second=half)",
            "longformer(band=2147483647,global=2147483647,second=half)",
        ],
        Sample = new("longformer(band=4,global=4,second=half)"),
        Loose = "a union: a rectangle that the band and the global strips cover only together is called part",
    };

    /// <summary>Creates the pattern.</summary>
    /// <param name="band">One-sided width of the band in keys, 0 or more.</param>
    /// <param name="global">Number g of global positions from the start, 0 or more.</param>
    /// <param name="second">Whether g more positions from the middle are global.</param>
    /// <exception cref="InvalidInputException">A parameter is out of range.</exception>
    public LongformerMask(int band, int global, SecondGlobalBand second = SecondGlobalBand.None)
    {
        Band = AtLeast("band", band, 0);
        Global = AtLeast("global", global, 0);
        Second = Enum.IsDefined(second) ? second : throw new InvalidInputException("longformer second", $"{second}", "none or half");
    }

    /// <summary>One-sided width of the band in keys.</summary>
    public int Band { get; }

    /// <summary>Number g of global positions from the start.</summary>
    public int Global { get; }

    /// <summary>Whether g more positions from the middle are global.</summary>
    public SecondGlobalBand Second { get; }

    /// <inheritdoc/>
    public override string Name => "longformer";

    /// <inheritdoc/>
    public override IReadOnlyList<MaskParameterValue> Arguments =>
        Second == SecondGlobalBand.None
            ? [new("band", Band), new("global", Global)]
            : [new("band", Band), new("global", Global), new("second", "half")];

    /// <inheritdoc/>
    public override BoundMask Bind(MaskExtent extent) => new Bound(extent, this);

    private sealed class Bound(MaskExtent extent, LongformerMask pattern) : BoundMask(extent)
    {
        private readonly int _band = pattern.Band;
        private readonly int _global = pattern.Global;

        // Without a second band it repeats the first, so that every question is asked the same way.
        private readonly int _second = pattern.Second == SecondGlobalBand.Half ? extent.KeyLength / 2 : 0;

        public override bool Allows(int batch, int head, int query, int key)
        {
            var position = (long)query + QueryOffset;
            return Math.Abs(position - key) <= _band || IsGlobal(position) || IsGlobal(key);
        }

        public override TileClass Classify(int batch, int head, MaskRect rect)
        {
            var (low, high) = Diagonals(rect);
            var firstPosition = (long)rect.QueryStart + QueryOffset;
            var lastPosition = rect.QueryEnd - 1L + QueryOffset;
            return TileClasses.Interval(low, high, -_band, _band)
                .Or(GlobalClass(firstPosition, lastPosition))
                .Or(GlobalClass(rect.KeyStart, rect.KeyEnd - 1L));
        }

        public override ulong Row64(int batch, int head, int query, int keyStart)
        {
            var position = (long)query + QueryOffset;
            return IsGlobal(position)
                ? KeysBetween(keyStart, 0, Extent.KeyLength)
                : KeysBetween(keyStart, position - _band, position + _band + 1)
                    | KeysBetween(keyStart, 0, _global)
                    | (_second == 0 ? 0 : KeysBetween(keyStart, _second, (long)_second + _global));
        }

        private bool IsGlobal(long position) =>
            (position >= 0 && position < _global) || (position >= _second && position < (long)_second + _global);

        private TileClass GlobalClass(long low, long high) =>
            TileClasses.Interval(low, high, 0, _global - 1L).Or(TileClasses.Interval(low, high, _second, (long)_second + _global - 1));
    }
}
