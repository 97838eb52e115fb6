using Stof.Reference.Masks;
using Stof.Reference.Tensors;

namespace Stof.Reference.Formats;

/// <summary>
/// One bit a pair, rows of whole bytes: key k of a query is in byte ⌊k/8⌋ of its row of ⌈Skv/8⌉ bytes, as bit k mod 8 counted from the
/// least significant (<see cref="BitOrder.Little"/>) or the most significant (<see cref="BitOrder.Big"/>): what
/// <c>numpy.packbits(mask, axis=-1, bitorder=…)</c> gives. Bits past the last key are 0. Represents every mask; costs Sq·Skv bits.
/// <para>
/// Example: <c>causal</c> at S = 16 has two bytes a row. Row 0 is 01 00, row 7 FF 00, row 8 FF 01, row 15 FF FF in little order;
/// row 0 is 80 00, row 8 FF 80 in big order.
/// </para>
/// </summary>
public sealed class BitRows
{
    /// <summary>The names of the arrays.</summary>
    internal static readonly string[] Names = ["mask_bits", BitOrders.Array, ArrayReader.Extent, ArrayReader.SliceCounts];

    private BitRows(MaskSlices slices, BitOrder order, byte[] bits)
    {
        Slices = slices;
        Order = order;
        Bits = bits;
    }

    /// <summary>The rectangle and the stored slices.</summary>
    public MaskSlices Slices { get; }

    /// <summary>Order of the bits in a byte.</summary>
    public BitOrder Order { get; }

    /// <summary>The bytes, [slices, Sq, ⌈Skv/8⌉].</summary>
    public byte[] Bits { get; }

    private int RowBytes => RowBytesOf(Slices);

    /// <summary>Packs a mask.</summary>
    /// <exception cref="InvalidInputException">The bits exceed 2 GiB.</exception>
    public static BitRows Build(BoundMask mask, BitOrder order)
    {
        var slices = MaskSlices.Of(mask);
        var bytes = (Int128)slices.QueryRows * RowBytesOf(slices);
        FormatRules.Require(bytes <= PackedBitMask.MaxBytes, "mask", $"{bytes} bytes of bits", "fewer than 2 GiB");
        var bits = new byte[(int)bytes];
        var perSlice = slices.Extent.QueryLength * RowBytesOf(slices);
        for (var slice = 0; slice < slices.Count; slice++)
        {
            var (batch, head) = slices.Pair(slice);
            PackedBits.Rows(mask, batch, head).CopyTo(bits, slice * perSlice);
        }

        BitOrders.Convert(bits, order);
        return new BitRows(slices, order, bits);
    }

    /// <summary>
    /// Named arrays, ready for an npz: <c>mask_bits</c> U8 [B or 1, H or 1, Sq, ⌈Skv/8⌉], <c>bit_order</c> I32 [1] (0 little, 1 big),
    /// <c>extent</c> and <c>slices</c>.
    /// </summary>
    public Dictionary<string, HostTensor> ToArrays()
    {
        var arrays = ArrayWriter.Start(Slices);
        arrays["mask_bits"] = HostTensor.From(Bits, Slices.Batch, Slices.Heads, Slices.Extent.QueryLength, RowBytes);
        arrays[BitOrders.Array] = ArrayWriter.Vector([(int)Order]);
        return arrays;
    }

    /// <summary>Reads named arrays back and checks them.</summary>
    /// <exception cref="InvalidInputException">
    /// An array is missing (the bit order too: it is never guessed), unknown, or of another dtype or shape, or a bit is set past the
    /// last key.
    /// </exception>
    public static BitRows FromArrays(IReadOnlyDictionary<string, HostTensor> arrays)
    {
        var reader = new ArrayReader("mask bits", arrays, Names);
        var slices = reader.Slices();
        var rowBytes = RowBytesOf(slices);
        var bits = reader.Values<byte>("mask_bits", slices.Batch, slices.Heads, slices.Extent.QueryLength, rowBytes);
        var rows = new BitRows(slices, BitOrders.Read(reader), bits);
        var inLast = slices.Extent.KeyLength % 8;
        var past = inLast == 0 ? 0 : rows.Order == BitOrder.Little ? (0xFF << inLast) & 0xFF : 0xFF >> inLast;
        for (var (row, last) = (0, rowBytes - 1); past != 0 && last < bits.Length; row++, last += rowBytes)
        {
            if ((bits[last] & past) != 0)
            {
                throw FormatRules.Wrong("mask_bits", $"0x{bits[last]:X2} at the end of row {row}", $"no bit of 0x{past:X2}, past the last key");
            }
        }

        return rows;
    }

    /// <summary>The bits as a mask.</summary>
    public BoundMask AsMask()
    {
        var little = new byte[Bits.Length + PackedBitMask.Padding];
        Bits.CopyTo(little, 0);
        BitOrders.Convert(little, Order);
        var extent = Slices.Extent;
        var stride = 8L * RowBytes;
        var segments = new BitSegment[Slices.Count];
        for (var slice = 0; slice < segments.Length; slice++)
        {
            segments[slice] = new BitSegment(slice * stride * extent.QueryLength, stride, extent.QueryLength, extent.KeyLength);
        }

        return new PackedBitMask(Slices, little, segments);
    }

    private static int RowBytesOf(MaskSlices slices) => (int)(((long)slices.Extent.KeyLength + 7) / 8);
}
