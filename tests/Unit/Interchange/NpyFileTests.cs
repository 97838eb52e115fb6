using System.Buffers.Binary;
using System.IO.Pipes;
using System.Text;
using Stof.Reference.Interchange;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;
using Stof.Reference.Tests;

namespace Stof.Reference.Unit.Tests.Interchange;

public class NpyFileTests
{
    private static readonly DType[] Writable =
        [DType.F64, DType.F32, DType.F16, DType.I64, DType.I32, DType.U64, DType.U8, DType.Bool];

    public static TheoryData<string, string> Malformed => new()
    {
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)", "'}'" },
        { "", "'{'" },
        { "[1, 2]", "'{'" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), } x", "blanks" },
        { "{'descr': '<f4', 'fortran_order': False, }", "without shape" },
        { "{'descr': '<f4', 'shape': (2,), }", "without fortran_order" },
        { "{'fortran_order': False, 'shape': (2,), }", "without descr" },
        { "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", "each once" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'extra': 1}", "header key 'extra'" },
        { "{'descr': '<f4', 'fortran_order': 0, 'shape': (2,), }", "True or False" },
        { "{'descr': '|O', 'fortran_order': False, 'shape': (2,), }", "descr '|O'" },
        { "{'descr': '<U4', 'fortran_order': False, 'shape': (2,), }", "descr '<U4'" },
        { "{'descr': '<M8[ns]', 'fortran_order': False, 'shape': (1,), }", "descr '<M8[ns]'" },
        { "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }", "structured" },
        { "{'descr': '<u2', 'fortran_order': False, 'shape': (4,), }", "safetensors" },
        { "{'descr': '<V2', 'fortran_order': False, 'shape': (4,), }", "safetensors" },
        { "{'descr': '|f4', 'fortran_order': False, 'shape': (2,), }", "byte order" },
        { "{'descr': '', 'fortran_order': False, 'shape': (2,), }", "descr ''" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }", "extent" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999,), }", "extent" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (2), }", "(3,)" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': 2, }", "'('" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (2 2), }", "expected" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (2147483647, 2147483647, 2147483647, 2147483647, 2147483647,), }", "8 bytes of data" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", "8 bytes of data" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", "8 bytes of data" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,2), }", "at most 32" },
    };

    [Fact]
    public void Every_dtype_survives_a_round_trip()
    {
        using var folder = new TempFolder();
        var random = new Random(1);
        foreach (var type in Writable)
        {
            foreach (var shape in (int[][])[[], [0], [5], [2, 3], [3, 0, 2], [2, 1, 3, 4]])
            {
                var tensor = HostTensor.Zeros(type, shape);
                random.NextBytes(tensor.Bytes);
                if (type == DType.Bool)
                {
                    foreach (ref var value in tensor.Bytes)
                    {
                        value &= 1;
                    }
                }

                NpyFile.Write(folder.File("a.npy"), tensor);
                AssertSame(tensor, NpyFile.Read(folder.File("a.npy")));
            }
        }
    }

    [Fact]
    public void Written_bytes_are_those_that_numpy_writes()
    {
        using var stream = new MemoryStream();
        NpyFile.Write(stream, HostTensor.From([1f, -2f], 2), "test");
        var bytes = stream.ToArray();
        var header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }";
        byte[] expected =
        [
            0x93, .. "NUMPY"u8, 1, 0, 118, 0, .. Encoding.ASCII.GetBytes(header.PadRight(117)), (byte)'\n',
            0x00, 0x00, 0x80, 0x3f, 0x00, 0x00, 0x00, 0xc0,
        ];
        Assert.Equal(expected, bytes);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void All_three_versions_are_read(byte version)
    {
        var tensor = Read(Make("{'descr': '<i4', 'fortran_order': False, 'shape': (2,), }", [1, 0, 0, 0, 2, 0, 0, 0], version));
        AssertSame(HostTensor.From([1, 2], 2), tensor);
    }

    [Fact]
    public void Column_major_files_are_transposed()
    {
        // The bytes of numpy.asfortranarray([[1,2,3],[4,5,6]]).
        var file = Make("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }", [1, 4, 2, 5, 3, 6]);
        AssertSame(HostTensor.From<byte>([1, 2, 3, 4, 5, 6], 2, 3), Read(file));
    }

    [Fact]
    public void Column_major_files_of_three_axes_agree_with_index_arithmetic()
    {
        int[] shape = [2, 3, 4];
        var data = new byte[24 * 4];
        for (var i = 0; i < 24; i++)
        {
            BinaryPrimitives.WriteInt32LittleEndian(data.AsSpan(i * 4), i);
        }

        var tensor = Read(Make("{'descr': '<i4', 'fortran_order': True, 'shape': (2, 3, 4), }", data));
        for (var i = 0; i < 2; i++)
        {
            for (var j = 0; j < 3; j++)
            {
                for (var k = 0; k < 4; k++)
                {
                    Assert.Equal(i + (2 * j) + (6 * k), tensor.Span<int>()[(((i * 3) + j) * 4) + k]);
                }
            }
        }

        Assert.True(tensor.HasShape(shape));
    }

    [Fact]
    public void Big_endian_files_are_swapped()
    {
        AssertSame(
            HostTensor.From([1.0], 1),
            Read(Make("{'descr': '>f8', 'fortran_order': False, 'shape': (1,), }", [0x3f, 0xf0, 0, 0, 0, 0, 0, 0])));
        AssertSame(
            HostTensor.From([1f], 1),
            Read(Make("{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }", [0x3f, 0x80, 0, 0])));
        AssertSame(
            HostTensor.From([(Half)1], 1), Read(Make("{'descr': '>f2', 'fortran_order': False, 'shape': (1,), }", [0x3c, 0x00])));
        AssertSame(HostTensor.From<byte>([7], 1), Read(Make("{'descr': '>u1', 'fortran_order': False, 'shape': (1,), }", [7])));
    }

    [Fact]
    public void NaN_payloads_survive()
    {
        byte[] payload = [0x34, 0x12, 0xa0, 0x7f];
        Assert.Equal(payload, Read(Make("{'descr': '<f4', 'fortran_order': False, 'shape': (), }", payload)).Bytes.ToArray());
    }

    [Theory]
    [MemberData(nameof(Malformed))]
    public void Malformed_headers_are_refused_with_their_place(string header, string part)
    {
        var refusal = Assert.Throws<InvalidInputException>(() => Read(Make(header, new byte[8])));
        Assert.Contains(part, refusal.Message, StringComparison.Ordinal);
        Assert.Contains("case.npy", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("byte", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Bad_prefixes_are_refused()
    {
        var good = Make("{'descr': '|u1', 'fortran_order': False, 'shape': (1,), }", [1]);
        AssertRefused(With(good, 0, 0x92), "magic at byte 0");
        AssertRefused(With(good, 6, 4), "version 4.0 at byte 6");
        AssertRefused(With(good, 7, 1), "version 1.1 at byte 6");
        AssertRefused(With(good, 9, 0xff), "header length");
        var second = Make("{'descr': '|u1', 'fortran_order': False, 'shape': (1,), }", [1], version: 2);
        AssertRefused(With(second, 11, 0xff), "header length 42781");
        AssertRefused([.. good, 0], "2 bytes of data");
    }

    [Fact]
    public void A_boolean_that_is_neither_is_refused_with_its_byte() =>
        AssertRefused(Make("{'descr': '|b1', 'fortran_order': False, 'shape': (3,), }", [1, 0, 2]), "value 2 at byte 130");

    [Fact]
    public void BF16_is_sent_to_safetensors()
    {
        using var folder = new TempFolder();
        var refusal = Assert.Throws<InvalidInputException>(
            () => NpyFile.Write(folder.File("a.npy"), HostTensor.Zeros(DType.BF16, 2)));
        Assert.Contains("safetensors", refusal.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void Missing_files_and_folders_are_refused_by_name()
    {
        using var folder = new TempFolder();
        Assert.Contains(
            "no such file",
            Assert.Throws<InvalidInputException>(() => NpyFile.Read(folder.File("none.npy"))).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "a folder", Assert.Throws<InvalidInputException>(() => NpyFile.Read(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Pipes_are_refused_by_name()
    {
        if (OperatingSystem.IsLinux())
        {
            using var pipe = new AnonymousPipeServerStream(PipeDirection.Out);
            var path = $"/proc/self/fd/{pipe.GetClientHandleAsString()}";
            Assert.Contains("a pipe", Assert.Throws<InvalidInputException>(() => NpyFile.Read(path)).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Every_truncation_is_refused()
    {
        foreach (var file in Samples())
        {
            Mutations.RequireRefusalOfEveryPrefix(file, bytes => Read(bytes));
        }
    }

    [Fact]
    public void Twenty_thousand_damaged_files_are_read_or_refused() =>
        Mutations.Run(Samples(), bytes => Read(bytes), 20_000, seed: 20261, length => 20_000 + (16 * length));

    private static byte[][] Samples() =>
    [
        Make("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", new byte[24]),
        Make("{'descr': '>f8', 'fortran_order': True, 'shape': (2, 2), }", new byte[32], version: 2),
        Make("{'descr': '|b1', 'fortran_order': True, 'shape': (2, 2, 2), }", [0, 1, 1, 0, 1, 0, 1, 1], version: 3),
    ];

    private static HostTensor Read(byte[] bytes)
    {
        using var stream = new MemoryStream(bytes);
        return NpyFile.Read(stream, "case.npy");
    }

    private static void AssertRefused(byte[] bytes, string part) =>
        Assert.Contains(part, Assert.Throws<InvalidInputException>(() => Read(bytes)).Message, StringComparison.Ordinal);

    private static byte[] With(byte[] bytes, int at, byte value)
    {
        var copy = bytes.ToArray();
        copy[at] = value;
        return copy;
    }

    private static byte[] Make(string header, byte[] data, byte version = 1)
    {
        var start = version == 1 ? 10 : 12;
        var text = header.PadRight(((start + header.Length + 64) / 64 * 64) - start - 1) + "\n";
        var prefix = new byte[start];
        "NUMPY"u8.CopyTo(prefix.AsSpan(1));
        prefix[0] = 0x93;
        prefix[6] = version;
        if (version == 1)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(prefix.AsSpan(8), (ushort)text.Length);
        }
        else
        {
            BinaryPrimitives.WriteInt32LittleEndian(prefix.AsSpan(8), text.Length);
        }

        return [.. prefix, .. Encoding.Latin1.GetBytes(text), .. data];
    }

    private static void AssertSame(HostTensor expected, HostTensor actual)
    {
        Assert.Equal(expected.Type, actual.Type);
        Assert.Equal(expected.Shape.ToArray(), actual.Shape.ToArray());
        Assert.True(expected.Bytes.SequenceEqual(actual.Bytes));
    }
}
