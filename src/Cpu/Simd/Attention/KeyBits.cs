using System.Runtime.InteropServices;
using Stof.Reference.Formats;

namespace Stof.Reference.Cpu.Simd.Attention;

/// <summary>
/// The part tiles of a mask as a kernel with queries in the lanes wants them: for every sixteen queries one word of sixteen bits a key; and the parts
/// that are worth computing. Both are the same for all heads and batch items that share a tile, and for every call.
/// </summary>
internal sealed unsafe class KeyBits
{
    /// <summary>What a part costs beside its pairs, counted in pairs.</summary>
    private const int PartPairs = 128;

    private const int WordsTogether = sizeof(ulong) / sizeof(ushort);

    private readonly int _strips;
    private readonly int _keys;
    private readonly ulong[] _storage;
    private readonly ushort* _words;
    private readonly int[] _firstParts;
    private readonly TilePart[] _parts;

    public KeyBits(BlockMask mask)
    {
        var tile = mask.Tile;
        var tiles = mask.Bitmaps.Length / tile.WordsPerTile;
        (_strips, _keys) = (Lanes.RoundUp(tile.Rows) / Lanes.Count, tile.Columns);

        // One more than there are, as a word is read with what follows it.
        _storage = GC.AllocateArray<ulong>((tiles * (_strips * _keys / WordsTogether)) + 1, pinned: true);
        _words = (ushort*)Marshal.UnsafeAddrOfPinnedArrayElement(_storage, 0);
        _firstParts = new int[tiles + 1];
        var parts = new List<TilePart>();
        for (var i = 0; i < tiles; i++)
        {
            Spread(mask.Bitmap(i), tile, Tile(i));
            AddParts(Tile(i), parts);
            _firstParts[i + 1] = parts.Count;
        }

        _parts = [.. parts];
    }

    /// <summary>The words of one part tile.</summary>
    public TileBits Tile(int tile) => new(_words + ((long)tile * _strips * _keys), _keys);

    /// <summary>The parts of one part tile that hold its allowed pairs.</summary>
    public ReadOnlySpan<TilePart> Parts(int tile) => _parts.AsSpan(_firstParts[tile].._firstParts[tile + 1]);

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

    private static void Spread(ReadOnlySpan<ulong> bitmap, TileShape tile, TileBits words)
    {
        for (var row = 0; row < tile.Rows; row += TileShape.Inner)
        {
            var strip = words.At(row, 0);
            for (var key = 0; key < tile.Columns; key++)
            {
                var inner = Transpose(bitmap[tile.WordIndex(row, key)]);
                var bits = (inner >> (TileShape.Inner * (key % TileShape.Inner))) & 0xFF;
                strip[key] |= (ushort)(bits << (row % Lanes.Count));
            }
        }
    }

    /// <summary>
    /// Sixteen queries need the keys between their first and their last, in eights. Neighbours are computed together while that adds no more
    /// than another part costs.
    /// </summary>
    private void AddParts(TileBits bits, List<TilePart> parts)
    {
        var (part, needed) = (default(TilePart), 0);
        for (var strip = 0; strip < _strips; strip++)
        {
            var own = bits.Span(strip * Lanes.Count);
            var pairs = own.Queries * own.Keys;
            var first = Math.Min(part.Key, own.Key);
            var joint = new TilePart(part.Query, part.Queries + own.Queries, first, Math.Max(part.Key + part.Keys, own.Key + own.Keys) - first);
            if (part.Keys > 0 && own.Keys > 0 && joint.Keys * joint.Queries <= needed + pairs + PartPairs)
            {
                (part, needed) = (joint, needed + pairs);
                continue;
            }

            if (part.Keys > 0)
            {
                parts.Add(part);
            }

            (part, needed) = (own, pairs);
        }

        if (part.Keys > 0)
        {
            parts.Add(part);
        }
    }
}
