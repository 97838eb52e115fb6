using Stof.Reference.Masks;

namespace Stof.Reference.Formats;

/// <summary>
/// Up to 64 columns of a mask as runs of queries. As <see cref="TileWalker"/> does with a row of tiles, it halves a column of tiles until a
/// rectangle is known or is one tile of 64 queries, whose bits are then turned on their side.
/// </summary>
internal sealed class ColumnStrip
{
    private readonly BoundMask _mask;
    private readonly RunBuffer[] _columns = new RunBuffer[BoundMask.RowBits];
    private readonly ulong[] _bits = new ulong[BoundMask.RowBits];

    public ColumnStrip(BoundMask mask)
    {
        _mask = mask;
        for (var column = 0; column < _columns.Length; column++)
        {
            _columns[column] = new RunBuffer();
        }
    }

    /// <summary>Starts and ends of a column's runs, in turn; 0 is the first column of the strip.</summary>
    public ReadOnlySpan<int> Column(int column) => _columns[column].Bounds;

    /// <summary>Replaces the runs by those of keys [keyStart, keyEnd), at most 64.</summary>
    public void Walk(int batch, int head, int keyStart, int keyEnd)
    {
        foreach (var column in _columns)
        {
            column.Clear();
        }

        var queries = _mask.Extent.QueryLength;
        if (queries > 0)
        {
            Split(batch, head, keyStart, keyEnd, 0, ((queries - 1) / BoundMask.RowBits) + 1);
        }
    }

    private void Split(int batch, int head, int keyStart, int keyEnd, int first, int end)
    {
        var queryStart = first * BoundMask.RowBits;
        var queryEnd = (int)Math.Min((long)end * BoundMask.RowBits, _mask.Extent.QueryLength);
        var known = _mask.Classify(batch, head, new MaskRect(queryStart, queryEnd, keyStart, keyEnd));
        if (known == TileClass.Empty)
        {
            return;
        }

        if (known == TileClass.Full)
        {
            foreach (var column in _columns.AsSpan(0, keyEnd - keyStart))
            {
                column.Add(queryStart, queryEnd);
            }

            return;
        }

        if (end - first == 1)
        {
            Look(batch, head, keyStart, keyEnd, queryStart, queryEnd);
            return;
        }

        var middle = first + ((end - first) / 2);
        Split(batch, head, keyStart, keyEnd, first, middle);
        Split(batch, head, keyStart, keyEnd, middle, end);
    }

    private void Look(int batch, int head, int keyStart, int keyEnd, int queryStart, int queryEnd)
    {
        for (var query = queryStart; query < queryEnd; query++)
        {
            _bits[query - queryStart] = _mask.Row64(batch, head, query, keyStart);
        }

        _bits.AsSpan(queryEnd - queryStart).Clear();
        Transpose(_bits);
        for (var key = keyStart; key < keyEnd; key++)
        {
            _columns[key - keyStart].AddBits(queryStart, _bits[key - keyStart]);
        }
    }

    /// <summary>Swaps rows and columns of 64×64 bits: off-diagonal squares of 32, 16, … 1 bits change places.</summary>
    private static void Transpose(Span<ulong> rows)
    {
        var low = 0x00000000FFFFFFFFUL;
        for (var side = 32; side > 0; side >>= 1, low ^= low << side)
        {
            for (var row = 0; row < rows.Length; row = ((row | side) + 1) & ~side)
            {
                var swap = ((rows[row] >> side) ^ rows[row | side]) & low;
                rows[row] ^= swap << side;
                rows[row | side] ^= swap;
            }
        }
    }
}
