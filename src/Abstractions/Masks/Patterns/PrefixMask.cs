namespace Stof.Reference.Masks;

/// <summary>
/// Prefix language model (Raffel et al. 2020): k ≤ p or k &lt; n, with p = q + offset: the first n keys are seen by all, the rest is
/// causal. Text form: <c>prefix(16)</c>.
/// </summary>
public sealed record PrefixMask : NamedMask
{
    /// <summary>The catalogue's entry.</summary>
    public static MaskEntry Entry { get; } = new()
    {
        Name = "prefix",
        Formula = "k ≤ p or k < length",
        Summary = "Prefix language model: all queries see the prefix, the rest is causal.",
        Source = "Raffel et al.: T5 (2020)",
        Parameters = [MaskParameter.Whole("length", "keys that all queries see")],
        Create = a => new PrefixMask(a.Whole("length")),
        Examples = ["prefix(16)", "prefix(0)", "prefix(2147483647)"],
        Sample = new("prefix(16)"),
    };

    /// <summary>Creates the pattern.</summary>
    /// <param name="length">n in keys, 0 or more; 0 is causal.</param>
    /// <exception cref="InvalidInputException">The length is negative.</exception>
    public PrefixMask(int length) => Length = AtLeast("length", length, 0);

    /// <summary>n in keys.</summary>
    public int Length { get; }

    /// <inheritdoc/>
    public override string Name => "prefix";

    /// <inheritdoc/>
    public override IReadOnlyList<MaskParameterValue> Arguments => [new("length", Length)];

    /// <inheritdoc/>
    public override BoundMask Bind(MaskExtent extent) => new Bound(extent, Length);

    private sealed class Bound(MaskExtent extent, int length) : BoundMask(extent)
    {
        public override bool Allows(int batch, int head, int query, int key) => key <= query + QueryOffset || key < length;

        public override TileClass Classify(int batch, int head, MaskRect rect)
        {
            var (low, high) = Diagonals(rect);
            return TileClasses.Interval(low, high, long.MinValue, 0)
                .Or(TileClasses.Interval(rect.KeyStart, rect.KeyEnd - 1L, 0, length - 1L));
        }

        public override ulong Row64(int batch, int head, int query, int keyStart) =>
            KeysBetween(keyStart, 0, Math.Max(query + QueryOffset + 1L, length));
    }
}
