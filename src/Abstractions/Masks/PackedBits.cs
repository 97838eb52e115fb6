using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Stof.Reference.Masks;

/// <summary>
/// Conversions between one byte a pair (0 or not 0) and one bit a pair (least significant first), 64 pairs at a time and without
/// a branch per pair.
/// </summary>
public static class PackedBits
{
    /// <summary>Sets bit i of the result where byte i is not 0.</summary>
    /// <param name="bytes">At most 64 bytes; bits beyond them are 0.</param>
    public static ulong Pack(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length >= Vector512<byte>.Count)
        {
            return ~Vector512.Equals(Vector512.Create(bytes), Vector512<byte>.Zero).ExtractMostSignificantBits();
        }

        Span<byte> padded = stackalloc byte[Vector512<byte>.Count];
        padded.Clear();
        bytes.CopyTo(padded);
        return Pack(padded);
    }

    /// <summary>Writes byte i as bit i, 0 or 1.</summary>
    /// <param name="bits">The bits.</param>
    /// <param name="bytes">At most 64 bytes are written.</param>
    public static void Unpack(ulong bits, Span<byte> bytes)
    {
        if (bytes.Length < 64)
        {
            Span<byte> padded = stackalloc byte[64];
            Unpack(bits, padded);
            padded[..bytes.Length].CopyTo(bytes);
            return;
        }

        var words = MemoryMarshal.Cast<byte, ulong>(bytes[..64]);
        for (var i = 0; i < words.Length; i++)
        {
            // Bit j of the byte is isolated in byte j of the word; adding 127 moves "not 0" to each byte's top bit.
            var spread = ((bits >> (8 * i)) & 0xFF) * 0x0101010101010101 & 0x8040201008040201;
            words[i] = ((spread + 0x7F7F7F7F7F7F7F7F) >> 7) & 0x0101010101010101;
        }
    }

    /// <summary>
    /// The mask of one batch item and head, row by row, ⌈Skv/8⌉ bytes a row, bit k mod 8 of byte k/8 for key k; bits past the last
    /// key are 0.
    /// </summary>
    /// <exception cref="InvalidInputException">The bits exceed 2 GiB.</exception>
    public static byte[] Rows(BoundMask mask, int batch, int head)
    {
        ArgumentNullException.ThrowIfNull(mask);
        var (queries, keys) = (mask.Extent.QueryLength, mask.Extent.KeyLength);
        var stride = ((long)keys + 7) / 8;
        if (queries * stride > Array.MaxLength)
        {
            throw new InvalidInputException("mask", $"{queries}x{keys} pairs", "fewer than 2 GiB of bits");
        }

        var bytes = new byte[queries * stride];
        Span<byte> word = stackalloc byte[8];
        for (var query = 0; query < queries; query++)
        {
            var row = bytes.AsSpan((int)(query * stride), (int)stride);
            for (var key = 0; key < keys; key += BoundMask.RowBits)
            {
                MemoryMarshal.Write(word, mask.Row64(batch, head, query, key));
                var target = row[(key / 8)..];
                word[..Math.Min(word.Length, target.Length)].CopyTo(target);
            }
        }

        return bytes;
    }
}
