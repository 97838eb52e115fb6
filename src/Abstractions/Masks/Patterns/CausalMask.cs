namespace Stof.Reference.Masks;

/// <summary>
/// A query attends to itself and to what came before: k ≤ p + n with p = q + <see cref="MaskExtent.QueryOffset"/>; n is 0 unless
/// keys ahead are seen (n &gt; 0) or the latest are not (n &lt; 0). Text forms: <c>causal</c>, <c>causal(-1)</c>.
/// </summary>
public sealed record CausalMask : NamedMask
{
    /// <summary>The catalogue's entry.</summary>
    public static MaskEntry Entry { get; } = new()
    {
        Name = "causal",
        Formula = "k ≤ p + offset",
        Summary = "A query attends to itself and to what came before. With an offset n > 0 it sees n keys ahead, with n < 0 it misses its last |n|.",
        Parameters = [MaskParameter.Whole("offset", "keys past the own position that are still seen; default 0", optional: true)],
        Create = a => new CausalMask(a.Whole("offset", 0)),
        Examples = ["causal", "causal(3)", "causal(-2)", "causal(2147483647)", "causal(-2147483648)"],
        Sample = new("causal"),
    };

    /// <summary>Creates the pattern.</summary>
    /// <param name="offset">n in keys, any whole number.</param>
    public CausalMask(int offset = 0) => Offset = offset;

    /// <summary>n in keys.</summary>
    public int Offset { get; }

    /// <inheritdoc/>
    public override string Name => "causal";

    /// <inheritdoc/>
    public override IReadOnlyList<MaskParameterValue> Arguments => Offset == 0 ? [] : [new("offset", Offset)];

    /// <inheritdoc/>
    public override BoundMask Bind(MaskExtent extent) => new Bound(extent, Offset);

    private sealed class Bound(MaskExtent extent, long offset) : BoundMask(extent)
    {
        public override bool Allows(int batch, int head, int query, int key) => key <= query + QueryOffset + offset;

        public override TileClass Classify(int batch, int head, MaskRect rect)
        {
            var (low, high) = Diagonals(rect);
            return TileClasses.Interval(low, high, long.MinValue, offset);
        }

        public override ulong Row64(int batch, int head, int query, int keyStart) =>
            KeysBetween(keyStart, 0, query + QueryOffset + offset + 1);
    }
}
