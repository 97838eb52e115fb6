using System.Buffers.Binary;
using Stof.Reference.Masks;
using Stof.Reference.Tensors;

namespace Stof.Reference.Formats.Peers;

/// <summary>
/// FlashInfer's packed custom mask of ragged batches (<c>BatchPrefillWithRaggedKVCacheWrapper.plan</c>): item b is one segment of
/// Sq_b·Skv_b bits, row-major, pair (q, k) at bit q·Skv_b + k, padded to whole bytes <em>per segment and not per row</em>. Its
/// queries are [qo_indptr[b], qo_indptr[b + 1]), its keys [kv_indptr[b], kv_indptr[b + 1]), and its bytes [mask_indptr[b],
/// mask_indptr[b + 1]) as <c>segment_packbits</c> returns them.
/// <para>
/// The kernels read <see cref="BitOrder.Little"/>; the public helpers <c>packbits</c> and <c>segment_packbits</c> write
/// <see cref="BitOrder.Big"/> unless told otherwise. So the order is a field here (array <c>bit_order</c>), always written and required.
/// A FlashInfer mask has no head dimension: a mask that differs by head is refused. Where batch items share a mask one segment is
/// stored; FlashInfer wants it repeated for each.
/// </para>
/// <para>
/// Segments may be shorter than the extent when read: pairs outside a segment are masked.
/// </para>
/// <para>
/// Example: <c>causal</c> at S = 16 in little order: qo_indptr and kv_indptr [0, 16], mask_indptr [0, 32], bytes 01 00 03 00 07 00 …; at
/// S = 3 the nine bits are 100 110 111, bytes D9 01, where rows of whole bytes would be 01 03 07.
/// </para>
/// </summary>
public sealed class FlashInferMask
{
    /// <summary>The names of the arrays.</summary>
    internal static readonly string[] Names =
    [
        "qo_indptr", "kv_indptr", "mask_indptr", "packed_custom_mask", BitOrders.Array, ArrayReader.Extent, ArrayReader.SliceCounts,
    ];

    private FlashInferMask(MaskSlices slices, int[] queries, int[] keys, int[] offsets, BitOrder order, byte[] bits)
    {
        Slices = slices;
        QueryPtr = queries;
        KeyPtr = keys;
        BytePtr = offsets;
        Order = order;
        Bits = bits;
    }

    /// <summary>The rectangle and the stored slices; one head.</summary>
    public MaskSlices Slices { get; }

    /// <summary>Running count of queries, <c>qo_indptr</c>.</summary>
    public int[] QueryPtr { get; }

    /// <summary>Running count of keys, <c>kv_indptr</c>.</summary>
    public int[] KeyPtr { get; }

    /// <summary>Running count of bytes, <c>mask_indptr</c>.</summary>
    public int[] BytePtr { get; }

    /// <summary>Order of the bits in a byte.</summary>
    public BitOrder Order { get; }

    /// <summary>The bytes, <c>packed_custom_mask</c>.</summary>
    public byte[] Bits { get; }

    /// <summary>Packs a mask, one segment a stored batch item.</summary>
    /// <exception cref="InvalidInputException">The mask differs by head, or a running count exceeds 32 bits.</exception>
    public static FlashInferMask Build(BoundMask mask, BitOrder order)
    {
        var slices = MaskSlices.Of(mask);
        FormatRules.Require(slices.Heads == 1, "mask", $"{slices.Heads} heads that differ", "one mask for all heads: FlashInfer's custom mask has no head dimension");
        var extent = slices.Extent;
        var perSegment = (((long)extent.QueryLength * extent.KeyLength) + 7) / 8;
        foreach (var (name, count) in new[] { ("bytes", perSegment), ("queries", extent.QueryLength), ("keys", extent.KeyLength) })
        {
            FormatRules.Require((Int128)count * slices.Count <= PackedBitMask.MaxBytes, "mask", $"{(Int128)count * slices.Count} {name} of all batch items", $"at most {PackedBitMask.MaxBytes}");
        }

        var bits = new byte[(perSegment * slices.Count) + PackedBitMask.Padding];
        for (var slice = 0; slice < slices.Count; slice++)
        {
            Pack(mask, slice, bits.AsSpan((int)(slice * perSegment)));
        }

        bits = bits[..^PackedBitMask.Padding];
        BitOrders.Convert(bits, order);
        return new FlashInferMask(slices, Every(extent.QueryLength), Every(extent.KeyLength), Every((int)perSegment), order, bits);

        int[] Every(int step) => [.. Enumerable.Range(0, slices.Count + 1).Select(i => i * step)];
    }

    /// <summary>
    /// Named arrays, ready for an npz: <c>qo_indptr</c>, <c>kv_indptr</c>, <c>mask_indptr</c> I32 [B or 1, and one more],
    /// <c>packed_custom_mask</c> U8, <c>bit_order</c> I32 [1], <c>extent</c> and <c>slices</c>.
    /// </summary>
    public Dictionary<string, HostTensor> ToArrays()
    {
        var arrays = ArrayWriter.Start(Slices);
        arrays["qo_indptr"] = ArrayWriter.Vector(QueryPtr);
        arrays["kv_indptr"] = ArrayWriter.Vector(KeyPtr);
        arrays["mask_indptr"] = ArrayWriter.Vector(BytePtr);
        arrays["packed_custom_mask"] = ArrayWriter.Vector(Bits);
        arrays[BitOrders.Array] = ArrayWriter.Vector([(int)Order]);
        return arrays;
    }

    /// <summary>Reads named arrays back and checks them.</summary>
    /// <exception cref="InvalidInputException">
    /// An array is missing (the bit order too), unknown, or of another dtype or shape; a running count does not start at 0 or decreases;
    /// a segment exceeds the extent, has not the bytes of its pairs, or has a bit past its last pair; there is more than one head slice.
    /// </exception>
    public static FlashInferMask FromArrays(IReadOnlyDictionary<string, HostTensor> arrays)
    {
        var reader = new ArrayReader("FlashInfer mask", arrays, Names);
        var slices = reader.Slices();
        FormatRules.Require(slices.Heads == 1, "slices[1]", slices.Heads, "1: FlashInfer's custom mask has no head dimension");
        var (queries, keys) = (reader.Vector<int>("qo_indptr"), reader.Vector<int>("kv_indptr"));
        var (offsets, bits) = (reader.Vector<int>("mask_indptr"), reader.Vector<byte>("packed_custom_mask"));
        FormatRules.CheckPointers("qo_indptr", queries, slices.Count, "segment", "all queries", queries.Length == 0 ? 0 : queries[^1]);
        FormatRules.CheckPointers("kv_indptr", keys, slices.Count, "segment", "all keys", keys.Length == 0 ? 0 : keys[^1]);
        FormatRules.CheckPointers("mask_indptr", offsets, slices.Count, "segment", "packed_custom_mask", bits.Length);
        var mask = new FlashInferMask(slices, queries, keys, offsets, BitOrders.Read(reader), bits);
        mask.CheckSegments();
        return mask;
    }

    /// <summary>The bits as a mask.</summary>
    public BoundMask AsMask()
    {
        var little = new byte[Bits.Length + PackedBitMask.Padding];
        Bits.CopyTo(little, 0);
        BitOrders.Convert(little, Order);
        var segments = new BitSegment[Slices.Count];
        for (var item = 0; item < segments.Length; item++)
        {
            var keys = KeyPtr[item + 1] - KeyPtr[item];
            segments[item] = new BitSegment(8L * BytePtr[item], keys, QueryPtr[item + 1] - QueryPtr[item], keys);
        }

        return new PackedBitMask(Slices, little, segments);
    }

    // The target has nine bytes behind it: a row's last word may reach past the segment, where it holds zeros or comes before what is written next.
    private static void Pack(BoundMask mask, int batch, Span<byte> target)
    {
        var (queries, keys) = (mask.Extent.QueryLength, mask.Extent.KeyLength);
        for (var query = 0; query < queries; query++)
        {
            for (var key = 0; key < keys; key += BoundMask.RowBits)
            {
                var row = mask.Row64(batch, 0, query, key);
                if (row == 0)
                {
                    continue;
                }

                var bit = ((long)query * keys) + key;
                var at = target[(int)(bit >> 3)..];
                var shift = (int)(bit & 7);
                BinaryPrimitives.WriteUInt64LittleEndian(at, BinaryPrimitives.ReadUInt64LittleEndian(at) | (row << shift));
                at[8] |= (byte)(row >> 1 >> (63 - shift));
            }
        }
    }

    private void CheckSegments()
    {
        for (var item = 0; item < Slices.Count; item++)
        {
            var (queries, keys) = (QueryPtr[item + 1] - QueryPtr[item], KeyPtr[item + 1] - KeyPtr[item]);
            FormatRules.Require(queries <= Slices.Extent.QueryLength, $"qo_indptr[{item + 1}]", $"{queries} queries", $"at most {Slices.Extent.QueryLength}");
            FormatRules.Require(keys <= Slices.Extent.KeyLength, $"kv_indptr[{item + 1}]", $"{keys} keys", $"at most {Slices.Extent.KeyLength}");
            var (pairs, bytes) = ((long)queries * keys, BytePtr[item + 1] - BytePtr[item]);
            FormatRules.Require(bytes == (pairs + 7) / 8, $"mask_indptr[{item + 1}]", $"{bytes} bytes", $"{(pairs + 7) / 8} for {queries}x{keys} pairs");
            var inLast = (int)(pairs % 8);
            var past = inLast == 0 ? 0 : Order == BitOrder.Little ? (0xFF << inLast) & 0xFF : 0xFF >> inLast;
            FormatRules.Require(
                past == 0 || (Bits[BytePtr[item + 1] - 1] & past) == 0,
                $"packed_custom_mask[{BytePtr[item + 1] - 1}]", "a bit past the last pair of its segment", $"no bit of 0x{past:X2}");
        }
    }
}
