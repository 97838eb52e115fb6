using System.Runtime.CompilerServices;

namespace Stof.Reference.Cpu.Simd.Attention;

/// <summary>
/// A rectangle of a tile: keys [Key, Key + Keys) by queries [Query, Query + Queries), counted in the tile. A full tile is one;
/// a part tile is cut into some that leave out what is empty.
/// </summary>
internal readonly record struct TilePart(int Query, int Queries, int Key, int Keys);

/// <summary>Place of a tile's first pair.</summary>
internal readonly record struct TilePlace(int Batch, int Head, int Query, int Key);

/// <summary>Which pairs of a part tile are allowed: for every sixteen queries <paramref name="keys"/> words, a bit a query: see <see cref="KeyBits"/>.</summary>
internal readonly unsafe struct TileBits(ushort* words, int keys)
{
    /// <summary>Words that are looked at together: two registers of eight bytes.</summary>
    private const int InnerKeys = 8;

    /// <summary>The words of sixteen queries from a key on; the first query is a multiple of 16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ushort* At(int query, int key) => words + ((long)(query / Lanes.Count) * keys) + key;

    /// <summary>True if all of eight keys are allowed to all of sixteen queries.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AreFull(ushort* words) => (((ulong*)words)[0] & ((ulong*)words)[1]) == ulong.MaxValue;

    /// <summary>The keys, from the first to the last in eights, that one of sixteen queries attends to: a part, without keys if there are none.</summary>
    public TilePart Span(int query)
    {
        var (first, end) = (0, keys);
        while (first < end && IsEmpty(At(query, first)))
        {
            first += InnerKeys;
        }

        while (first < end && IsEmpty(At(query, end - InnerKeys)))
        {
            end -= InnerKeys;
        }

        return new TilePart(query, Lanes.Count, first, end - first);
    }

    private static bool IsEmpty(ushort* words) => (((ulong*)words)[0] | ((ulong*)words)[1]) == 0;
}
