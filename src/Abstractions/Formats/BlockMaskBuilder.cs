using Stof.Reference.Masks;

namespace Stof.Reference.Formats;

/// <summary>
/// Builds the two-level storage from a bound mask. A tile row is halved until a rectangle is known to be full or empty or is
/// one tile wide; only tiles that remain undecided are looked at element by element, 64 keys at a time. The work is
/// proportional to the tiles kept times the logarithm of the row's length, never to Sq·Skv.
/// </summary>
public static class BlockMaskBuilder
{
    /// <summary>Builds the storage of <paramref name="mask"/> for one tile size.</summary>
    /// <exception cref="InvalidInputException">The tile's sides are not positive multiples of 8.</exception>
    public static BlockMask Build(BoundMask mask, TileShape tile)
    {
        ArgumentNullException.ThrowIfNull(mask);
        tile = tile.Validated();
        var extent = mask.Extent;
        var batchSlices = mask.VariesByBatch ? extent.Batch : 1;
        var headSlices = mask.VariesByHead ? extent.Heads : 1;
        var tileRows = (extent.QueryLength + tile.Rows - 1) / tile.Rows;
        var lists = new Lists((batchSlices * headSlices * tileRows) + 1);
        for (var batch = 0; batch < batchSlices; batch++)
        {
            for (var head = 0; head < headSlices; head++)
            {
                for (var row = 0; row < tileRows; row++)
                {
                    new RowWalker(mask, tile, batch, head, row, lists).Walk();
                    lists.EndRow();
                }
            }
        }

        return new BlockMask(extent, tile, batchSlices, headSlices)
        {
            FullRowPtr = lists.FullRowPtr,
            FullColIdx = [.. lists.Full],
            PartRowPtr = lists.PartRowPtr,
            PartColIdx = [.. lists.Part],
            LoadRowPtr = lists.LoadRowPtr,
            LoadColIdx = [.. lists.Load],
            LoadPartIdx = [.. lists.LoadPart],
            Bitmaps = [.. lists.Bitmaps],
        };
    }

    /// <summary>Binds and builds in one step.</summary>
    public static BlockMask Build(MaskPattern pattern, MaskExtent extent, TileShape tile)
    {
        ArgumentNullException.ThrowIfNull(pattern);
        return Build(pattern.Bind(extent), tile);
    }

    private sealed class Lists(int pointers)
    {
        private int _row;

        public List<int> Full { get; } = [];

        public List<int> Part { get; } = [];

        public List<int> Load { get; } = [];

        public List<int> LoadPart { get; } = [];

        public List<ulong> Bitmaps { get; } = [];

        public int[] FullRowPtr { get; } = new int[pointers];

        public int[] PartRowPtr { get; } = new int[pointers];

        public int[] LoadRowPtr { get; } = new int[pointers];

        public void AddFull(int column)
        {
            Full.Add(column);
            Load.Add(column);
            LoadPart.Add(-1);
        }

        public void AddPart(int column, ReadOnlySpan<ulong> words)
        {
            LoadPart.Add(Part.Count);
            Part.Add(column);
            Load.Add(column);
            Bitmaps.AddRange(words);
        }

        public void EndRow()
        {
            _row++;
            FullRowPtr[_row] = Full.Count;
            PartRowPtr[_row] = Part.Count;
            LoadRowPtr[_row] = Load.Count;
        }
    }

    private readonly struct RowWalker(BoundMask mask, TileShape tile, int batch, int head, int tileRow, Lists lists)
    {
        private readonly int _queryStart = tileRow * tile.Rows;
        private readonly int _queryEnd = Math.Min((tileRow + 1) * tile.Rows, mask.Extent.QueryLength);

        public void Walk()
        {
            var columns = (mask.Extent.KeyLength + tile.Columns - 1) / tile.Columns;
            if (columns > 0)
            {
                Split(0, columns);
            }
        }

        private void Split(int columnStart, int columnEnd)
        {
            var keyStart = columnStart * tile.Columns;
            var keyEnd = Math.Min(columnEnd * tile.Columns, mask.Extent.KeyLength);
            switch (mask.Classify(batch, head, new MaskRect(_queryStart, _queryEnd, keyStart, keyEnd)))
            {
                case TileClass.Empty:
                    return;
                case TileClass.Full:
                    for (var column = columnStart; column < columnEnd; column++)
                    {
                        AddFullOrRagged(column);
                    }

                    return;
                default:
                    if (columnEnd - columnStart == 1)
                    {
                        Look(columnStart);
                        return;
                    }

                    var middle = columnStart + ((columnEnd - columnStart) / 2);
                    Split(columnStart, middle);
                    Split(middle, columnEnd);
                    return;
            }
        }

        private void AddFullOrRagged(int column)
        {
            var whole = _queryEnd - _queryStart == tile.Rows && (column + 1) * tile.Columns <= mask.Extent.KeyLength;
            if (whole)
            {
                lists.AddFull(column);
            }
            else
            {
                Look(column);
            }
        }

        private void Look(int column)
        {
            Span<ulong> words = tile.WordsPerTile <= 256 ? stackalloc ulong[tile.WordsPerTile] : new ulong[tile.WordsPerTile];
            words.Clear();
            var keyStart = column * tile.Columns;
            var keyEnd = Math.Min(keyStart + tile.Columns, mask.Extent.KeyLength);
            for (var query = _queryStart; query < _queryEnd; query++)
            {
                var row = query - _queryStart;
                for (var key = keyStart; key < keyEnd; key += BoundMask.RowBits)
                {
                    var bits = mask.Row64(batch, head, query, key);
                    if (keyEnd - key < BoundMask.RowBits)
                    {
                        bits &= (1UL << (keyEnd - key)) - 1;
                    }

                    // One byte of the row is one row of an inner tile.
                    for (var c = key - keyStart; bits != 0; bits >>= TileShape.Inner, c += TileShape.Inner)
                    {
                        words[tile.WordIndex(row, c)] |= (bits & 0xFF) << TileShape.BitIndex(row, 0);
                    }
                }
            }

            if (!words.ContainsAnyExcept(0UL))
            {
                return;
            }

            if (words.ContainsAnyExcept(ulong.MaxValue))
            {
                lists.AddPart(column, words);
            }
            else
            {
                lists.AddFull(column);
            }
        }
    }
}
