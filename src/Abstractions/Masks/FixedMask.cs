namespace Stof.Reference.Masks;

/// <summary>
/// Fixed (Sparse Transformers, Child et al. 2019): k ≤ p and (⌊k/s⌋ = ⌊p/s⌋ or k mod s ≥ s − c), with p = q + offset: the own block of
/// s positions, and of every block before it the last c, which sum it up. Text form: <c>fixed(block=8,summary=1)</c>.
/// </summary>
public sealed record FixedMask : NamedMask
{
    /// <summary>Creates the pattern.</summary>
    /// <param name="block">s in positions, 1 or more.</param>
    /// <param name="summary">c, 0 to s.</param>
    /// <exception cref="InvalidInputException">A parameter is out of range.</exception>
    public FixedMask(int block, int summary)
    {
        Block = AtLeast("block", block, 1);
        Summary = summary >= 0 && summary <= block
            ? summary
            : throw new InvalidInputException($"{Name} summary", $"{summary}", $"0 to the block of {block}");
    }

    /// <summary>s in positions.</summary>
    public int Block { get; }

    /// <summary>c, the last positions of a block that later blocks see.</summary>
    public int Summary { get; }

    /// <inheritdoc/>
    public override string Name => "fixed";

    /// <inheritdoc/>
    public override IReadOnlyList<MaskParameterValue> Arguments => [new("block", Block), new("summary", Summary)];

    /// <inheritdoc/>
    public override BoundMask Bind(MaskExtent extent) => new Bound(extent, Block, Summary);

    private sealed class Bound(MaskExtent extent, int block, int summary) : BoundMask(extent)
    {
        public override bool Allows(int batch, int head, int query, int key)
        {
            var position = (long)query + QueryOffset;
            return key <= position && (key / block == position / block || key % block >= block - summary);
        }

        public override TileClass Classify(int batch, int head, MaskRect rect)
        {
            var (low, high) = Diagonals(rect);
            var causal = TileClasses.Interval(low, high, long.MinValue, 0);
            if (causal == TileClass.Empty)
            {
                return causal;
            }

            var (first, last) = (Math.Max((long)rect.QueryStart + QueryOffset, 0) / block, (rect.QueryEnd - 1L + QueryOffset) / block);
            var (firstKey, lastKey) = (rect.KeyStart / block, (rect.KeyEnd - 1) / block);
            var inOneBlock = firstKey == lastKey;
            var ownBlock = inOneBlock && first == last && firstKey == first ? TileClass.Full
                : lastKey < first || firstKey > last ? TileClass.Empty
                : TileClass.Part;
            var summed = inOneBlock
                ? TileClasses.Interval(rect.KeyStart % block, (rect.KeyEnd - 1) % block, block - (long)summary, block - 1L)
                : summary == block ? TileClass.Full
                : summary == 0 ? TileClass.Empty
                : TileClass.Part;
            return causal.And(ownBlock.Or(summed));
        }

        public override ulong Row64(int batch, int head, int query, int keyStart)
        {
            var position = (long)query + QueryOffset;
            if (position < 0)
            {
                return 0;
            }

            var end = Math.Min(keyStart + (long)RowBits, position + 1);
            var bits = KeysBetween(keyStart, position / block * block, position + 1);
            for (var start = (long)keyStart / block * block; start < end; start += block)
            {
                bits |= KeysBetween(keyStart, start + block - summary, Math.Min(start + block, position + 1));
            }

            return bits;
        }
    }
}
