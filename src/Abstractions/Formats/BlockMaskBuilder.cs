using System.Runtime.InteropServices;
using Stof.Reference.Masks;

namespace Stof.Reference.Formats;

/// <summary>
/// Builds the two-level storage from a bound mask. Only tiles that the mask cannot decide are looked at element by element, 64
/// keys at a time; the rest comes from <see cref="BoundMask.Classify"/>. The work is proportional to the tiles kept times the
/// logarithm of the row's length, never to Sq·Skv.
/// </summary>
public static class BlockMaskBuilder
{
    /// <summary>Builds the storage of <paramref name="mask"/> for one tile size.</summary>
    /// <exception cref="InvalidInputException">The tile's sides are not positive multiples of 8, or the lists exceed 32 bits.</exception>
    public static BlockMask Build(BoundMask mask, TileShape tile)
    {
        ArgumentNullException.ThrowIfNull(mask);
        tile = tile.Validated();
        var extent = mask.Extent;
        var batchSlices = mask.VariesByBatch ? extent.Batch : 1;
        var headSlices = mask.VariesByHead ? extent.Heads : 1;
        var tileRows = BlockMask.Tiles(extent.QueryLength, tile.Rows);
        var pointers = ((long)batchSlices * headSlices * tileRows) + 1;
        if (pointers > Array.MaxLength)
        {
            throw new InvalidInputException("mask", $"{pointers} row pointers", $"at most {Array.MaxLength}");
        }

        var lists = new TileListBuilder(mask, tile, (int)pointers);
        for (var batch = 0; batch < batchSlices; batch++)
        {
            for (var head = 0; head < headSlices; head++)
            {
                for (var row = 0; row < tileRows; row++)
                {
                    lists.AddRow(batch, head, row);
                }
            }
        }

        return lists.ToBlockMask(batchSlices, headSlices);
    }

    /// <summary>Binds and builds in one step.</summary>
    public static BlockMask Build(MaskPattern pattern, MaskExtent extent, TileShape tile)
    {
        ArgumentNullException.ThrowIfNull(pattern);
        return Build(pattern.Bind(extent), tile);
    }

    /// <summary>The lists while they grow, one tile row after the other.</summary>
    private sealed class TileListBuilder(BoundMask mask, TileShape tile, int pointers)
    {
        private readonly List<TileRun> _runs = [];
        private readonly List<int> _full = [];
        private readonly List<int> _part = [];
        private readonly List<int> _load = [];
        private readonly List<int> _loadPart = [];
        private readonly int[] _fullRowPtr = new int[pointers];
        private readonly int[] _partRowPtr = new int[pointers];
        private readonly int[] _loadRowPtr = new int[pointers];
        private ulong[] _bitmaps = [];
        private int _row;

        public void AddRow(int batch, int head, int tileRow)
        {
            var queryStart = tileRow * tile.Rows;
            var queryEnd = (int)Math.Min((long)queryStart + tile.Rows, mask.Extent.QueryLength);
            TileWalker.Walk(mask, batch, head, queryStart, queryEnd, tile.Columns, _runs);
            foreach (var (first, end, full) in _runs)
            {
                if ((long)_load.Count + end - first > Array.MaxLength)
                {
                    throw new InvalidInputException("mask", $"more than {_load.Count} tiles of {tile}", $"at most {Array.MaxLength}");
                }

                for (var column = first; column < end; column++)
                {
                    var whole = queryEnd - queryStart == tile.Rows && (column + 1L) * tile.Columns <= mask.Extent.KeyLength;
                    if (full && whole)
                    {
                        AddFull(column);
                    }
                    else
                    {
                        Look(batch, head, queryStart, queryEnd, column);
                    }
                }
            }

            _row++;
            _fullRowPtr[_row] = _full.Count;
            _partRowPtr[_row] = _part.Count;
            _loadRowPtr[_row] = _load.Count;
        }

        public BlockMask ToBlockMask(int batchSlices, int headSlices) => new(mask.Extent, tile, batchSlices, headSlices)
        {
            FullRowPtr = _fullRowPtr,
            FullColIdx = [.. _full],
            PartRowPtr = _partRowPtr,
            PartColIdx = [.. _part],
            LoadRowPtr = _loadRowPtr,
            LoadColIdx = [.. _load],
            LoadPartIdx = [.. _loadPart],
            Bitmaps = _bitmaps.AsSpan(0, _part.Count * tile.WordsPerTile).ToArray(),
        };

        private void AddFull(int column)
        {
            _full.Add(column);
            _load.Add(column);
            _loadPart.Add(-1);
        }

        private void Look(int batch, int head, int queryStart, int queryEnd, int column)
        {
            var words = NextBitmap();
            var bytes = MemoryMarshal.AsBytes(words);
            var keyStart = column * tile.Columns;
            var keyEnd = (int)Math.Min((long)keyStart + tile.Columns, mask.Extent.KeyLength);
            for (var query = queryStart; query < queryEnd; query++)
            {
                for (var key = keyStart; key < keyEnd; key += BoundMask.RowBits)
                {
                    var bits = mask.Row64(batch, head, query, key);
                    if (keyEnd - key < BoundMask.RowBits)
                    {
                        bits &= (1UL << (keyEnd - key)) - 1;
                    }

                    // Byte r of a word is row r of its inner tile and words go down a column first: eight keys of row q are
                    // byte q of a column of bytes, and the next eight are one tile height further.
                    for (var position = query - queryStart + ((key - keyStart) / TileShape.Inner * tile.Rows); bits != 0; position += tile.Rows)
                    {
                        bytes[position] = (byte)bits;
                        bits >>= TileShape.Inner;
                    }
                }
            }

            if (!words.ContainsAnyExcept(0UL))
            {
                return;
            }

            if (!words.ContainsAnyExcept(ulong.MaxValue))
            {
                AddFull(column);
                words.Clear();
                return;
            }

            _loadPart.Add(_part.Count);
            _part.Add(column);
            _load.Add(column);
        }

        /// <summary>Room for one more bitmap, all zeros; it is kept by counting its tile as part.</summary>
        private Span<ulong> NextBitmap()
        {
            var start = (long)_part.Count * tile.WordsPerTile;
            var end = start + tile.WordsPerTile;
            if (end > Array.MaxLength)
            {
                throw new InvalidInputException("mask", $"more than {_part.Count} part tiles of {tile}", "bitmaps of fewer than 16 GiB");
            }

            if (end > _bitmaps.Length)
            {
                Array.Resize(ref _bitmaps, (int)Math.Clamp(2L * _bitmaps.Length, Math.Max(end, 1024), Array.MaxLength));
            }

            return _bitmaps.AsSpan((int)start, tile.WordsPerTile);
        }
    }
}
