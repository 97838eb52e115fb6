using Stof.Reference.Formats;

namespace Stof.Reference.Cpu.Simd.Attention;

/// <summary>
/// The allowed keys of every row, ascending, read from the tiles and bitmaps of two-level storage: what
/// <see cref="RowLists"/> holds, for a kernel that was handed tiles.
/// </summary>
internal sealed class KeyLists
{
    private readonly BlockMask _mask;
    private readonly int[] _pointers;
    private readonly int[] _keys;

    /// <summary>Reads the rows of all slices.</summary>
    /// <exception cref="InvalidInputException">More pairs than an array holds.</exception>
    public KeyLists(BlockMask mask)
    {
        var pairs = TileCounts.Of(mask).Allowed;
        if (pairs > Array.MaxLength)
        {
            throw new InvalidInputException(
                "row-wise attention", $"{pairs} allowed pairs", $"at most {Array.MaxLength}; use the block-wise kernel");
        }

        _mask = mask;
        var queries = mask.Extent.QueryLength;
        var slices = mask.BatchSlices * mask.HeadSlices;
        _pointers = new int[(slices * queries) + 1];
        _keys = new int[pairs];
        var count = 0;
        for (var slice = 0; slice < slices; slice++)
        {
            for (var query = 0; query < queries; query++)
            {
                count = AddRow(slice, query, count);
                var row = (slice * queries) + query;
                _pointers[row + 1] = count;
                Longest = Math.Max(Longest, count - _pointers[row]);
            }
        }
    }

    /// <summary>Allowed keys of the longest row.</summary>
    public int Longest { get; }

    /// <summary>The allowed keys of one row.</summary>
    public ReadOnlySpan<int> Row(int batch, int head, int query)
    {
        var row = (_mask.Slice(batch, head) * _mask.Extent.QueryLength) + query;
        return _keys.AsSpan(_pointers[row], _pointers[row + 1] - _pointers[row]);
    }

    private int AddRow(int slice, int query, int count)
    {
        var tile = _mask.Tile;
        var inTile = query % tile.Rows;
        var tileRow = (slice * _mask.TileRows) + (query / tile.Rows);
        for (var entry = _mask.LoadRowPtr[tileRow]; entry < _mask.LoadRowPtr[tileRow + 1]; entry++)
        {
            var part = _mask.LoadPartIdx[entry];
            for (var c = 0; c < tile.Columns; c += TileShape.Inner)
            {
                var word = part < 0 ? ulong.MaxValue : _mask.Bitmap(part)[tile.WordIndex(inTile, c)];
                var bits = (uint)(word >> TileShape.BitIndex(inTile, 0)) & 0xFF;
                for (var key = (_mask.LoadColIdx[entry] * tile.Columns) + c; bits != 0; bits >>= 1, key++)
                {
                    if ((bits & 1) != 0)
                    {
                        _keys[count++] = key;
                    }
                }
            }
        }

        return count;
    }
}
