namespace Stof.Reference.Masks;

/// <summary>
/// Block-local: ⌊p/b⌋ = ⌊k/b⌋ with p = q + offset; every block of b positions attends to itself. A query before position 0 has no
/// block. Text form: <c>local(32)</c>; a decoder's is <c>causal &amp; local(32)</c>.
/// </summary>
public sealed record LocalMask : NamedMask
{
    /// <summary>The catalogue's entry.</summary>
    public static MaskEntry Entry { get; } = new()
    {
        Name = "local",
        Formula = "block(k) = block(p)",
        Summary = "Every block of positions attends to itself; a decoder's is `causal & local(32)`.",
        Parameters = [MaskParameter.Whole("block", "side of a block in positions")],
        Create = a => new LocalMask(a.Whole("block")),
        Examples = ["local(32)", "local(1)", "local(7)", "local(2147483647)"],
        Sample = new("local(12)"),
    };

    /// <summary>Creates the pattern.</summary>
    /// <param name="block">b in positions, 1 or more.</param>
    /// <exception cref="InvalidInputException">The block is below 1.</exception>
    public LocalMask(int block) => Block = AtLeast("block", block, 1);

    /// <summary>b in positions.</summary>
    public int Block { get; }

    /// <inheritdoc/>
    public override string Name => "local";

    /// <inheritdoc/>
    public override IReadOnlyList<MaskParameterValue> Arguments => [new("block", Block)];

    /// <inheritdoc/>
    public override BoundMask Bind(MaskExtent extent) => new Bound(extent, Block);

    private sealed class Bound(MaskExtent extent, int block) : BoundMask(extent)
    {
        public override bool Allows(int batch, int head, int query, int key)
        {
            var position = (long)query + QueryOffset;
            return position >= 0 && position / block == key / block;
        }

        public override TileClass Classify(int batch, int head, MaskRect rect)
        {
            var (first, last) = ((long)rect.QueryStart + QueryOffset, rect.QueryEnd - 1L + QueryOffset);
            var (firstKey, lastKey) = (rect.KeyStart / block, (rect.KeyEnd - 1) / block);
            return last < 0 || lastKey < Math.Max(first, 0) / block || firstKey > last / block ? TileClass.Empty
                : first >= 0 && first / block == last / block && firstKey == lastKey ? TileClass.Full
                : TileClass.Part;
        }

        public override ulong Row64(int batch, int head, int query, int keyStart)
        {
            var position = (long)query + QueryOffset;
            var start = position / block * block;
            return position < 0 ? 0 : KeysBetween(keyStart, start, start + block);
        }
    }
}
