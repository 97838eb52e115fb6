using System.Numerics;

namespace Stof.Reference.Formats;

/// <summary>Counts over the stored slices of a mask, or over one of them.</summary>
public sealed record TileCounts
{
    /// <summary>Slices counted.</summary>
    public required int Slices { get; init; }

    /// <summary>Outer tile size.</summary>
    public required TileShape Tile { get; init; }

    /// <summary>Tile rows counted, those of all slices.</summary>
    public required long TileRows { get; init; }

    /// <summary>Tiles whose every bit is set.</summary>
    public required long Full { get; init; }

    /// <summary>Tiles with a bitmap.</summary>
    public required long Part { get; init; }

    /// <summary>Tiles that are not stored.</summary>
    public required long Empty { get; init; }

    /// <summary>Allowed pairs.</summary>
    public required long Allowed { get; init; }

    /// <summary>All pairs: slices·Sq·Skv.</summary>
    public required long Pairs { get; init; }

    /// <summary>Fewest loaded tiles of a tile row; 0 where there is no row.</summary>
    public required int MinRowTiles { get; init; }

    /// <summary>Most loaded tiles of a tile row.</summary>
    public required int MaxRowTiles { get; init; }

    /// <summary>Fewest keys of a query; 0 where there is no query.</summary>
    public required long MinRowKeys { get; init; }

    /// <summary>Most keys of a query.</summary>
    public required long MaxRowKeys { get; init; }

    /// <summary>Queries without a key.</summary>
    public required long EmptyRows { get; init; }

    /// <summary>Allowed pairs as a share of all, 0 to 1.</summary>
    public double Density => Pairs == 0 ? 0 : (double)Allowed / Pairs;

    /// <summary>Tiles that are not empty.</summary>
    public long Loaded => Full + Part;

    /// <summary>Loaded tiles as a share of all, 0 to 1.</summary>
    public double LoadShare => Loaded == 0 ? 0 : (double)Loaded / (Loaded + Empty);

    /// <summary>
    /// How much longer the longest tile row takes than an average one: the most loaded tiles of a row over their mean. 1 is balanced, and
    /// so is a mask without tiles. With one worker a row the whole takes this much longer than its share.
    /// </summary>
    public double RowImbalance => Loaded == 0 ? 1 : MaxRowTiles * (double)TileRows / Loaded;

    /// <summary>Counts in time proportional to the loaded tiles and bitmaps.</summary>
    /// <param name="mask">The mask.</param>
    /// <param name="slice">One stored slice, or null for all.</param>
    public static TileCounts Of(BlockMask mask, int? slice = null)
    {
        ArgumentNullException.ThrowIfNull(mask);
        var slices = slice is null ? mask.Slices : 1;
        var first = (slice ?? 0) * mask.TileRows;
        var end = first + (slices * mask.TileRows);
        var keys = new long[mask.Tile.Rows];
        var (minTiles, maxTiles, minKeys, maxKeys, allowed, emptyRows) = (int.MaxValue, 0, long.MaxValue, 0L, 0L, 0L);
        for (var row = first; row < end; row++)
        {
            var tiles = mask.LoadRowPtr[row + 1] - mask.LoadRowPtr[row];
            (minTiles, maxTiles) = (Math.Min(minTiles, tiles), Math.Max(maxTiles, tiles));
            keys.AsSpan().Fill((long)(mask.FullRowPtr[row + 1] - mask.FullRowPtr[row]) * mask.Tile.Columns);
            for (var part = mask.PartRowPtr[row]; part < mask.PartRowPtr[row + 1]; part++)
            {
                AddRowCounts(mask.Tile, mask.Bitmap(part), keys);
            }

            var queries = (int)Math.Min(mask.Tile.Rows, mask.Extent.QueryLength - ((long)(row % mask.TileRows) * mask.Tile.Rows));
            foreach (var count in keys.AsSpan(0, queries))
            {
                allowed += count;
                emptyRows += count == 0 ? 1 : 0;
                (minKeys, maxKeys) = (Math.Min(minKeys, count), Math.Max(maxKeys, count));
            }
        }

        var (full, partTiles) = (mask.FullRowPtr[end] - mask.FullRowPtr[first], mask.PartRowPtr[end] - mask.PartRowPtr[first]);
        return new TileCounts
        {
            Slices = slices,
            Tile = mask.Tile,
            TileRows = end - first,
            Full = full,
            Part = partTiles,
            Empty = ((long)slices * mask.TileRows * mask.TileColumns) - full - partTiles,
            Allowed = allowed,
            Pairs = (long)slices * mask.Extent.QueryLength * mask.Extent.KeyLength,
            MinRowTiles = end == first ? 0 : minTiles,
            MaxRowTiles = maxTiles,
            MinRowKeys = end == first ? 0 : minKeys,
            MaxRowKeys = maxKeys,
            EmptyRows = emptyRows,
        };
    }

    private static void AddRowCounts(TileShape tile, ReadOnlySpan<ulong> words, long[] keys)
    {
        var innerRows = tile.Rows / TileShape.Inner;
        for (var word = 0; word < words.Length; word++)
        {
            var bits = words[word];
            for (var r = word % innerRows * TileShape.Inner; bits != 0; r++, bits >>= TileShape.Inner)
            {
                keys[r] += BitOperations.PopCount(bits & 0xFF);
            }
        }
    }
}
