using System.Buffers.Binary;
using System.Text;
using Stof.Reference.Interchange;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;
using Stof.Reference.Tests;

namespace Stof.Reference.Unit.Tests.Interchange;

public class SafetensorsFileTests
{
    private const string One = """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""";

    public static TheoryData<string, string> Malformed => new()
    {
        { "", "header length 0" },
        { "[]", "0x5b at byte 8" },
        { " {}", "0x20 at byte 8" },
        { "{", "header length 1" },
        { """{"a":1}""", "Number at byte 13" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}} x""", "no valid JSON" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},}""", "no valid JSON" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[0],"data_offsets":[8,8]}}""", "second entry 'a'" },
        { """{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", "field 'dtype'" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"more":1}}""", "field 'more'" },
        { """{"a":{"dtype":"F32","shape":[2]}}""", "incomplete entry 'a'" },
        { """{"a":{"dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8]}}""", "dtype 'F8_E4M3'" },
        { """{"a":{"dtype":"f32","shape":[2],"data_offsets":[0,8]}}""", "dtype 'f32'" },
        { """{"a":{"dtype":3,"shape":[2],"data_offsets":[0,8]}}""", "a dtype" },
        { """{"a":{"dtype":"F32","shape":2,"data_offsets":[0,8]}}""", "extents" },
        { """{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", "no extent" },
        { """{"a":{"dtype":"F32","shape":[2.5],"data_offsets":[0,8]}}""", "no extent" },
        { """{"a":{"dtype":"F32","shape":["2"],"data_offsets":[0,8]}}""", "no extent" },
        { """{"a":{"dtype":"F32","shape":[2147483647,2147483647,2147483647,2147483647,2147483647],"data_offsets":[0,8]}}""", "8 bytes for 'a'" },
        { """{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", "expected 12" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", "ascending" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}""", "ascending" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}}""", "ascending" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,8]}}""", "no pair" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,1e30]}}""", "no pair" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}""", "ascending offsets up to 8" },
        { """{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", "4 bytes that belong to no tensor" },
        { """{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", "a gap" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}""", "overlapping" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[0],"data_offsets":[4,4]}}""", "overlapping" },
        { """{"__metadata__":{"a":1},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", "a string" },
        { """{"__metadata__":{"a":"1","a":"2"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", "second metadata key" },
        { """{"__metadata__":{},"__metadata__":{},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", "second entry '__metadata__'" },
        { """{"\ud800":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", "no valid JSON" },
    };

    [Fact]
    public void Every_dtype_survives_a_round_trip_with_metadata()
    {
        using var folder = new TempFolder();
        var random = new Random(2);
        var tensors = Enum.GetValues<DType>().Select(type =>
        {
            var tensor = HostTensor.Zeros(type, 3, 5);
            random.NextBytes(tensor.Bytes);
            foreach (ref var value in tensor.Bytes)
            {
                value = type == DType.Bool ? (byte)(value & 1) : value;
            }

            return KeyValuePair.Create($"layer \"é\" {type}", tensor);
        }).Append(new("empty", HostTensor.Zeros(DType.F32, 0, 4))).Append(new("scalar", HostTensor.From([7L]))).ToArray();
        SafetensorsFile.Write(folder.File("a.safetensors"), tensors, [new("format", "pt"), new("note", "a \"b\"")]);

        using var file = SafetensorsFile.Open(folder.File("a.safetensors"));
        Assert.Equal(tensors.Select(t => t.Key).Order(), file.Names.Order());
        Assert.Equal("pt", file.Metadata["format"]);
        Assert.Equal("a \"b\"", file.Metadata["note"]);
        foreach (var (name, tensor) in tensors)
        {
            var read = file.Read(name);
            Assert.Equal(tensor.ToString(), read.ToString());
            Assert.True(tensor.Bytes.SequenceEqual(read.Bytes), name);
            Assert.Equal(tensor.Type, file.Describe(name).Type);
        }
    }

    [Fact]
    public void Tensors_are_written_aligned_to_their_elements()
    {
        using var folder = new TempFolder();
        SafetensorsFile.Write(
            folder.File("a.safetensors"), [new("bytes", HostTensor.Zeros(DType.U8, 3)), new("wide", HostTensor.From([1.5], 1))]);
        var bytes = File.ReadAllBytes(folder.File("a.safetensors"));
        var header = BinaryPrimitives.ReadInt64LittleEndian(bytes);
        Assert.Equal(0, header % 8);
        Assert.Equal(1.5, BinaryPrimitives.ReadDoubleLittleEndian(bytes.AsSpan((int)header + 8)));
    }

    [Fact]
    public void A_file_written_by_hand_is_read()
    {
        using var file = Open(Make(One + "   ", [0, 0, 0x80, 0x3f, 0, 0, 0, 0x40]));
        Assert.Equal([1f, 2f], file.Read("a").Span<float>().ToArray());
        Assert.Empty(file.Metadata);
    }

    [Fact]
    public void Empty_tensors_may_share_an_offset()
    {
        const string Header = """
            {"b":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},
             "c":{"dtype":"F64","shape":[0,3],"data_offsets":[0,0]},
             "a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}
            """;
        using var file = Open(Make(Header, [9]));
        Assert.Equal(0, file.Read("c").Count);
        Assert.Equal(9, file.Read("a").Bytes[0]);
    }

    [Theory]
    [MemberData(nameof(Malformed))]
    public void Malformed_headers_are_refused_with_their_place(string header, string part)
    {
        var refusal = Assert.Throws<InvalidInputException>(() => Open(Make(header, new byte[8])));
        Assert.Contains(part, refusal.Message, StringComparison.Ordinal);
        Assert.StartsWith("weights.safetensors: ", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("byte", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ulong.MaxValue)]
    [InlineData(1UL << 63)]
    [InlineData(100_000_001UL)]
    [InlineData(4294967296UL)]
    public void Header_lengths_beyond_the_file_are_refused(ulong length)
    {
        var bytes = Make(One, new byte[8]);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, length);
        var refusal = Assert.Throws<InvalidInputException>(() => Open(bytes));
        Assert.StartsWith(
            $"weights.safetensors: header length {length} at byte 0; expected", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Invalid_UTF8_is_refused()
    {
        var bytes = Make(One, new byte[8]);
        bytes[10] = 0xff;
        Assert.Contains(
            "no valid JSON", Assert.Throws<InvalidInputException>(() => Open(bytes)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Unknown_tensors_and_bad_booleans_are_refused()
    {
        using var file = Open(Make("""{"m":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]}}""", [1, 3]));
        Assert.Contains(
            "no tensor 'x'", Assert.Throws<InvalidInputException>(() => file.Read("x")).Message, StringComparison.Ordinal);
        Assert.Contains("value 3", Assert.Throws<InvalidInputException>(() => file.Read("m")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Repeated_and_reserved_names_are_not_written()
    {
        using var folder = new TempFolder();
        var tensor = HostTensor.Zeros(DType.U8, 1);
        Assert.Throws<InvalidInputException>(() => SafetensorsFile.Write(folder.File("a"), [new("x", tensor), new("x", tensor)]));
        Assert.Throws<InvalidInputException>(() => SafetensorsFile.Write(folder.File("a"), [new("__metadata__", tensor)]));
        Assert.Empty(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void Every_truncation_is_refused() => Mutations.RequireRefusalOfEveryPrefix(Sample(), ReadAll);

    [Fact]
    public void Twenty_thousand_damaged_files_are_read_or_refused() =>
        Mutations.Run([Sample(), Make(One, new byte[8])], ReadAll, 20_000, seed: 20262, length => 100_000 + (32 * length));

    private static byte[] Sample() => Make(
        """
        {"__metadata__":{"format":"pt"},
         "w":{"dtype":"BF16","shape":[2,2],"data_offsets":[0,8]},
         "m":{"dtype":"BOOL","shape":[3],"data_offsets":[8,11]}}
        """,
        [1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 1]);

    private static void ReadAll(byte[] bytes)
    {
        using var file = Open(bytes);
        foreach (var name in file.Names)
        {
            file.Read(name);
        }
    }

    private static SafetensorsFile Open(byte[] bytes) => SafetensorsFile.Open(new MemoryStream(bytes), "weights.safetensors");

    private static byte[] Make(string header, byte[] data)
    {
        var text = Encoding.UTF8.GetBytes(header);
        var prefix = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(prefix, text.Length);
        return [.. prefix, .. text, .. data];
    }
}
