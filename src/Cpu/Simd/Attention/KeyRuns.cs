using Stof.Reference.Formats;

namespace Stof.Reference.Cpu.Simd.Attention;

/// <summary>
/// The allowed keys of every row as runs [start, end) in ascending order: STOF's row-wise lists, with neighbours joined, so
/// that a band costs one run and not one entry a key.
/// </summary>
internal sealed class KeyRuns
{
    private readonly int _rows;
    private readonly BlockMask _mask;
    private readonly int[] _pointers;
    private readonly int[] _runs;
    private readonly int[] _counts;

    /// <summary>Reads the rows of all slices from two-level storage.</summary>
    public KeyRuns(BlockMask mask)
    {
        _mask = mask;
        _rows = mask.Extent.QueryLength;
        var slices = mask.BatchSlices * mask.HeadSlices;
        _pointers = new int[(slices * _rows) + 1];
        _counts = new int[slices * _rows];
        var runs = new List<int>();
        for (var slice = 0; slice < slices; slice++)
        {
            for (var query = 0; query < _rows; query++)
            {
                var row = (slice * _rows) + query;
                _counts[row] = AddRow(runs, slice, query);
                _pointers[row + 1] = runs.Count;
            }
        }

        _runs = [.. runs];
    }

    /// <summary>Starts and ends of one row's runs, alternating.</summary>
    public ReadOnlySpan<int> Row(int batch, int head, int query)
    {
        var row = (_mask.Slice(batch, head) * _rows) + query;
        return _runs.AsSpan(_pointers[row], _pointers[row + 1] - _pointers[row]);
    }

    /// <summary>Allowed keys of one row.</summary>
    public int Count(int batch, int head, int query) => _counts[(_mask.Slice(batch, head) * _rows) + query];

    /// <summary>Allowed keys of the longest row.</summary>
    public int Longest => _counts.Length == 0 ? 0 : _counts.Max();

    private int AddRow(List<int> runs, int slice, int query)
    {
        var tile = _mask.Tile;
        var tileRow = (slice * _mask.TileRows) + (query / tile.Rows);
        var (count, end) = (0, -1);
        for (var entry = _mask.LoadRowPtr[tileRow]; entry < _mask.LoadRowPtr[tileRow + 1]; entry++)
        {
            var part = _mask.LoadPartIdx[entry];
            for (var c = 0; c < tile.Columns; c += TileShape.Inner)
            {
                var bits = part < 0
                    ? 0xFFu
                    : (uint)(_mask.Bitmap(part)[tile.WordIndex(query % tile.Rows, c)] >> TileShape.BitIndex(query % tile.Rows, 0)) & 0xFF;
                for (var key = (_mask.LoadColIdx[entry] * tile.Columns) + c; bits != 0; bits >>= 1, key++)
                {
                    if ((bits & 1) == 0)
                    {
                        continue;
                    }

                    count++;
                    if (key == end)
                    {
                        runs[^1] = ++end;
                        continue;
                    }

                    end = key + 1;
                    runs.Add(key);
                    runs.Add(end);
                }
            }
        }

        return count;
    }
}
