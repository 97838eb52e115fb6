using System.Runtime.InteropServices;

namespace Stof.Reference.Formats;

/// <summary>
/// The words of one tile (<see cref="TileShape.WordIndex"/>, <see cref="TileShape.BitIndex"/>) row by row. Byte r of a word is row r of
/// its inner tile and words go down a column first: eight keys of row r are byte r of a column of bytes, and the next eight are one
/// tile height further.
/// </summary>
internal static class TileBits
{
    /// <summary>Sets keys of a row from <paramref name="column"/> on, a multiple of 8; what was set stays set.</summary>
    public static void SetRow(Span<ulong> words, TileShape tile, int row, int column, ulong bits)
    {
        var bytes = MemoryMarshal.AsBytes(words);
        for (var position = row + (column / TileShape.Inner * tile.Rows); bits != 0; position += tile.Rows)
        {
            bytes[position] |= (byte)bits;
            bits >>= TileShape.Inner;
        }
    }

    /// <summary>Sixty-four keys of a row from <paramref name="column"/> on, a multiple of 8; 0 past the last column.</summary>
    public static ulong GetRow(ReadOnlySpan<ulong> words, TileShape tile, int row, int column)
    {
        var bytes = MemoryMarshal.AsBytes(words);
        var bits = 0UL;
        var end = Math.Min(column + 64, tile.Columns);
        for (var c = column; c < end; c += TileShape.Inner)
        {
            bits |= (ulong)bytes[row + (c / TileShape.Inner * tile.Rows)] << (c - column);
        }

        return bits;
    }

    /// <summary>Checks that a tile that the edge cuts has no bit past the last query or key.</summary>
    /// <param name="name">The array that holds the words.</param>
    /// <param name="tile">Size of the tile.</param>
    /// <param name="words">Its words.</param>
    /// <param name="queries">Queries from the tile's first on.</param>
    /// <param name="keys">Keys from the tile's first on.</param>
    /// <param name="first">Index of the first word in the array.</param>
    public static void CheckEdge(string name, TileShape tile, ReadOnlySpan<ulong> words, int queries, int keys, int first)
    {
        if (queries >= tile.Rows && keys >= tile.Columns)
        {
            return;
        }

        for (var column = 0; column < tile.Columns; column += TileShape.Inner)
        {
            for (var row = 0; row < tile.Rows; row += TileShape.Inner)
            {
                // Eight bits of a row that are inside, in as many rows as are inside.
                var inRow = keys - column >= TileShape.Inner ? 0xFFUL : (1UL << Math.Max(keys - column, 0)) - 1;
                var inTile = queries - row >= TileShape.Inner ? ulong.MaxValue : (1UL << (TileShape.Inner * Math.Max(queries - row, 0))) - 1;
                var inside = inRow * 0x0101010101010101 & inTile;
                var word = tile.WordIndex(row, column);
                if ((words[word] & ~inside) != 0)
                {
                    throw FormatRules.Wrong(
                        $"{name}[{first + word}]", $"0x{words[word]:X16}", $"no bit outside 0x{inside:X16}, past the last query or key");
                }
            }
        }
    }
}
