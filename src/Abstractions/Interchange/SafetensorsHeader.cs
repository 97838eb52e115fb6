using System.Text.Json;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Interchange;

/// <summary>One tensor of a safetensors file.</summary>
/// <param name="Type">Element type.</param>
/// <param name="Shape">Extents, outermost first.</param>
/// <param name="Start">First byte, counted from the end of the header.</param>
/// <param name="End">One past the last byte.</param>
internal sealed record SafetensorsEntry(DType Type, int[] Shape, long Start, long End);

/// <summary>The JSON header of a safetensors file, read token by token so that every refusal has its byte.</summary>
internal ref struct SafetensorsHeader
{
    private readonly string _file;
    private readonly long _origin;
    private readonly long _dataLength;
    private Utf8JsonReader _reader;

    public SafetensorsHeader(ReadOnlySpan<byte> json, string file, long origin, long dataLength)
    {
        _reader = new Utf8JsonReader(json);
        _file = file;
        _origin = origin;
        _dataLength = dataLength;
        Entries = new(StringComparer.Ordinal);
        Metadata = new(StringComparer.Ordinal);
    }

    public OrderedDictionary<string, SafetensorsEntry> Entries { get; }

    public OrderedDictionary<string, string> Metadata { get; }

    /// <summary>Reads the whole header and checks that the tensors tile the data exactly.</summary>
    /// <exception cref="InvalidInputException">It is malformed.</exception>
    public void Read()
    {
        try
        {
            ReadEntries();
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // InvalidOperationException is how the reader reports a string that is no Unicode.
            throw new InvalidInputException(_file, $"header that is no valid JSON near byte {Position}", "JSON", exception);
        }

        CheckTiling();
    }

    private readonly long Position => _origin + _reader.TokenStartIndex;

    private void ReadEntries()
    {
        Next(JsonTokenType.StartObject, "an object");
        var sawMetadata = false;
        while (NextProperty() is { } name)
        {
            if (name == "__metadata__" && !sawMetadata)
            {
                sawMetadata = true;
                ReadMetadata();
            }
            else if (name == "__metadata__" || !Entries.TryAdd(name, ReadEntry(name)))
            {
                throw Refuse($"second entry {InputFile.Quote(name)}", "each name once");
            }
        }

        // Blanks pad the header; Read() throws on anything else.
        _reader.Read();
    }

    private void ReadMetadata()
    {
        Next(JsonTokenType.StartObject, "an object of strings");
        while (NextProperty() is { } key)
        {
            Next(JsonTokenType.String, "a string");
            if (!Metadata.TryAdd(key, _reader.GetString()!))
            {
                throw Refuse($"second metadata key {InputFile.Quote(key)}", "each key once");
            }
        }
    }

    private SafetensorsEntry ReadEntry(string name)
    {
        DType? type = null;
        int[]? shape = null;
        (long Start, long End)? range = null;
        Next(JsonTokenType.StartObject, "an object");
        var start = Position;
        while (NextProperty() is { } field)
        {
            switch (field)
            {
                case "dtype" when type is null:
                    type = ReadType();
                    break;
                case "shape" when shape is null:
                    shape = ReadShape();
                    break;
                case "data_offsets" when range is null:
                    range = ReadOffsets();
                    break;
                default:
                    throw Refuse($"field {InputFile.Quote(field)}", "dtype, shape and data_offsets, each once");
            }
        }

        if (type is null || shape is null || range is null)
        {
            throw InputFile.Refuse(_file, $"incomplete entry {InputFile.Quote(name)}", start, "dtype, shape and data_offsets");
        }

        Int128 size = type.Value.Size();
        foreach (var extent in shape)
        {
            size = Int128.Min(size * extent, long.MaxValue);
        }

        var (from, to) = range.Value;
        return size == to - from
            ? new SafetensorsEntry(type.Value, shape, from, to)
            : throw InputFile.Refuse(
                _file, $"{to - from} bytes for {InputFile.Quote(name)}", start, $"{size} for {type}{HostTensor.Describe(shape)}");
    }

    private DType ReadType()
    {
        Next(JsonTokenType.String, "a dtype");
        return _reader.GetString() switch
        {
            "F64" => DType.F64,
            "F32" => DType.F32,
            "F16" => DType.F16,
            "BF16" => DType.BF16,
            "I64" => DType.I64,
            "I32" => DType.I32,
            "U64" => DType.U64,
            "U8" => DType.U8,
            "BOOL" => DType.Bool,
            var other => throw Refuse($"dtype {InputFile.Quote(other!)}", "F64, F32, F16, BF16, I64, I32, U64, U8 or BOOL"),
        };
    }

    private int[] ReadShape()
    {
        var extents = new List<int>();
        Next(JsonTokenType.StartArray, "an array of extents");
        while (NextElement())
        {
            var extent = -1;
            var isInteger = _reader.TokenType == JsonTokenType.Number && _reader.TryGetInt32(out extent);
            if (!isInteger || extent < 0 || extents.Count == 32)
            {
                throw Refuse("shape with something that is no extent", "up to 32 integers from 0 to 2147483647");
            }

            extents.Add(extent);
        }

        return [.. extents];
    }

    private (long Start, long End) ReadOffsets()
    {
        Next(JsonTokenType.StartArray, "an array of two offsets");
        Span<long> offsets = stackalloc long[2];
        var count = 0;
        while (NextElement())
        {
            if (count == 2 || _reader.TokenType != JsonTokenType.Number || !_reader.TryGetInt64(out offsets[count]))
            {
                throw Refuse("data_offsets that are no pair of integers", "[start, end]");
            }

            count++;
        }

        return count == 2 && offsets[0] >= 0 && offsets[0] <= offsets[1] && offsets[1] <= _dataLength
            ? (offsets[0], offsets[1])
            : throw Refuse(
                $"data_offsets [{offsets[0]}, {offsets[1]}]", $"ascending offsets up to {_dataLength}");
    }

    private readonly void CheckTiling()
    {
        var data = _origin + _reader.BytesConsumed;
        var end = 0L;
        foreach (var (name, entry) in Entries.OrderBy(pair => pair.Value.Start).ThenBy(pair => pair.Value.End))
        {
            if (entry.Start != end)
            {
                var found = entry.Start < end ? "overlapping data" : "a gap before the data";
                throw InputFile.Refuse(
                    _file, $"{found} of {InputFile.Quote(name)}", data, $"a start of {end} behind the header, not {entry.Start}");
            }

            end = entry.End;
        }

        if (end != _dataLength)
        {
            throw InputFile.Refuse(
                _file, $"{_dataLength - end} bytes that belong to no tensor, {end} bytes behind the header", data, "none");
        }
    }

    private string? NextProperty()
    {
        _reader.Read();
        return _reader.TokenType == JsonTokenType.EndObject ? null : _reader.GetString();
    }

    private bool NextElement()
    {
        _reader.Read();
        return _reader.TokenType != JsonTokenType.EndArray;
    }

    private void Next(JsonTokenType type, string expected)
    {
        _reader.Read();
        if (_reader.TokenType != type)
        {
            throw Refuse($"{_reader.TokenType}", expected);
        }
    }

    private readonly InvalidInputException Refuse(string found, string expected) =>
        InputFile.Refuse(_file, found, Position, expected);
}
