using Stof.Reference.Cuda.Templates;
using Stof.Reference.Formats;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;

namespace Stof.Reference.Cuda.Execution;

/// <summary>
/// What the blocks of a block-wise launch do: one item for each tile row of each (batch item, head). Heads go in groups whose keys and values fit in
/// half the second-level cache; within a group the heaviest rows go first, and rows far above the mean before all groups, so that none starts last; rows much heavier than the device's share (the global rows of Longformer and BigBird) are cut into ranges whose states are merged.
/// </summary>
/// <param name="Items">One a block.</param>
/// <param name="Merges">Tile rows that were cut.</param>
/// <param name="Parts">Number of ranges of all cut tile rows.</param>
internal sealed record BlockwiseWork(BlockwiseItem[] Items, MergeItem[] Merges, int Parts)
{
    private const int HeavyShare = 4; // times the mean; such rows read all keys of their head alone, and gain nothing from neighbours
    private const int ShortestCut = 8; // tiles; below, storing and merging states costs more than it saves

    /// <summary>Lists the work of a mask.</summary>
    /// <param name="problem">Batch and heads.</param>
    /// <param name="mask">Its tiles.</param>
    /// <param name="cacheBytes">Size of the device's second-level cache.</param>
    /// <param name="slots">Blocks that the device runs at a time; 0 cuts nothing but what the problem asks for.</param>
    public static BlockwiseWork Of(AttentionProblem problem, BlockMask mask, long cacheBytes, int slots)
    {
        var rows = problem.Batch * problem.QueryHeads * mask.TileRows;
        var total = 0L;
        for (var row = 0; row < rows; row++)
        {
            total += Range(problem, mask, row).Count;
        }

        var longest = Math.Max(ShortestCut, slots == 0 ? total : (total + slots - 1) / slots);
        var items = new List<BlockwiseItem>(rows);
        var merges = new List<MergeItem>();
        var parts = 0;
        for (var row = 0; row < rows; row++)
        {
            var (first, count) = Range(problem, mask, row);
            var (slice, tileRow) = Math.DivRem(row, mask.TileRows);
            var (batch, head) = Math.DivRem(slice, problem.QueryHeads);
            var cuts = (int)Math.Max(Math.Min(problem.KvSplits, count), (count + longest - 1) / longest);
            if (cuts <= 1)
            {
                items.Add(new BlockwiseItem(batch, head, tileRow, first, first + count, -1));
                continue;
            }

            merges.Add(new MergeItem((batch << 16) | head, tileRow, parts, cuts));
            for (var cut = 0; cut < cuts; cut++)
            {
                var (start, end) = ((long)count * cut / cuts, (long)count * (cut + 1) / cuts);
                items.Add(new BlockwiseItem(batch, head, tileRow, first + (int)start, first + (int)end, parts++));
            }
        }

        // A stable sort: items of one head stay together, and with them their keys in the cache.
        var headBytes = Math.Max(1L, (long)problem.KvLength * (problem.HeadSize + problem.ValueSize) * problem.Type.Size());
        var groupHeads = Math.Max(1, cacheBytes / 2 / headBytes);
        var headsPerKvHead = problem.QueryHeads / problem.KvHeads;
        long Group(BlockwiseItem item) => ((item.Batch * problem.KvHeads) + (item.Head / headsPerKvHead)) / groupHeads;
        bool IsHeavy(BlockwiseItem item) => (long)(item.End - item.Entry) * items.Count > HeavyShare * total;
        return new BlockwiseWork(
            [.. items.OrderByDescending(IsHeavy).ThenBy(Group).ThenByDescending(item => item.End - item.Entry)], [.. merges], parts);
    }

    private static (int First, int Count) Range(AttentionProblem problem, BlockMask mask, int row)
    {
        var (slice, tileRow) = Math.DivRem(row, mask.TileRows);
        var (batch, head) = Math.DivRem(slice, problem.QueryHeads);
        var index = (mask.Slice(batch, head) * mask.TileRows) + tileRow;
        return (mask.LoadRowPtr[index], mask.LoadRowPtr[index + 1] - mask.LoadRowPtr[index]);
    }
}
