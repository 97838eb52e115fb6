using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using Stof.Reference.Interchange;

namespace Stof.Reference.Cli.Rendering;

/// <summary>
/// Writes palette pictures as PNG (ISO/IEC 15948): the smallest depth of 1, 2, 4 or 8 bits that holds the palette, no filter, one
/// deflated data chunk. Equal pictures give equal bytes.
/// </summary>
internal static class PngWriter
{
    private static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A];

    /// <summary>Writes the file in one step.</summary>
    /// <exception cref="InvalidInputException">The file cannot be written.</exception>
    public static void Write(string path, IndexedImage image) => AtomicFile.Write(path, stream => Write(stream, image));

    /// <summary>Writes to a stream.</summary>
    public static void Write(Stream stream, IndexedImage image)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(image);
        var depth = image.Palette.Count switch { <= 2 => 1, <= 4 => 2, <= 16 => 4, _ => 8 };
        stream.Write(Signature);
        Chunk(stream, "IHDR", Header(image, depth));
        Chunk(stream, "PLTE", [.. image.Palette.SelectMany(c => new[] { (byte)(c >> 16), (byte)(c >> 8), (byte)c })]);
        Chunk(stream, "IDAT", Deflate(image, depth));
        Chunk(stream, "IEND", []);
    }

    private static byte[] Header(IndexedImage image, int depth)
    {
        var header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, image.Width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), image.Height);
        header[8] = (byte)depth;
        header[9] = 3; // colours come from a palette
        return header;
    }

    private static byte[] Deflate(IndexedImage image, int depth)
    {
        using var buffer = new MemoryStream();
        using (var zlib = new ZLibStream(buffer, CompressionLevel.SmallestSize, leaveOpen: true))
        {
            var perByte = 8 / depth;
            var row = new byte[1 + ((image.Width + perByte - 1) / perByte)]; // the first byte, 0, says that no filter is used
            for (var y = 0; y < image.Height; y++)
            {
                row.AsSpan().Clear();
                for (var x = 0; x < image.Width; x++)
                {
                    // The leftmost pixel is in the highest bits.
                    row[1 + (x / perByte)] |= (byte)(image.Pixels[(y * image.Width) + x] << (8 - (depth * ((x % perByte) + 1))));
                }

                zlib.Write(row);
            }
        }

        return buffer.ToArray();
    }

    private static void Chunk(Stream stream, string type, byte[] data)
    {
        // The checksum covers type and data, not the length.
        byte[] body = [.. Encoding.ASCII.GetBytes(type), .. data];
        Span<byte> number = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(number, data.Length);
        stream.Write(number);
        stream.Write(body);
        BinaryPrimitives.WriteUInt32BigEndian(number, Crc32.Of(body));
        stream.Write(number);
    }
}
