using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using Stof.Reference.Cli.Rendering;
using Stof.Reference.Interchange;

namespace Stof.Reference.Cli.Tests.Masks;

public sealed class PngWriterTests
{
    [Theory]
    [InlineData(2, 1)]
    [InlineData(3, 2)]
    [InlineData(12, 4)]
    [InlineData(17, 8)]
    [InlineData(256, 8)]
    public void A_picture_reads_back_pixel_by_pixel_at_the_smallest_depth(int colours, int depth)
    {
        const int Seed = 3;
        var random = new Random(Seed);
        foreach (var (width, height) in new[] { (1, 1), (7, 3), (8, 2), (65, 9) })
        {
            var image = new IndexedImage(width, height, [.. Enumerable.Range(0, colours).Select(_ => random.Next(1 << 24))]);
            foreach (ref var pixel in image.Pixels.AsSpan())
            {
                pixel = (byte)random.Next(colours);
            }

            using var stream = new MemoryStream();
            PngWriter.Write(stream, image);
            var chunks = Chunks(stream.ToArray());
            Assert.Equal(["IHDR", "PLTE", "IDAT", "IEND"], chunks.Select(c => c.Type));
            var header = chunks[0].Data;
            Assert.Equal(width, BinaryPrimitives.ReadInt32BigEndian(header));
            Assert.Equal(height, BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(4)));
            Assert.Equal([(byte)depth, 3, 0, 0, 0], header[8..]);
            for (var i = 0; i < colours; i++)
            {
                Assert.Equal(image.Palette[i], (chunks[1].Data[3 * i] << 16) | (chunks[1].Data[(3 * i) + 1] << 8) | chunks[1].Data[(3 * i) + 2]);
            }

            Assert.Equal(image.Pixels, Pixels(chunks[2].Data, width, height, depth));
        }
    }

    [Fact]
    public void Filling_stays_inside_the_picture()
    {
        var image = new IndexedImage(4, 3, [0, 1]);
        image.Fill(-5, -5, 7, 7, 1);
        image.Fill(3, 2, 100, 100, 1);
        image.Fill(50, 50, 3, 3, 1);
        Assert.Equal([1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 1], image.Pixels);
    }

    private static List<(string Type, byte[] Data)> Chunks(byte[] file)
    {
        Assert.Equal([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A], file[..8]);
        var chunks = new List<(string, byte[])>();
        for (var position = 8; position < file.Length;)
        {
            var length = BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(position));
            var body = file.AsSpan(position + 4, 4 + length);
            Assert.Equal(Crc32.Of(body), BinaryPrimitives.ReadUInt32BigEndian(file.AsSpan(position + 8 + length)));
            chunks.Add((Encoding.ASCII.GetString(body[..4]), body[4..].ToArray()));
            position += 12 + length;
        }

        return chunks;
    }

    private static byte[] Pixels(byte[] deflated, int width, int height, int depth)
    {
        using var zlib = new ZLibStream(new MemoryStream(deflated), CompressionMode.Decompress);
        using var raw = new MemoryStream();
        zlib.CopyTo(raw);
        var bytes = raw.ToArray();
        var stride = 1 + (((width * depth) + 7) / 8);
        Assert.Equal(stride * height, bytes.Length);
        var pixels = new byte[width * height];
        for (var i = 0; i < pixels.Length; i++)
        {
            var (y, x) = (i / width, i % width);
            Assert.Equal(0, bytes[y * stride]);
            var bit = x * depth;
            pixels[i] = (byte)((bytes[(y * stride) + 1 + (bit / 8)] >> (8 - depth - (bit % 8))) & ((1 << depth) - 1));
        }

        return pixels;
    }
}
