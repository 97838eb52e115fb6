using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Interchange;

/// <summary>
/// NumPy's array files (<c>.npy</c>, format versions 1.0, 2.0 and 3.0; NumPy enhancement proposal 1). Reads f8 f4 f2 i8 i4 u8 u1
/// b1 in either byte order and either axis order; always returns row-major, little-endian tensors. Writes version 1.0. bf16 has
/// no npy dtype and goes through <see cref="SafetensorsFile"/>. Pickled objects are refused. Memory: at most the file's size
/// twice over.
/// </summary>
public static class NpyFile
{
    private const int HeaderAlignment = 64;
    private const int MaxHeader = 1 << 20;

    private static ReadOnlySpan<byte> Magic => [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y'];

    /// <summary>Reads a file.</summary>
    /// <exception cref="InvalidInputException">
    /// The file is missing or malformed, or holds a dtype that has no place here; the message gives the byte.
    /// </exception>
    public static HostTensor Read(string path)
    {
        using var stream = InputFile.Open(path);
        return Read(stream, path);
    }

    /// <summary>Reads one array that takes up the rest of a stream.</summary>
    /// <param name="stream">A seekable stream, positioned at the array's first byte.</param>
    /// <param name="name">What messages call it.</param>
    /// <inheritdoc cref="Read(string)" path="/exception"/>
    public static HostTensor Read(Stream stream, string name)
    {
        ArgumentNullException.ThrowIfNull(stream);
        var length = stream.Length - stream.Position;
        Span<byte> prefix = stackalloc byte[12];
        InputFile.ReadExactly(stream, prefix[..8], name, "magic", 0);
        if (!prefix[..6].SequenceEqual(Magic))
        {
            throw InputFile.Refuse(name, "no npy magic", 0, "\\x93NUMPY");
        }

        var (major, minor) = (prefix[6], prefix[7]);
        if (major is < 1 or > 3 || minor != 0)
        {
            throw InputFile.Refuse(name, $"npy version {major}.{minor}", 6, "1.0, 2.0 or 3.0");
        }

        var start = major == 1 ? 10 : 12;
        InputFile.ReadExactly(stream, prefix[8..start], name, "header length", 8);
        long headerLength = major == 1
            ? BinaryPrimitives.ReadUInt16LittleEndian(prefix[8..])
            : BinaryPrimitives.ReadUInt32LittleEndian(prefix[8..]);
        var available = Math.Min(length - start, MaxHeader);
        if (headerLength > available)
        {
            throw InputFile.Refuse(name, $"header length {headerLength}", 8, $"at most {available}");
        }

        var header = new byte[headerLength];
        InputFile.ReadExactly(stream, header, name, "header", start);
        var parsed = NpyHeader.Parse(Encoding.Latin1.GetString(header), name, start);
        return ReadData(stream, parsed, name, start + headerLength, length);
    }

    /// <summary>Writes a file, replacing it in one step.</summary>
    /// <exception cref="InvalidInputException">The tensor is BF16, or the file cannot be written.</exception>
    public static void Write(string path, HostTensor tensor)
    {
        RequireWritable(tensor, path);
        AtomicFile.Write(path, stream => Write(stream, tensor, path));
    }

    /// <summary>Writes an array to a stream.</summary>
    /// <param name="stream">Where to.</param>
    /// <param name="tensor">Any dtype but BF16.</param>
    /// <param name="name">What messages call it.</param>
    /// <exception cref="InvalidInputException">The tensor is BF16.</exception>
    public static void Write(Stream stream, HostTensor tensor, string name)
    {
        ArgumentNullException.ThrowIfNull(stream);
        var type = RequireWritable(tensor, name);
        var extents = string.Join(", ", tensor.Shape.ToArray());
        var shape = tensor.Rank == 1 ? $"({extents},)" : $"({extents})";
        var text = $"{{'descr': '{type}', 'fortran_order': False, 'shape': {shape}, }}";
        var start = Magic.Length + 4;
        var end = (start + text.Length + 1 + HeaderAlignment - 1) / HeaderAlignment * HeaderAlignment;
        var header = new byte[end];
        Magic.CopyTo(header);
        header[6] = 1;
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(8), (ushort)(end - start));
        header.AsSpan(start).Fill((byte)' ');
        Encoding.ASCII.GetBytes(text, header.AsSpan(start));
        header[^1] = (byte)'\n';
        stream.Write(header);
        stream.Write(tensor.Bytes);
    }

    private static string RequireWritable(HostTensor tensor, string name)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        return NpyHeader.DescribeType(tensor.Type)
            ?? throw new InvalidInputException(name, $"{tensor}", "a dtype that npy has; bf16 goes through safetensors");
    }

    private static HostTensor ReadData(Stream stream, NpyHeader header, string name, long offset, long length)
    {
        var size = header.Type.Size();
        Int128 declared = size;
        foreach (var extent in header.Shape)
        {
            // At most 32 extents below 2³¹ could overflow any integer; beyond 2⁶³ the answer is known.
            declared = Int128.Min(declared * extent, long.MaxValue);
        }

        if (declared != length - offset)
        {
            throw InputFile.Refuse(
                name,
                $"{length - offset} bytes of data",
                offset,
                $"{declared} for {header.Type}{HostTensor.Describe(header.Shape)}");
        }

        var tensor = InputFile.Allocate(header.Type, header.Shape, name, offset);
        InputFile.ReadExactly(stream, tensor.Bytes, name, "data", offset);
        InputFile.RequireBooleans(tensor, name, offset);
        if (header.BigEndian)
        {
            SwapBytes(tensor.Bytes, size);
        }

        if (!header.FortranOrder || tensor.Rank < 2)
        {
            return tensor;
        }

        var rowMajor = HostTensor.Uninitialized(header.Type, header.Shape);
        FromColumnMajor(tensor.Bytes, rowMajor.Bytes, header.Shape, size);
        return rowMajor;
    }

    private static void SwapBytes(Span<byte> bytes, int size)
    {
        switch (size)
        {
            case 2:
                var words = MemoryMarshal.Cast<byte, ushort>(bytes);
                BinaryPrimitives.ReverseEndianness(words, words);
                break;
            case 4:
                var doubleWords = MemoryMarshal.Cast<byte, uint>(bytes);
                BinaryPrimitives.ReverseEndianness(doubleWords, doubleWords);
                break;
            case 8:
                var quadWords = MemoryMarshal.Cast<byte, ulong>(bytes);
                BinaryPrimitives.ReverseEndianness(quadWords, quadWords);
                break;
        }
    }

    private static void FromColumnMajor(ReadOnlySpan<byte> source, Span<byte> target, ReadOnlySpan<int> shape, int size)
    {
        var strides = new int[shape.Length];
        var step = size;
        for (var axis = 0; axis < shape.Length; axis++)
        {
            strides[axis] = step;
            step *= shape[axis];
        }

        var index = new int[shape.Length];
        var from = 0;
        for (var to = 0; to < target.Length; to += size)
        {
            source.Slice(from, size).CopyTo(target[to..]);
            for (var axis = shape.Length - 1; axis >= 0; axis--)
            {
                from += strides[axis];
                if (++index[axis] < shape[axis])
                {
                    break;
                }

                from -= strides[axis] * shape[axis];
                index[axis] = 0;
            }
        }
    }
}
