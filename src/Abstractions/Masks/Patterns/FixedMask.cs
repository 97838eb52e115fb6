namespace Stof.Reference.Masks;

/// <summary>
/// Fixed (Sparse Transformers, Child et al. 2019): k ≤ p and (⌊k/s⌋ = ⌊p/s⌋ or k mod s ≥ s − c), with p = q + offset: the own block of
/// s positions, and of every block before it the last c, which sum it up. Text form: <c>fixed(block=8,summary=1)</c>.
/// </summary>
public sealed record FixedMask : NamedMask
{
    /// <summary>The catalogue's entry.</summary>
    public static MaskEntry Entry { get; } = new()
    {
        Name = "fixed",
        Formula = "k ≤ p and (block(k) = block(p) or k mod block ≥ block − summary)",
        Summary = "The own block, and of every block before it the last `summary` positions, which sum it up.",
        Source = "Child, Gray, Radford, Sutskever: Sparse Transformers (2019)",
        Parameters =
        [
            MaskParameter.Whole("block", "side of a block in positions"),
            MaskParameter.Whole("summary", "last positions of a block that later ones see; default 1", optional: true),
        ],
        Create = a => new FixedMask(a.Whole("block"), a.Whole("summary", 1)),
        Examples =
        [
            "fixed(block=8,summary=1)", "fixed(block=20,summary=3)", "fixed(block=5,summary=0)", "fixed(block=70,summary=70)",
            "fixed(block=2147483647,summary=0)",
        ],
        Sample = new("fixed(block=8,summary=1)"),
    };

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

    private sealed class Bound(MaskExtent extent, long block, long summary) : BoundMask(extent)
    {
        public override bool Allows(int batch, int head, int query, int key)
        {
            var position = (long)query + QueryOffset;
            return key <= position && (key / block == position / block || key % block >= block - summary);
        }

        public override TileClass Classify(int batch, int head, MaskRect rect)
        {
            var (firstPosition, lastPosition) = ((long)rect.QueryStart + QueryOffset, rect.QueryEnd - 1L + QueryOffset);
            var (firstKey, lastKey) = (rect.KeyStart, rect.KeyEnd - 1);
            if (firstKey > lastPosition)
            {
                return TileClass.Empty;
            }

            if (lastKey <= firstPosition)
            {
                // All causal: keys before the only query block must be summaries; with more query blocks every key must.
                var ownBlock = lastPosition / block * block;
                var endOfOthers = firstPosition >= ownBlock ? Math.Min(lastKey, ownBlock - 1) : lastKey;
                if (firstKey > endOfOthers || AreSummaries(firstKey, endOfOthers))
                {
                    return TileClass.Full;
                }
            }

            return AnySummary(firstKey, Math.Min(lastKey, lastPosition)) || MeetInABlock(Math.Max(firstPosition, 0), lastPosition, firstKey, lastKey)
                ? TileClass.Part
                : TileClass.Empty;
        }

        private bool AreSummaries(long firstKey, long lastKey) =>
            summary == block || (firstKey / block == lastKey / block && firstKey % block >= block - summary);

        private bool AnySummary(long firstKey, long lastKey) =>
            summary > 0 && firstKey + Math.Max(block - summary - (firstKey % block), 0) <= lastKey;

        /// <summary>Is there a key at or before a position of its own block?</summary>
        private bool MeetInABlock(long firstPosition, long lastPosition, long firstKey, long lastKey)
        {
            // In the last common block the earliest key meets the latest position; in one before it, the block's own end.
            var (from, to) = (Math.Max(firstPosition, firstKey) / block, Math.Min(lastPosition, lastKey) / block);
            return from < to || (from == to && Math.Max(firstKey, to * block) <= Math.Min(lastPosition, (to * block) + block - 1));
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
