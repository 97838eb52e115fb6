using System.Buffers.Binary;
using Stof.Reference.Masks;

namespace Stof.Reference.Formats;

/// <summary>One slice in a run of bits: query q's key k is bit <c>First + q·Stride + k</c>. Pairs outside are masked.</summary>
/// <param name="First">Bit of pair (0, 0).</param>
/// <param name="Stride">Bits from one query to the next.</param>
/// <param name="Queries">Queries stored.</param>
/// <param name="Keys">Keys stored.</param>
internal readonly record struct BitSegment(long First, long Stride, int Queries, int Keys);

/// <summary>Reads a mask from packed bits, least significant first.</summary>
/// <param name="slices">The stored slices.</param>
/// <param name="bits">The bytes, and <see cref="Padding"/> more behind them, so that any nine can be read at once.</param>
/// <param name="segments">Where each slice is.</param>
internal sealed class PackedBitMask(MaskSlices slices, byte[] bits, BitSegment[] segments) : SlicedMask(slices)
{
    /// <summary>Bytes that must follow the last one.</summary>
    public const int Padding = 9;

    /// <summary>Bytes of bits that leave room for the padding.</summary>
    public static int MaxBytes => Array.MaxLength - Padding;

    public override bool Allows(int batch, int head, int query, int key)
    {
        var segment = segments[Slices.Index(batch, head)];
        var bit = segment.First + (query * segment.Stride) + key;
        return query < segment.Queries && key < segment.Keys && ((bits[bit >> 3] >> (int)(bit & 7)) & 1) != 0;
    }

    public override TileClass Classify(int batch, int head, MaskRect rect) => ClassifyByLooking(batch, head, rect);

    public override ulong Row64(int batch, int head, int query, int keyStart)
    {
        var segment = segments[Slices.Index(batch, head)];
        if (query >= segment.Queries || keyStart >= segment.Keys)
        {
            return 0;
        }

        var bit = segment.First + (query * segment.Stride) + keyStart;
        var (at, shift) = ((int)(bit >> 3), (int)(bit & 7));
        var row = BinaryPrimitives.ReadUInt64LittleEndian(bits.AsSpan(at)) >> shift;
        row |= (ulong)bits[at + 8] << 1 << (63 - shift);
        return row & KeysBetween(keyStart, keyStart, segment.Keys);
    }
}
