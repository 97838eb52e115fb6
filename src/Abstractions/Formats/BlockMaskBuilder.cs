using System.Runtime.CompilerServices;
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

    /// <summary>
    /// What was found so far, one tile row after the other: runs of full tiles and single part tiles. The lists are written once, at their
    /// exact length, when everything is known.
    /// </summary>
    private sealed class TileListBuilder(BoundMask mask, TileShape tile, int pointers)
    {
        private readonly List<TileRun> _found = [];
        private readonly List<TileRun> _runs = [];
        private readonly BitmapStack _bitmaps = new(tile.WordsPerTile);
        private readonly int[] _fullRowPtr = new int[pointers];
        private readonly int[] _partRowPtr = new int[pointers];
        private readonly int[] _loadRowPtr = new int[pointers];
        private long _full;
        private int _row;

        public void AddRow(int batch, int head, int tileRow)
        {
            var queryStart = tileRow * tile.Rows;
            var queryEnd = (int)Math.Min((long)queryStart + tile.Rows, mask.Extent.QueryLength);
            var wholeColumns = queryEnd - queryStart == tile.Rows ? mask.Extent.KeyLength / tile.Columns : 0;
            TileWalker.Walk(mask, batch, head, queryStart, queryEnd, tile.Columns, _runs);
            foreach (var (first, end, full) in _runs)
            {
                // Tiles that the edge cuts are never full: their bits past the edge are 0.
                var endOfFull = full ? Math.Clamp(end, first, Math.Max(first, wholeColumns)) : first;
                if (endOfFull > first)
                {
                    AddFull(first, endOfFull);
                }

                for (var column = endOfFull; column < end; column++)
                {
                    Look(batch, head, queryStart, queryEnd, column);
                }
            }

            _row++;
            _fullRowPtr[_row] = (int)_full;
            _partRowPtr[_row] = _bitmaps.Count;
            _loadRowPtr[_row] = (int)(_full + _bitmaps.Count);
        }

        public BlockMask ToBlockMask(int batchSlices, int headSlices)
        {
            var lists = new BlockMask(mask.Extent, tile, batchSlices, headSlices)
            {
                FullRowPtr = _fullRowPtr,
                FullColIdx = new int[_full],
                PartRowPtr = _partRowPtr,
                PartColIdx = new int[_bitmaps.Count],
                LoadRowPtr = _loadRowPtr,
                LoadColIdx = new int[_full + _bitmaps.Count],
                LoadPartIdx = new int[_full + _bitmaps.Count],
                Bitmaps = _bitmaps.ToArray(),
            };
            var (full, part, load) = (0, 0, 0);
            foreach (var (first, end, isFull) in _found)
            {
                for (var column = first; column < end; column++, load++)
                {
                    lists.LoadColIdx[load] = column;
                    if (isFull)
                    {
                        lists.FullColIdx[full++] = column;
                        lists.LoadPartIdx[load] = -1;
                    }
                    else
                    {
                        lists.PartColIdx[part] = column;
                        lists.LoadPartIdx[load] = part++;
                    }
                }
            }

            return lists;
        }

        private void AddFull(int first, int end)
        {
            _full += end - first;
            _found.Add(new TileRun(first, end, true));
            RequireRoom();
        }

        // Nearly all of the time goes here, and a mask is often built once: the method starts optimized instead of waiting for its turn.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Look(int batch, int head, int queryStart, int queryEnd, int column)
        {
            var words = _bitmaps.Next();
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
                words.Clear();
                AddFull(column, column + 1);
                return;
            }

            _bitmaps.Keep();
            _found.Add(new TileRun(column, column + 1, false));
            RequireRoom();
        }

        private void RequireRoom()
        {
            if (_full + _bitmaps.Count > Array.MaxLength)
            {
                throw new InvalidInputException("mask", $"more than {Array.MaxLength} tiles of {tile}", "a larger tile or a shorter sequence");
            }
        }
    }

    /// <summary>Bitmaps while their number is unknown: chunks are never moved, so that growing costs no copies.</summary>
    private sealed class BitmapStack(int wordsPerTile)
    {
        private const int ChunkWords = 1 << 13;

        private readonly int _tilesPerChunk = Math.Max(1, ChunkWords / wordsPerTile);
        private readonly List<ulong[]> _chunks = [];

        /// <summary>Bitmaps kept.</summary>
        public int Count { get; private set; }

        /// <summary>Room for one bitmap, all zeros if the last one was kept or cleared.</summary>
        public Span<ulong> Next()
        {
            var (chunk, index) = Math.DivRem(Count, _tilesPerChunk);
            if (chunk == _chunks.Count)
            {
                _chunks.Add(new ulong[_tilesPerChunk * wordsPerTile]);
            }

            return _chunks[chunk].AsSpan(index * wordsPerTile, wordsPerTile);
        }

        /// <summary>Keeps what was written to <see cref="Next"/>.</summary>
        public void Keep() => Count++;

        /// <summary>All bitmaps, one after the other.</summary>
        /// <exception cref="InvalidInputException">They exceed an array.</exception>
        public ulong[] ToArray()
        {
            var words = (long)Count * wordsPerTile;
            if (words > Array.MaxLength)
            {
                throw new InvalidInputException("mask", $"{Count} part tiles", "bitmaps of fewer than 16 GiB");
            }

            var all = new ulong[words];
            for (var chunk = 0; chunk * (long)_tilesPerChunk < Count; chunk++)
            {
                var start = chunk * _tilesPerChunk * wordsPerTile;
                var length = Math.Min(_tilesPerChunk * wordsPerTile, all.Length - start);
                _chunks[chunk].AsSpan(0, length).CopyTo(all.AsSpan(start));
            }

            return all;
        }
    }
}
