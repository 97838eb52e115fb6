using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Stof.Reference.Masks;

/// <summary>
/// The JSON form of patterns, lossless as the text form is. A named pattern is an object with its name and its arguments,
/// <c>{"mask":"longformer","band":32,"global":32}</c>; algebra is <c>{"and":[a,b,…]}</c>, <c>{"or":[a,b,…]}</c> and
/// <c>{"not":a}</c>, a list of more than two associating to the left. Unknown, repeated and missing fields are refused.
/// </summary>
public static class MaskJson
{
    /// <summary>The compact JSON.</summary>
    public static string Print(MaskPattern pattern)
    {
        var buffer = new ArrayBufferWriter<byte>();
        var options = new JsonWriterOptions
        {
            MaxDepth = 4 * MaskText.MaxNodes,
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, // "+" stays "+"; nothing here is pasted into HTML
        };
        using (var writer = new Utf8JsonWriter(buffer, options))
        {
            Write(writer, pattern);
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    /// <summary>True unless the pattern holds one that is defined in code or read from stored lists, which has no JSON form.</summary>
    public static bool CanWrite(MaskPattern pattern) => pattern switch
    {
        AndMask and => CanWrite(and.Left) && CanWrite(and.Right),
        OrMask or => CanWrite(or.Left) && CanWrite(or.Right),
        NotMask not => CanWrite(not.Pattern),
        NamedMask named => named.Arguments.All(a => a.Value switch
        {
            MaskPattern inner => CanWrite(inner),
            IEnumerable<MaskPattern> inner => inner.All(CanWrite),
            _ => true,
        }),
        _ => false,
    };

    /// <summary>Writes a pattern as the next value.</summary>
    /// <exception cref="InvalidInputException">The pattern holds one that is defined in code and has no JSON form.</exception>
    public static void Write(Utf8JsonWriter writer, MaskPattern pattern)
    {
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentNullException.ThrowIfNull(pattern);
        writer.WriteStartObject();
        switch (pattern)
        {
            case AndMask and:
                WriteOperands(writer, "and", and, p => p is AndMask a ? (a.Left, a.Right) : null);
                break;
            case OrMask or:
                WriteOperands(writer, "or", or, p => p is OrMask o ? (o.Left, o.Right) : null);
                break;
            case NotMask not:
                writer.WritePropertyName("not");
                Write(writer, not.Pattern);
                break;
            case NamedMask named:
                WriteNamed(writer, named);
                break;
            default:
                throw new InvalidInputException("mask", pattern.GetType().Name, "a pattern of the catalogue, or and, or, not of such");
        }

        writer.WriteEndObject();
    }

    /// <summary>Reads a pattern.</summary>
    /// <exception cref="InvalidInputException">The text is no JSON or no pattern; the message gives the place.</exception>
    public static MaskPattern Parse(string json)
    {
        ArgumentNullException.ThrowIfNull(json);
        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = (2 * MaskText.MaxDepth) + 8 });
            return Parse(document.RootElement);
        }
        catch (JsonException exception)
        {
            throw new InvalidInputException(
                "mask JSON", $"line {exception.LineNumber + 1}, byte {exception.BytePositionInLine + 1}: {FirstSentence(exception)}", "valid JSON of moderate depth", exception);
        }
    }

    /// <summary>Reads a pattern that is part of a larger document.</summary>
    /// <param name="element">The pattern's object.</param>
    /// <param name="path">Where it is, for messages.</param>
    /// <exception cref="InvalidInputException">The element is no pattern; the message gives the path.</exception>
    public static MaskPattern Parse(JsonElement element, string path = "$")
    {
        var nodes = 0;
        return Parse(element, path, ref nodes);
    }

    private static MaskPattern Parse(JsonElement element, string path, ref int nodes)
    {
        if (++nodes > MaskText.MaxNodes)
        {
            throw new InvalidInputException($"mask JSON {path}", "a larger pattern", $"at most {MaskText.MaxNodes} patterns");
        }

        var fields = Fields(element, path);
        if (fields.Remove("mask", out var name))
        {
            return ParseNamed(name, fields, path, ref nodes);
        }

        foreach (var (key, combine) in new (string, Func<MaskPattern, MaskPattern, MaskPattern>)[]
        {
            ("and", (a, b) => a & b),
            ("or", (a, b) => a | b),
        })
        {
            if (fields.Remove(key, out var operands))
            {
                RefuseOthers(fields, path, key);
                return ParseOperands(operands, $"{path}.{key}", combine, ref nodes);
            }
        }

        if (fields.Remove("not", out var operand))
        {
            RefuseOthers(fields, path, "not");
            return !Parse(operand, $"{path}.not", ref nodes);
        }

        throw new InvalidInputException($"mask JSON {path}", "no field that names a pattern", "one of mask, and, or, not");
    }

    private static MaskPattern ParseOperands(
        JsonElement operands, string path, Func<MaskPattern, MaskPattern, MaskPattern> combine, ref int nodes)
    {
        if (operands.ValueKind != JsonValueKind.Array || operands.GetArrayLength() < 2)
        {
            throw new InvalidInputException($"mask JSON {path}", Kind(operands), "an array of two or more patterns");
        }

        return ParseList(operands, path, ref nodes).Aggregate(combine);
    }

    private static NamedMask ParseNamed(JsonElement name, Dictionary<string, JsonElement> fields, string path, ref int nodes)
    {
        if (name.ValueKind != JsonValueKind.String)
        {
            throw new InvalidInputException($"mask JSON {path}.mask", Kind(name), "the name of a pattern");
        }

        var entry = FindEntry(Text(name, path), path);
        var values = new Dictionary<string, object>();
        foreach (var (key, value) in fields)
        {
            var parameter = entry.Parameters.FirstOrDefault(p => p.Name == key)
                ?? throw new InvalidInputException($"mask JSON {path}", $"unknown field '{key}'", entry.Signature);
            values[key] = ParseValue(parameter, value, $"{path}.{key}", ref nodes);
        }

        return entry.Create(new MaskArguments(entry, values));
    }

    private static MaskEntry FindEntry(string name, string path)
    {
        try
        {
            return MaskCatalog.Find(name);
        }
        catch (InvalidInputException exception)
        {
            throw new InvalidInputException($"mask JSON {path}.mask", $"unknown pattern '{name}'", exception.Message.Split("expected ")[^1], exception);
        }
    }

    private static object ParseValue(MaskParameter parameter, JsonElement value, string path, ref int nodes)
    {
        switch (parameter.Kind, value.ValueKind)
        {
            case (MaskParameterKind.Whole, JsonValueKind.Number) when value.TryGetInt32(out var whole):
                return whole;
            case (MaskParameterKind.Whole, _):
                throw new InvalidInputException($"mask JSON {path}", value.GetRawText(), "a whole number of 32 bits");
            case (MaskParameterKind.Number, JsonValueKind.Number) when value.TryGetDouble(out var number) && double.IsFinite(number):
                return number;
            case (MaskParameterKind.Number, _):
                throw new InvalidInputException($"mask JSON {path}", value.GetRawText(), "a finite number");
            case (MaskParameterKind.Pattern, _):
                return Parse(value, path, ref nodes);
            case (MaskParameterKind.Patterns, JsonValueKind.Array) when value.GetArrayLength() > 0:
                return ParseList(value, path, ref nodes);
            case (MaskParameterKind.Patterns, _):
                throw new InvalidInputException($"mask JSON {path}", Kind(value), "an array of one or more patterns");
            case (_, JsonValueKind.String):
                return Text(value, path);
            default:
                throw new InvalidInputException($"mask JSON {path}", Kind(value), "a string");
        }
    }

    private static List<MaskPattern> ParseList(JsonElement list, string path, ref int nodes)
    {
        var patterns = new List<MaskPattern>();
        foreach (var element in list.EnumerateArray())
        {
            patterns.Add(Parse(element, $"{path}[{patterns.Count}]", ref nodes));
        }

        return patterns;
    }

    private static Dictionary<string, JsonElement> Fields(JsonElement element, string path)
    {
        if (element.ValueKind != JsonValueKind.Object)
        {
            throw new InvalidInputException($"mask JSON {path}", Kind(element), "an object");
        }

        var fields = new Dictionary<string, JsonElement>();
        foreach (var property in element.EnumerateObject())
        {
            if (!fields.TryAdd(PropertyName(property, path), property.Value))
            {
                throw new InvalidInputException($"mask JSON {path}", $"field '{property.Name}' given twice", "each field once");
            }
        }

        return fields;
    }

    private static void RefuseOthers(Dictionary<string, JsonElement> fields, string path, string key)
    {
        foreach (var other in fields.Keys)
        {
            throw new InvalidInputException($"mask JSON {path}", $"unknown field '{other}'", $"'{key}' alone");
        }
    }

    private static void WriteNamed(Utf8JsonWriter writer, NamedMask named)
    {
        writer.WriteString("mask", named.Name);
        foreach (var (name, value) in named.Arguments)
        {
            switch (value)
            {
                case int whole:
                    writer.WriteNumber(name, whole);
                    break;
                case double number:
                    writer.WriteNumber(name, number);
                    break;
                case MaskPattern pattern:
                    writer.WritePropertyName(name);
                    Write(writer, pattern);
                    break;
                case IEnumerable<MaskPattern> patterns:
                    WriteList(writer, name, patterns);
                    break;
                default:
                    writer.WriteString(name, (string)value);
                    break;
            }
        }
    }

    private static void WriteOperands(
        Utf8JsonWriter writer, string key, MaskPattern pattern, Func<MaskPattern, (MaskPattern Left, MaskPattern Right)?> split)
    {
        // The chain to the left becomes one list, so that long chains do not nest.
        var operands = new Stack<MaskPattern>();
        while (split(pattern) is var (left, right))
        {
            operands.Push(right);
            pattern = left;
        }

        operands.Push(pattern);
        WriteList(writer, key, operands);
    }

    private static void WriteList(Utf8JsonWriter writer, string key, IEnumerable<MaskPattern> patterns)
    {
        writer.WriteStartArray(key);
        foreach (var pattern in patterns)
        {
            Write(writer, pattern);
        }

        writer.WriteEndArray();
    }

    private static string Kind(JsonElement element) => element.ValueKind.ToString().ToLowerInvariant();

    private static string Text(JsonElement element, string path)
    {
        try
        {
            return element.GetString()!;
        }
        catch (InvalidOperationException exception)
        {
            throw new InvalidInputException($"mask JSON {path}", "text that is not valid Unicode", "valid Unicode", exception);
        }
    }

    private static string PropertyName(JsonProperty property, string path)
    {
        try
        {
            return property.Name;
        }
        catch (InvalidOperationException exception)
        {
            throw new InvalidInputException($"mask JSON {path}", "a field name that is not valid Unicode", "valid Unicode", exception);
        }
    }

    private static string FirstSentence(JsonException exception) =>
        exception.Message.Split(". ")[0].ReplaceLineEndings(" ");
}
