using System.Buffers;
using System.Buffers.Binary;
using System.Text.Encodings.Web;
using System.Text.Json;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Interchange;

/// <summary>
/// Hugging Face's tensor files (<c>.safetensors</c>): eight bytes of header length, a JSON header, the data. The header is read
/// on opening, a tensor when it is asked for. Strict: tensors tile the data without gap or overlap, names and fields occur once,
/// nothing is unknown. Memory: the header a few times over, and each tensor that is read once.
/// </summary>
public sealed class SafetensorsFile : IDisposable
{
    private const int Prefix = 8;
    private const int MaxHeader = 100_000_000; // the format's own limit

    private static readonly JsonWriterOptions WriterOptions = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly Stream _stream;
    private readonly Lock _reading = new();
    private readonly string _name;
    private readonly long _dataStart;
    private readonly OrderedDictionary<string, SafetensorsEntry> _entries;
    private readonly OrderedDictionary<string, string> _metadata;

    private SafetensorsFile(Stream stream, string name)
    {
        _stream = stream;
        _name = name;
        Span<byte> prefix = stackalloc byte[Prefix];
        InputFile.ReadExactly(stream, prefix, name, "header length", 0);
        var length = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        var available = Math.Min(stream.Length - Prefix, MaxHeader);
        if (length < 2 || length > (ulong)available)
        {
            throw InputFile.Refuse(name, $"header length {length}", 0, $"2 to {available}");
        }

        var json = new byte[length];
        InputFile.ReadExactly(stream, json, name, "header", Prefix);
        if (json[0] != (byte)'{')
        {
            throw InputFile.Refuse(name, $"header that starts with 0x{json[0]:x2}", Prefix, "'{'");
        }

        _dataStart = Prefix + (long)length;
        var header = new SafetensorsHeader(json, name, Prefix, stream.Length - _dataStart);
        header.Read();
        (_entries, _metadata) = (header.Entries, header.Metadata);
    }

    /// <summary>The tensors' names in the header's order.</summary>
    public IReadOnlyList<string> Names => _entries.Keys;

    /// <summary>The header's free text, empty if there is none.</summary>
    public IReadOnlyDictionary<string, string> Metadata => _metadata;

    /// <summary>Opens a file and reads its header.</summary>
    /// <exception cref="InvalidInputException">The file is missing or malformed; the message gives the byte.</exception>
    public static SafetensorsFile Open(string path)
    {
        var stream = InputFile.Open(path);
        try
        {
            return new SafetensorsFile(stream, path);
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    /// <summary>Reads the header of a file held by a seekable stream, which from then on belongs to the result.</summary>
    /// <param name="stream">Positioned at the first byte, holding the file and nothing else.</param>
    /// <param name="name">What messages call it.</param>
    /// <inheritdoc cref="Open(string)" path="/exception"/>
    public static SafetensorsFile Open(Stream stream, string name)
    {
        ArgumentNullException.ThrowIfNull(stream);
        return new SafetensorsFile(stream, name);
    }

    /// <summary>True if there is a tensor of this name.</summary>
    public bool Contains(string name) => _entries.ContainsKey(name);

    /// <summary>Dtype and shape of a tensor, without reading it.</summary>
    /// <exception cref="InvalidInputException">There is no such tensor.</exception>
    public (DType Type, IReadOnlyList<int> Shape) Describe(string name)
    {
        var entry = Entry(name);
        return (entry.Type, entry.Shape);
    }

    /// <summary>Reads a tensor. Safe to call from several threads.</summary>
    /// <exception cref="InvalidInputException">There is no such tensor, or its data is not what the header says.</exception>
    public HostTensor Read(string name)
    {
        var entry = Entry(name);
        var label = $"{_name}/{InputFile.Plain(name)}";
        var tensor = InputFile.Allocate(entry.Type, entry.Shape, label, _dataStart + entry.Start);
        lock (_reading)
        {
            _stream.Position = _dataStart + entry.Start;
            InputFile.ReadExactly(_stream, tensor.Bytes, label, "data", _dataStart + entry.Start);
        }

        InputFile.RequireBooleans(tensor, label, _dataStart + entry.Start);
        return tensor;
    }

    /// <summary>
    /// Writes a file, replacing it in one step. Wider elements come first so that every tensor is aligned to its element size;
    /// within a size the given order stays. Equal input gives equal bytes.
    /// </summary>
    /// <param name="path">The target.</param>
    /// <param name="tensors">Names and tensors of any dtype.</param>
    /// <param name="metadata">Free text for the header; null for none.</param>
    /// <exception cref="InvalidInputException">A name is repeated or reserved, or the file cannot be written.</exception>
    public static void Write(
        string path,
        IEnumerable<KeyValuePair<string, HostTensor>> tensors,
        IEnumerable<KeyValuePair<string, string>>? metadata = null)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        var ordered = tensors.OrderByDescending(pair => pair.Value.Type.Size()).ToArray();
        var header = MakeHeader(path, ordered, metadata);
        AtomicFile.Write(path, stream =>
        {
            Span<byte> prefix = stackalloc byte[Prefix];
            BinaryPrimitives.WriteUInt64LittleEndian(prefix, (ulong)header.Length);
            stream.Write(prefix);
            stream.Write(header);
            foreach (var (_, tensor) in ordered)
            {
                stream.Write(tensor.Bytes);
            }
        });
    }

    /// <summary>Closes the file. Tensors that were read stay valid.</summary>
    public void Dispose() => _stream.Dispose();

    private static byte[] MakeHeader(
        string path, KeyValuePair<string, HostTensor>[] tensors, IEnumerable<KeyValuePair<string, string>>? metadata)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(buffer, WriterOptions);
        var seen = new HashSet<string>(StringComparer.Ordinal) { "__metadata__" };
        json.WriteStartObject();
        if (metadata is not null)
        {
            json.WriteStartObject("__metadata__");
            foreach (var (key, value) in metadata)
            {
                json.WriteString(key, value);
            }

            json.WriteEndObject();
        }

        var offset = 0L;
        foreach (var (name, tensor) in tensors)
        {
            if (!seen.Add(name))
            {
                throw new InvalidInputException(
                    path, $"tensor name {InputFile.Quote(name)}", "each name once, and none called __metadata__");
            }

            json.WriteStartObject(name);
            json.WriteString("dtype", tensor.Type.ToString().ToUpperInvariant());
            json.WriteStartArray("shape");
            foreach (var extent in tensor.Shape)
            {
                json.WriteNumberValue(extent);
            }

            json.WriteEndArray();
            json.WriteStartArray("data_offsets");
            json.WriteNumberValue(offset);
            json.WriteNumberValue(offset += tensor.Bytes.Length);
            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndObject();
        json.Flush();
        var header = new byte[(buffer.WrittenCount + Prefix - 1) / Prefix * Prefix];
        header.AsSpan().Fill((byte)' ');
        buffer.WrittenSpan.CopyTo(header);
        return header;
    }

    private SafetensorsEntry Entry(string name) =>
        _entries.TryGetValue(name, out var entry)
            ? entry
            : throw new InvalidInputException(
                _name, $"no tensor {InputFile.Quote(name)}", $"one of its {_entries.Count} tensors");
}
