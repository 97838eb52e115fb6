using System.Runtime.InteropServices;

namespace Stof.Reference.Formats;

/// <summary>
/// Where the first of eight pairs sits in its byte. Nothing in the bytes tells: a format that packs bits carries the order with it
/// (array <c>bit_order</c>, I32 [1]) and nobody guesses. The names are those of <c>numpy.packbits(bitorder=…)</c>.
/// </summary>
public enum BitOrder
{
    /// <summary>Pair 0 is the least significant bit, 1. What FlashInfer's kernels read.</summary>
    Little,

    /// <summary>Pair 0 is the most significant bit, 128. The default of <c>numpy.packbits</c> and of FlashInfer's <c>packbits</c>.</summary>
    Big,
}

/// <summary>Conversions between bit orders.</summary>
internal static class BitOrders
{
    /// <summary>The array that names the order.</summary>
    public const string Array = "bit_order";

    /// <summary>Reads the array that names the order.</summary>
    public static BitOrder Read(ArrayReader reader) =>
        (BitOrder)reader.Choice(Array, (int)BitOrder.Big, "0 for little (least significant bit first) or 1 for big");

    /// <summary>Reverses the bits of every byte where the order is big: little becomes big and big becomes little.</summary>
    public static void Convert(Span<byte> bytes, BitOrder order)
    {
        if (order == BitOrder.Little)
        {
            return;
        }

        var words = MemoryMarshal.Cast<byte, ulong>(bytes);
        foreach (ref var word in words)
        {
            word = Reverse(word);
        }

        foreach (ref var single in bytes[(words.Length * sizeof(ulong))..])
        {
            single = (byte)Reverse(single);
        }
    }

    // Swaps neighbouring bits, then pairs, then halves of every byte.
    private static ulong Reverse(ulong bytes)
    {
        bytes = ((bytes >> 1) & 0x5555555555555555) | ((bytes & 0x5555555555555555) << 1);
        bytes = ((bytes >> 2) & 0x3333333333333333) | ((bytes & 0x3333333333333333) << 2);
        return ((bytes >> 4) & 0x0F0F0F0F0F0F0F0F) | ((bytes & 0x0F0F0F0F0F0F0F0F) << 4);
    }
}
