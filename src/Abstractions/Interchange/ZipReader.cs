using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Stof.Reference.Interchange;

/// <summary>One member of a zip archive, as its central directory describes it.</summary>
/// <param name="Name">Name with forward slashes.</param>
/// <param name="Offset">Where its compressed bytes start in the file.</param>
/// <param name="Stored">True if the bytes are not compressed; otherwise they are DEFLATE data.</param>
/// <param name="CompressedSize">Bytes in the file.</param>
/// <param name="Size">Bytes after decompression.</param>
/// <param name="Crc">Checksum after decompression.</param>
internal sealed record ZipMember(string Name, long Offset, bool Stored, long CompressedSize, long Size, uint Crc);

/// <summary>
/// Reads zip archives (PKWARE APPNOTE 6.3, zip64 included) strictly: one disk, no encryption, no data before, between or behind
/// what the central directory lists, no overlap, checksums checked. The framework's own reader is lenient where a file from
/// outside should be refused, and names no offsets. Nothing is allocated from a declared size before it has been compared with
/// what the file could hold: a member grows to at most <see cref="MaxRatio"/> times its compressed size.
/// </summary>
internal sealed class ZipReader
{
    /// <summary>Largest accepted growth; DEFLATE itself cannot exceed 1,032.</summary>
    public const int MaxRatio = 1000;

    private const int MaxMembers = 4096;
    private const uint EndSignature = 0x06054b50;
    private const uint End64Signature = 0x06064b50;
    private const uint Locator64Signature = 0x07064b50;
    private const uint CentralSignature = 0x02014b50;
    private const uint LocalSignature = 0x04034b50;
    private const int EndSize = 22;
    private const int End64Size = 56;
    private const int Locator64Size = 20;
    private const int CentralSize = 46;
    private const int LocalSize = 30;

    private readonly Stream _stream;
    private readonly string _file;
    private readonly List<ZipMember> _members = [];

    /// <summary>Reads the directory of an archive.</summary>
    /// <param name="stream">A seekable stream that holds the archive and nothing else.</param>
    /// <param name="file">What messages call it.</param>
    /// <exception cref="InvalidInputException">This is no such archive.</exception>
    public ZipReader(Stream stream, string file)
    {
        _stream = stream;
        _file = file;
        var (start, end, count) = FindDirectory();
        ReadDirectory(start, end, count);
    }

    /// <summary>The members in the directory's order.</summary>
    public IReadOnlyList<ZipMember> Members => _members;

    /// <summary>Decompresses a member and checks size and checksum.</summary>
    /// <exception cref="InvalidInputException">The data is damaged.</exception>
    public byte[] Read(ZipMember member)
    {
        var name = $"{_file}/{InputFile.Plain(member.Name)}";
        if (member.Size > Array.MaxLength)
        {
            throw InputFile.Refuse(name, $"{member.Size} bytes", member.Offset, "a member of less than 2 GiB");
        }

        var bytes = new byte[member.Size];
        var compressed = member.Stored ? bytes : new byte[member.CompressedSize];
        _stream.Position = member.Offset;
        InputFile.ReadExactly(_stream, compressed, name, "data", member.Offset);
        if (!member.Stored)
        {
            Inflate(compressed, bytes, name, member.Offset);
        }

        var crc = Crc32.Of(bytes);
        return crc == member.Crc
            ? bytes
            : throw InputFile.Refuse(name, $"data with checksum {crc:x8}", member.Offset, $"{member.Crc:x8}");
    }

    private static void Inflate(byte[] compressed, byte[] bytes, string name, long offset)
    {
        using var source = new MemoryStream(compressed);
        using var inflater = new DeflateStream(source, CompressionMode.Decompress);
        try
        {
            InputFile.ReadExactly(inflater, bytes, name, "decompressed data", offset);
            if (inflater.ReadByte() >= 0)
            {
                throw InputFile.Refuse(name, $"more than {bytes.Length} bytes of decompressed data", offset, "the declared size");
            }
        }
        catch (InvalidDataException exception)
        {
            throw new InvalidInputException(name, $"damaged DEFLATE data at byte {offset}", "an undamaged member", exception);
        }
    }

    private (long Start, long End, long Count) FindDirectory()
    {
        var length = _stream.Length;
        var tail = ReadAt(
            Math.Max(0, length - EndSize - ushort.MaxValue), (int)Math.Min(length, EndSize + ushort.MaxValue), "archive");
        for (var at = tail.Length - EndSize; at >= 0; at--)
        {
            var record = tail.AsSpan(at);
            if (U32(record, 0) == EndSignature && U16(record, 20) == record.Length - EndSize)
            {
                return ReadEnd(record, length - record.Length);
            }
        }

        throw InputFile.Refuse(_file, "no zip directory", length, "a zip archive");
    }

    private (long Start, long End, long Count) ReadEnd(ReadOnlySpan<byte> record, long at)
    {
        long count = U16(record, 10);
        long size = U32(record, 12);
        long start = U32(record, 16);
        var end = at;
        if (U16(record, 4) != 0 || U16(record, 6) != 0 || U16(record, 8) != count)
        {
            throw InputFile.Refuse(_file, "an archive of several disks", at, "one disk");
        }

        if (count == ushort.MaxValue || size == uint.MaxValue || start == uint.MaxValue)
        {
            (start, size, count, end) = ReadEnd64(at);
        }

        if (count > MaxMembers)
        {
            throw InputFile.Refuse(_file, $"{count} members", at, $"at most {MaxMembers}");
        }

        // Subtraction, not addition: both are from the file and may be anything.
        if (start < 0 || size < 0 || start > end || size != end - start)
        {
            throw InputFile.Refuse(
                _file, $"directory of {size} bytes from byte {start}, as told", at, $"one that ends at byte {end}");
        }

        return (start, end, count);
    }

    private (long Start, long Size, long Count, long End) ReadEnd64(long endRecord)
    {
        var locatorAt = endRecord - Locator64Size;
        if (locatorAt < End64Size)
        {
            throw InputFile.Refuse(_file, "no zip64 locator", endRecord, "one before the end record");
        }

        var locator = ReadAt(locatorAt, Locator64Size, "zip64 locator");
        var at = I64(locator, 8);
        if (U32(locator, 0) != Locator64Signature || at != locatorAt - End64Size)
        {
            throw InputFile.Refuse(
                _file, "no valid zip64 locator", locatorAt, $"one that points to byte {locatorAt - End64Size}");
        }

        var record = ReadAt(at, End64Size, "zip64 end record");
        var oneDisk = U32(record, 16) == 0 && U32(record, 20) == 0 && I64(record, 24) == I64(record, 32);
        if (U32(record, 0) != End64Signature || !oneDisk)
        {
            throw InputFile.Refuse(_file, "no valid zip64 end record", at, "one, for a single disk");
        }

        return (I64(record, 48), I64(record, 40), I64(record, 32) is >= 0 and var count ? count : long.MaxValue, at);
    }

    private void ReadDirectory(long start, long end, long count)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        var spans = new List<(long Start, long End)>();
        var at = start;
        for (var i = 0L; i < count; i++)
        {
            var header = ReadAt(at, CentralSize, "directory entry", end);
            if (U32(header, 0) != CentralSignature)
            {
                throw InputFile.Refuse(_file, "no directory entry", at, "the signature PK 1 2");
            }

            var (nameLength, extraLength, commentLength) = (U16(header, 28), U16(header, 30), U16(header, 32));
            var variable = ReadAt(at + CentralSize, nameLength + extraLength + commentLength, "directory entry", end);
            var name = DecodeName(variable.AsSpan(0, nameLength), at);
            if (!names.Add(name))
            {
                throw InputFile.Refuse(_file, $"second member {InputFile.Quote(name)}", at, "each name once");
            }

            var (member, localStart) = Describe(header, variable.AsSpan(nameLength, extraLength), name, at, start);
            _members.Add(member);
            spans.Add((localStart, member.Offset + member.CompressedSize));
            at += CentralSize + variable.Length;
        }

        if (at != end)
        {
            throw InputFile.Refuse(_file, $"{end - at} bytes behind the last directory entry", at, "none");
        }

        spans.Sort();
        for (var i = 1; i < spans.Count; i++)
        {
            if (spans[i].Start < spans[i - 1].End)
            {
                throw InputFile.Refuse(_file, "members that overlap", spans[i].Start, "each with its own bytes");
            }
        }
    }

    private (ZipMember Member, long LocalStart) Describe(
        byte[] header, ReadOnlySpan<byte> extra, string name, long at, long directory)
    {
        var (flags, method) = (U16(header, 8), U16(header, 10));
        var shown = $"{_file}/{InputFile.Plain(name)}";
        if ((flags & 0x2041) != 0)
        {
            throw InputFile.Refuse(shown, "an encrypted member", at + 8, "one that is not encrypted");
        }

        if (method is not (0 or 8))
        {
            throw InputFile.Refuse(shown, $"compression method {method}", at + 10, "0 (stored) or 8 (deflate)");
        }

        long compressed = U32(header, 20);
        long size = U32(header, 24);
        long local = U32(header, 42);
        ReadZip64(extra, ref size, ref compressed, ref local, shown, at);
        var room = directory - LocalSize;
        if (size < 0 || compressed < 0 || local < 0 || local > room || compressed > room - local)
        {
            throw InputFile.Refuse(
                shown, $"{compressed} bytes from byte {local}, as told", at, $"a member before byte {directory}");
        }

        if (method == 0 ? size != compressed : size / MaxRatio > compressed)
        {
            throw InputFile.Refuse(
                shown,
                $"{size} bytes packed into {compressed}, as told",
                at,
                method == 0 ? "equal sizes for a stored member" : $"a ratio of at most {MaxRatio}");
        }

        var offset = CheckLocal(name, method, local, shown, directory);
        if (compressed > directory - offset)
        {
            throw InputFile.Refuse(
                shown, $"{compressed} bytes from byte {offset}, as told", at, $"a member before byte {directory}");
        }

        return (new ZipMember(name, offset, method == 0, compressed, size, U32(header, 16)), local);
    }

    private long CheckLocal(string name, int method, long local, string shown, long directory)
    {
        var header = ReadAt(local, LocalSize, "member header", directory);
        if (U32(header, 0) != LocalSignature || U16(header, 8) != method)
        {
            throw InputFile.Refuse(
                shown, "no matching member header", local, "the signature PK 3 4 and the directory's compression method");
        }

        var text = ReadAt(local + LocalSize, U16(header, 26), "member name", directory);
        if (DecodeName(text, local) != name)
        {
            throw InputFile.Refuse(shown, "another name in the member header", local, "the directory's name");
        }

        return local + LocalSize + text.Length + U16(header, 28);
    }

    private static void ReadZip64(
        ReadOnlySpan<byte> extra, ref long size, ref long compressed, ref long local, string shown, long at)
    {
        while (extra.Length >= 4)
        {
            var (id, length) = (U16(extra, 0), U16(extra, 2));
            if (length > extra.Length - 4)
            {
                break;
            }

            if (id == 1)
            {
                // Only those of the three that overflow 32 bits are stored, in this order.
                var field = extra.Slice(4, length);
                Take(ref field, ref size);
                Take(ref field, ref compressed);
                Take(ref field, ref local);
            }

            extra = extra[(4 + length)..];
        }

        if (extra.Length > 0)
        {
            throw InputFile.Refuse(shown, "extra fields that do not add up", at, "whole fields");
        }

        static void Take(ref ReadOnlySpan<byte> field, ref long value)
        {
            if (value == uint.MaxValue && field.Length >= 8)
            {
                value = I64(field, 0);
                field = field[8..];
            }
        }
    }

    private string DecodeName(ReadOnlySpan<byte> bytes, long at)
    {
        try
        {
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes);
        }
        catch (DecoderFallbackException exception)
        {
            throw new InvalidInputException(_file, $"member name that is no UTF-8 at byte {at}", "UTF-8", exception);
        }
    }

    private byte[] ReadAt(long at, int count, string what, long limit = long.MaxValue)
    {
        if (count > Math.Min(_stream.Length, limit) - at)
        {
            throw InputFile.Refuse(_file, $"{what} cut short", at, $"{count} bytes");
        }

        var bytes = new byte[count];
        _stream.Position = at;
        InputFile.ReadExactly(_stream, bytes, _file, what, at);
        return bytes;
    }

    private static ushort U16(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);

    private static uint U32(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);

    private static long I64(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadInt64LittleEndian(bytes[at..]);
}
