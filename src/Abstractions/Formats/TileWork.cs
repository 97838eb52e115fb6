using Stof.Reference.Numerics;
using Stof.Reference.Operators;

namespace Stof.Reference.Formats;

/// <summary>One range of tiles of one tile row of one (batch item, head), eight 32-bit numbers as kernels read them.</summary>
/// <param name="Batch">Batch item.</param>
/// <param name="Head">Query head.</param>
/// <param name="TileRow">Tile row.</param>
/// <param name="First">First entry of its range of the load lists.</param>
/// <param name="End">The entry behind its range.</param>
/// <param name="Part">Where its state goes; −1 if it has the tile row to itself and stores the result.</param>
/// <param name="KvHead">KV head of the query head.</param>
/// <param name="Cut">Number of its tile row among those that were cut; 0 if it has the tile row to itself.</param>
public readonly record struct TileWorkItem(int Batch, int Head, int TileRow, int First, int End, int Part, int KvHead, int Cut = 0);

/// <summary>A tile row that was cut, eight 32-bit numbers as kernels read them.</summary>
/// <param name="Batch">Batch item.</param>
/// <param name="Head">Query head.</param>
/// <param name="TileRow">Tile row.</param>
/// <param name="FirstPart">First of its parts.</param>
/// <param name="Parts">Number of its parts, merged in ascending order.</param>
/// <param name="Unused5">Fills 32 bytes.</param>
/// <param name="Unused6">Fills 32 bytes.</param>
/// <param name="Unused7">Fills 32 bytes.</param>
public readonly record struct TileMergeItem(int Batch, int Head, int TileRow, int FirstPart, int Parts, int Unused5 = 0, int Unused6 = 0, int Unused7 = 0);

/// <summary>
/// The work of an attention over tile lists: one item for each tile row of each (batch item, head). Heads go in groups whose keys and values fit into
/// half a cache; within a group the heaviest rows go first, and rows far above the mean before all groups, so that none starts last. Rows above a
/// limit (the global rows of Longformer and BigBird) are cut into ranges whose states are merged.
/// </summary>
/// <param name="Items">The ranges.</param>
/// <param name="Merges">Tile rows that were cut.</param>
/// <param name="Parts">Number of ranges of all cut tile rows.</param>
public sealed record TileWork(TileWorkItem[] Items, TileMergeItem[] Merges, int Parts)
{
    private const int ShortestRange = 8; // tiles; below, storing and merging states costs more than it saves
    private const int HeavyShare = 4; // times the mean; such rows read all keys of their head alone, and gain nothing from neighbours

    /// <summary>The device's share of the work: the most tiles of a range if every place is to have as many.</summary>
    /// <param name="problem">Batch and heads.</param>
    /// <param name="mask">Its tiles.</param>
    /// <param name="places">Ranges that the device computes at a time; 0 for no limit.</param>
    /// <returns>At least 8; 0 for no limit.</returns>
    public static int ShareOf(AttentionProblem problem, BlockMask mask, long places) =>
        places == 0 ? 0 : checked((int)Math.Max(ShortestRange, (TilesOf(problem, mask) + places - 1) / places));

    /// <summary>Lists the work of a mask.</summary>
    /// <param name="problem">Batch, heads, and the number of ranges that every row has at least.</param>
    /// <param name="mask">Its tiles.</param>
    /// <param name="longest">Most tiles of a range; 0 for no limit.</param>
    /// <param name="cacheBytes">Size of the cache that blocks share; null if all heads may take turns.</param>
    public static TileWork Of(AttentionProblem problem, BlockMask mask, int longest, long? cacheBytes = null)
    {
        ArgumentNullException.ThrowIfNull(problem);
        ArgumentNullException.ThrowIfNull(mask);
        var items = new List<TileWorkItem>(problem.Batch * problem.QueryHeads * mask.TileRows);
        var merges = new List<TileMergeItem>();
        var parts = 0;
        for (var batch = 0; batch < problem.Batch; batch++)
        {
            for (var head = 0; head < problem.QueryHeads; head++)
            {
                for (var tileRow = 0; tileRow < mask.TileRows; tileRow++)
                {
                    var row = (mask.Slice(batch, head) * mask.TileRows) + tileRow;
                    var (first, count) = (mask.LoadRowPtr[row], mask.LoadRowPtr[row + 1] - mask.LoadRowPtr[row]);
                    var cuts = Math.Max(Math.Min(problem.KvSplits, count), longest == 0 ? 1 : (count + longest - 1) / longest);
                    if (cuts <= 1)
                    {
                        items.Add(new TileWorkItem(batch, head, tileRow, first, first + count, -1, problem.KvHeadOf(head)));
                        continue;
                    }

                    merges.Add(new TileMergeItem(batch, head, tileRow, parts, cuts));
                    for (var cut = 0; cut < cuts; cut++)
                    {
                        var (start, end) = ((long)count * cut / cuts, (long)count * (cut + 1) / cuts);
                        items.Add(new TileWorkItem(batch, head, tileRow, first + (int)start, first + (int)end, parts++, problem.KvHeadOf(head), merges.Count - 1));
                    }
                }
            }
        }

        // A stable sort: items of one head stay together, and with them their keys in the cache.
        var headBytes = Math.Max(1L, (long)problem.KvLength * (problem.HeadSize + problem.ValueSize) * problem.Type.Size());
        var groupHeads = cacheBytes is { } bytes ? Math.Max(1, bytes / 2 / headBytes) : long.MaxValue;
        var limit = HeavyShare * (items.Sum(item => (long)(item.End - item.First)) / (double)Math.Max(1, items.Count));
        return new TileWork(
            [
                .. items.OrderByDescending(item => item.End - item.First > limit)
                    .ThenBy(item => ((item.Batch * problem.KvHeads) + item.KvHead) / groupHeads)
                    .ThenByDescending(item => item.End - item.First),
            ],
            [.. merges],
            parts);
    }

    // Tiles that all heads of all batch items load.
    private static long TilesOf(AttentionProblem problem, BlockMask mask)
    {
        var tiles = 0L;
        for (var batch = 0; batch < problem.Batch; batch++)
        {
            for (var head = 0; head < problem.QueryHeads; head++)
            {
                var first = mask.Slice(batch, head) * mask.TileRows;
                tiles += mask.LoadRowPtr[first + mask.TileRows] - mask.LoadRowPtr[first];
            }
        }

        return tiles;
    }
}
