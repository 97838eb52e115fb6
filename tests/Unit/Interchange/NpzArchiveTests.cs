using System.Buffers.Binary;
using System.IO.Compression;
using Stof.Reference.Interchange;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;
using Stof.Reference.Tests;

namespace Stof.Reference.Unit.Tests.Interchange;

public class NpzArchiveTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Arrays_survive_a_round_trip_in_order(bool compress)
    {
        using var folder = new TempFolder();
        var path = folder.File("a.npz");
        var random = new Random(3);
        KeyValuePair<string, HostTensor>[] tensors =
        [
            new("z", Seeded.Tensor(random, DType.F32, 3, 4)),
            new("a/b", Seeded.Tensor(random, DType.F16, 5)),
            new("Z", HostTensor.From([true, false], 2)),
            new("empty", HostTensor.Zeros(DType.I64, 0)),
        ];
        NpzArchive.Write(path, tensors, compress);
        var read = NpzArchive.Read(path);
        Assert.Equal(["z", "a/b", "Z", "empty"], read.Keys);
        foreach (var (name, tensor) in tensors)
        {
            Assert.Equal(tensor.ToString(), read[name].ToString());
            Assert.True(tensor.Bytes.SequenceEqual(read[name].Bytes));
            Assert.True(tensor.Bytes.SequenceEqual(NpzArchive.Read(path, name).Bytes));
        }

        var refusal = Assert.Throws<InvalidInputException>(() => NpzArchive.Read(path, "q"));
        Assert.Contains("z, a/b, Z, empty", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Equal_arrays_give_equal_bytes()
    {
        using var folder = new TempFolder();
        KeyValuePair<string, HostTensor>[] tensors = [new("a", HostTensor.From([1, 2], 2))];
        NpzArchive.Write(folder.File("1"), tensors);
        NpzArchive.Write(folder.File("2"), tensors);
        Assert.Equal(File.ReadAllBytes(folder.File("1")), File.ReadAllBytes(folder.File("2")));
    }

    [Fact]
    public void Other_zip_readers_can_read_what_is_written()
    {
        using var folder = new TempFolder();
        NpzArchive.Write(folder.File("a.npz"), [new("a", HostTensor.From<byte>([1, 2], 2))]);
        using var zip = ZipFile.OpenRead(folder.File("a.npz"));
        Assert.Equal(["a.npy"], zip.Entries.Select(e => e.FullName));
        Assert.Equal(130, zip.Entries[0].Length);
    }

    [Theory]
    [InlineData("../a")]
    [InlineData("/a")]
    [InlineData("a/../b")]
    [InlineData("C:a")]
    [InlineData("a\\b")]
    [InlineData("")]
    public void Unsafe_names_are_refused_on_both_ways(string name)
    {
        using var folder = new TempFolder();
        KeyValuePair<string, HostTensor>[] tensors = [new(name, HostTensor.Zeros(DType.U8, 1))];
        Assert.Throws<InvalidInputException>(() => NpzArchive.Write(folder.File("a.npz"), tensors));
        var refusal = Assert.Throws<InvalidInputException>(() => Read(Zip((name + ".npy", Npy(1)))));
        Assert.Contains("a relative name", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Members_that_are_no_arrays_are_refused()
    {
        AssertRefused(Zip(("readme.txt", [1])), "member 'readme.txt'");
        AssertRefused(Zip(("a.npy", [1, 2, 3])), "magic ends");
        AssertRefused(Zip(("nested.npz", Zip(("a.npy", Npy(1))))), "member 'nested.npz'");
    }

    [Fact]
    public void Repeated_names_are_refused() => AssertRefused(Zip(("a.npy", Npy(1)), ("a.npy", Npy(2))), "second member 'a.npy'");

    [Fact]
    public void Bombs_are_refused_before_they_unpack()
    {
        // 64 MiB of zeros pack into 65 KiB: more than a thousand to one.
        var bomb = Zip(("a.npy", new byte[64 << 20]));
        var refusal = Mutations.Refusal(bomb, bytes => Read(bytes), 1_000_000, "bomb");
        Assert.Contains("ratio", refusal?.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Highly_compressible_masks_are_not_taken_for_bombs()
    {
        using var folder = new TempFolder();
        var mask = HostTensor.Zeros(DType.Bool, 1024, 1024);
        NpzArchive.Write(folder.File("m.npz"), [new("mask", mask)], compress: true);
        Assert.Equal(mask.Count, NpzArchive.Read(folder.File("m.npz"), "mask").Count);
    }

    [Fact]
    public void Wrong_checksums_sizes_flags_and_methods_are_refused()
    {
        var good = Zip(("a.npy", Npy(1)));
        var directory = FindDirectory(good);
        AssertRefused(Flip(good, directory + 16), "checksum");
        AssertRefused(Set(good, directory + 24, 500), "ends after 129 of 500 bytes");
        AssertRefused(Set(good, directory + 24, 10), "more than 10 bytes");
        AssertRefused(Set(good, directory + 24, int.MaxValue), "ratio");
        AssertRefused(Flip(good, directory + 8), "encrypted");
        AssertRefused(Set(good, directory + 10, 14), "compression method 14");
        AssertRefused(Flip(good, 0), "no matching member header");
        AssertRefused(Set(good, directory + 42, int.MaxValue), "a member before byte");
        AssertRefused(Flip(good, 30), "another name");
        AssertRefused(good[..directory], "no zip directory");
        AssertRefused([.. good, 0], "no zip directory");
        AssertRefused([0, .. good], "directory of");
        AssertRefused([], "no zip directory");
    }

    [Fact]
    public void Overlapping_members_are_refused()
    {
        // Two entries for the same bytes are how small archives unpack to petabytes.
        var file = Zip(("a.npy", Npy(1)), ("b.npy", Npy(1)));
        var directory = FindDirectory(file);
        AssertRefused(Set(file, directory + 51 + 42, 0), "another name");
        var grown = BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(directory + 20)) + 20;
        AssertRefused(Set(file, directory + 20, grown), "overlap");
    }

    [Fact]
    public void Zip64_archives_of_numpy_are_read()
    {
        // zipfile.ZipFile.open(..., force_zip64=True), which numpy uses: local sizes are all ones, the true ones in the extra
        // field.
        Assert.Equal(1, Read(Zip64(Npy(5)))["a"].Count);
        AssertRefused(Zip64(Npy(5), locatorError: 1), "zip64 locator");
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
        Mutations.Run(Samples(), bytes => Read(bytes), 20_000, seed: 20263, length => 200_000 + (2L * ZipRatio * length));

    private const int ZipRatio = 1000;

    private static byte[][] Samples() => [Zip(("a.npy", Npy(1)), ("b.npy", Npy(2))), Zip64(Npy(5))];

    private static IReadOnlyDictionary<string, HostTensor> Read(byte[] bytes)
    {
        using var stream = new MemoryStream(bytes);
        return NpzArchive.Read(stream, "case.npz");
    }

    private static void AssertRefused(byte[] bytes, string part)
    {
        var refusal = Assert.Throws<InvalidInputException>(() => Read(bytes));
        Assert.Contains(part, refusal.Message, StringComparison.Ordinal);
        Assert.StartsWith("case.npz", refusal.Message, StringComparison.Ordinal);
    }

    private static byte[] Npy(byte value)
    {
        using var stream = new MemoryStream();
        NpyFile.Write(stream, HostTensor.From([value], 1), "test");
        return stream.ToArray();
    }

    private static byte[] Zip(params (string Name, byte[] Data)[] members)
    {
        using var stream = new MemoryStream();
        using (var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach (var (name, data) in members)
            {
                using var member = zip.CreateEntry(name).Open();
                member.Write(data);
            }
        }

        return stream.ToArray();
    }

    private static byte[] Zip64(byte[] data, int locatorError = 0)
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        var crc = Crc32.Of(data);
        writer.Write(0x04034b50u);
        writer.Write([45, 0, 0, 0, 0, 0, 0, 0, 33, 0]);
        writer.Write(crc);
        writer.Write(uint.MaxValue);
        writer.Write(uint.MaxValue);
        writer.Write((ushort)5);
        writer.Write((ushort)20);
        writer.Write("a.npy"u8);
        writer.Write([1, 0, 16, 0]);
        writer.Write((long)data.Length);
        writer.Write((long)data.Length);
        writer.Write(data);
        var directory = stream.Position;
        writer.Write(0x02014b50u);
        writer.Write([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 33, 0]);
        writer.Write(crc);
        writer.Write(uint.MaxValue);
        writer.Write(uint.MaxValue);
        writer.Write((ushort)5);
        writer.Write((ushort)28);
        writer.Write(new byte[10]);
        writer.Write(uint.MaxValue);
        writer.Write("a.npy"u8);
        writer.Write([1, 0, 24, 0]);
        writer.Write((long)data.Length);
        writer.Write((long)data.Length);
        writer.Write(0L);
        var end = stream.Position;
        writer.Write(0x06064b50u);
        writer.Write(44L);
        writer.Write([45, 0, 45, 0]);
        writer.Write(0L);
        writer.Write(1L);
        writer.Write(1L);
        writer.Write(end - directory);
        writer.Write(directory);
        writer.Write(0x07064b50u);
        writer.Write(0);
        writer.Write(end + locatorError);
        writer.Write(1);
        writer.Write(0x06054b50u);
        writer.Write([0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0]);
        return stream.ToArray();
    }

    private static int FindDirectory(byte[] file) => file.AsSpan().IndexOf("PK\x01\x02"u8);

    private static byte[] Flip(byte[] file, int at)
    {
        var copy = file.ToArray();
        copy[at] ^= 1;
        return copy;
    }

    private static byte[] Set(byte[] file, int at, int value)
    {
        var copy = file.ToArray();
        var width = at >= 0 && value == 14 ? 2 : 4;
        BitConverter.GetBytes(value).AsSpan(0, width).CopyTo(copy.AsSpan(at));
        return copy;
    }
}
