namespace Stof.Reference.Masks;

/// <summary>
/// Token decoder of the Block Transformer, strategy <i>prefix</i> (Ho et al. 2024): units of u = prefix + block tokens, the prefix being a
/// block's expanded embedding. ⌊p/u⌋ = ⌊k/u⌋ and (k mod u &lt; prefix or k ≤ p), with p = q + offset: every unit by itself is a prefix
/// language model. A query before position 0 belongs to no unit. Text form: <c>block_prefix(prefix=2,block=4)</c>.
/// </summary>
public sealed record BlockPrefixMask : NamedMask
{
    /// <summary>The catalogue's entry.</summary>
    public static MaskEntry Entry { get; } = new()
    {
        Name = "block_prefix",
        Formula = "unit(k) = unit(p) and (k mod unit < prefix or k ≤ p); unit = prefix + block",
        Summary = "Token decoder of the Block Transformer: every unit of prefix and block tokens is a prefix language model of its own, so that a decoder "
            + "caches one unit and no more. The block decoder above it is `causal` over the blocks.",
        Source = "Ho et al.: Block Transformer (2024), token decoder, strategy prefix",
        Parameters =
        [
            MaskParameter.Whole("prefix", "tokens at the start of a unit that the whole unit sees"),
            MaskParameter.Whole("block", "tokens of a unit after its prefix"),
        ],
        Create = a => new BlockPrefixMask(a.Whole("prefix"), a.Whole("block")),
        Examples =
        [
            "block_prefix(prefix=2,block=4)", "block_prefix(prefix=0,block=3)", "block_prefix(prefix=3,block=1)", "block_prefix(prefix=20,block=50)",
            "block_prefix(prefix=2147483647,block=2147483647)",
        ],
        Sample = new("block_prefix(prefix=4,block=12)"),
    };

    /// <summary>Creates the pattern.</summary>
    /// <param name="prefix">Tokens at the start of a unit that the whole unit sees, 0 or more.</param>
    /// <param name="block">Tokens of a unit after its prefix, 1 or more.</param>
    /// <exception cref="InvalidInputException">A parameter is out of range.</exception>
    public BlockPrefixMask(int prefix, int block)
    {
        Prefix = AtLeast("prefix", prefix, 0);
        Block = AtLeast("block", block, 1);
    }

    /// <summary>Tokens at the start of a unit that the whole unit sees.</summary>
    public int Prefix { get; }

    /// <summary>Tokens of a unit after its prefix.</summary>
    public int Block { get; }

    /// <inheritdoc/>
    public override string Name => "block_prefix";

    /// <inheritdoc/>
    public override IReadOnlyList<MaskParameterValue> Arguments => [new("prefix", Prefix), new("block", Block)];

    /// <inheritdoc/>
    public override BoundMask Bind(MaskExtent extent) => new Bound(extent, Prefix, (long)Prefix + Block);

    private sealed class Bound(MaskExtent extent, int prefix, long unit) : BoundMask(extent)
    {
        public override bool Allows(int batch, int head, int query, int key)
        {
            var position = (long)query + QueryOffset;
            return position >= 0 && position / unit == key / unit && (key % unit < prefix || key <= position);
        }

        public override TileClass Classify(int batch, int head, MaskRect rect)
        {
            var (firstPosition, lastPosition) = ((long)rect.QueryStart + QueryOffset, rect.QueryEnd - 1L + QueryOffset);
            var (firstKey, lastKey) = ((long)rect.KeyStart, rect.KeyEnd - 1L);
            if (lastPosition < 0)
            {
                return TileClass.Empty;
            }

            // First and last unit of which the rectangle holds both queries and keys.
            var (from, to) = (Math.Max(Math.Max(firstPosition, 0), firstKey) / unit, Math.Min(lastPosition, lastKey) / unit);
            if (from > to)
            {
                return TileClass.Empty;
            }

            if (firstPosition >= 0 && firstPosition / unit == lastPosition / unit && firstKey / unit == lastKey / unit)
            {
                return Sees(firstPosition, lastKey) ? TileClass.Full : Sees(lastPosition, firstKey) ? TileClass.Part : TileClass.Empty;
            }

            // With two common units the first one's last query meets a key of its own; with one the earliest key meets the latest query.
            return from < to || Sees(Math.Min(lastPosition, ((to + 1) * unit) - 1), Math.Max(firstKey, to * unit)) ? TileClass.Part : TileClass.Empty;
        }

        public override ulong Row64(int batch, int head, int query, int keyStart)
        {
            var position = (long)query + QueryOffset;
            var start = position / unit * unit;
            return position < 0 ? 0 : KeysBetween(keyStart, start, Math.Max(start + prefix, position + 1));
        }

        /// <summary>Does a position see a key of its own unit?</summary>
        private bool Sees(long position, long key) => key % unit < prefix || key <= position;
    }
}
