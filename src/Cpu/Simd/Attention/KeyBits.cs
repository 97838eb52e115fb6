using Stof.Reference.Formats;

namespace Stof.Reference.Cpu.Simd.Attention;

/// <summary>
/// The bitmaps of a mask's part tiles with every inner tile transposed: byte j of a word holds the eight queries of its j-th
/// key, which a kernel with queries in the lanes selects by. Words stand where <see cref="TileShape.WordIndex"/> has them.
/// </summary>
internal sealed class KeyBits
{
    private readonly ulong[] _words;
    private readonly int _wordsPerTile;

    public KeyBits(BlockMask mask)
    {
        _wordsPerTile = mask.Tile.WordsPerTile;
        _words = Array.ConvertAll(mask.Bitmaps, Transpose);
    }

    /// <summary>The words of one part tile.</summary>
    public ReadOnlySpan<ulong> Tile(int part) => _words.AsSpan(part * _wordsPerTile, _wordsPerTile);

    /// <summary>Bit (r, c) of an 8×8 tile to bit (c, r): swaps of 1×1, 2×2 and 4×4 blocks across the diagonal.</summary>
    internal static ulong Transpose(ulong word)
    {
        word = Swapped(word, 0x00AA00AA00AA00AA, 7);
        word = Swapped(word, 0x0000CCCC0000CCCC, 14);
        return Swapped(word, 0x00000000F0F0F0F0, 28);
    }

    private static ulong Swapped(ulong word, ulong upper, int distance)
    {
        var difference = (word ^ (word >> distance)) & upper;
        return word ^ difference ^ (difference << distance);
    }
}
