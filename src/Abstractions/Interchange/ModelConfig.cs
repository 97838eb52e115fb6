using System.Text.Json;

namespace Stof.Reference.Interchange;

/// <summary>
/// A checkpoint's <c>config.json</c>, read field by field. A dotted name walks into nested objects
/// (<c>rope_parameters.rope_theta</c>). A field that is null counts as absent, as it does for the library that writes these
/// files.
/// </summary>
public sealed class ModelConfig : IDisposable
{
    private const int MaxBytes = 1 << 24;

    private readonly string _path;
    private readonly JsonDocument _document;

    private ModelConfig(string path, JsonDocument document)
    {
        _path = path;
        _document = document;
    }

    /// <summary>The field <c>model_type</c>, such as <c>bert</c>.</summary>
    /// <exception cref="InvalidInputException">The field is missing or no string.</exception>
    public string ModelType => GetString("model_type");

    /// <summary>The whole document.</summary>
    public JsonElement Root => _document.RootElement;

    /// <summary>Reads a file of at most 16 MiB.</summary>
    /// <exception cref="InvalidInputException">
    /// The file is missing, or no JSON object in which every name occurs once.
    /// </exception>
    public static ModelConfig Open(string path)
    {
        using var stream = InputFile.Open(path);
        return new ModelConfig(path, ReadObject(stream, path));
    }

    /// <summary>True if the field is there and not null.</summary>
    public bool Has(string name) => Find(name) is not null;

    /// <summary>An integer field.</summary>
    /// <exception cref="InvalidInputException">The field is missing, no integer, or beyond 32 bits.</exception>
    public int GetInt(string name) => Required<int>(name, "an integer", Int);

    /// <summary>An integer field, or <paramref name="fallback"/> where it is absent.</summary>
    /// <exception cref="InvalidInputException">The field is no integer, or beyond 32 bits.</exception>
    public int GetInt(string name, int fallback) => Optional(name, fallback, "an integer", Int);

    /// <summary>A number field.</summary>
    /// <exception cref="InvalidInputException">The field is missing, or no finite number.</exception>
    public double GetDouble(string name) => Required<double>(name, "a finite number", Double);

    /// <summary>A number field, or <paramref name="fallback"/> where it is absent.</summary>
    /// <exception cref="InvalidInputException">The field is no finite number.</exception>
    public double GetDouble(string name, double fallback) => Optional(name, fallback, "a finite number", Double);

    /// <summary>A boolean field.</summary>
    /// <exception cref="InvalidInputException">The field is missing, or no boolean.</exception>
    public bool GetBool(string name) => Required<bool>(name, "true or false", Bool);

    /// <summary>A boolean field, or <paramref name="fallback"/> where it is absent.</summary>
    /// <exception cref="InvalidInputException">The field is no boolean.</exception>
    public bool GetBool(string name, bool fallback) => Optional(name, fallback, "true or false", Bool);

    /// <summary>A string field.</summary>
    /// <exception cref="InvalidInputException">The field is missing, or no string.</exception>
    public string GetString(string name) =>
        Find(name) is { } element ? Text(name, element) : throw Refuse(name, "missing", "a string");

    /// <summary>A string field, or <paramref name="fallback"/> where it is absent.</summary>
    /// <exception cref="InvalidInputException">The field is no string.</exception>
    public string GetString(string name, string fallback) => Find(name) is { } element ? Text(name, element) : fallback;

    /// <summary>Frees the document.</summary>
    public void Dispose() => _document.Dispose();

    /// <summary>Parses a JSON object strictly.</summary>
    internal static JsonDocument ReadObject(Stream stream, string path)
    {
        if (stream.Length > MaxBytes)
        {
            throw new InvalidInputException(path, $"{stream.Length} bytes", $"at most {MaxBytes}");
        }

        var bytes = new byte[stream.Length];
        InputFile.ReadExactly(stream, bytes, path, "text", 0);
        try
        {
            var document = JsonDocument.Parse(bytes, new JsonDocumentOptions { AllowDuplicateProperties = false });
            if (document.RootElement.ValueKind == JsonValueKind.Object)
            {
                return document;
            }

            document.Dispose();
        }
        catch (JsonException exception)
        {
            var place = exception.LineNumber is { } line
                ? $" at line {line + 1}, byte {exception.BytePositionInLine + 1}"
                : string.Empty;
            throw new InvalidInputException(path, "no valid JSON" + place, "a JSON object with each name once", exception);
        }

        throw new InvalidInputException(path, "JSON that is no object", "a JSON object");
    }

    private static bool Int(JsonElement element, out int value)
    {
        value = 0;
        return element.ValueKind == JsonValueKind.Number && element.TryGetInt32(out value);
    }

    private static bool Double(JsonElement element, out double value)
    {
        value = 0;
        return element.ValueKind == JsonValueKind.Number && element.TryGetDouble(out value) && double.IsFinite(value);
    }

    private static bool Bool(JsonElement element, out bool value)
    {
        value = element.ValueKind == JsonValueKind.True;
        return value || element.ValueKind == JsonValueKind.False;
    }

    private string Text(string name, JsonElement element)
    {
        try
        {
            return element.GetString()!;
        }
        catch (InvalidOperationException exception)
        {
            throw new InvalidInputException(
                $"{_path}, field {name}", $"{element.ValueKind} that is no text", "a string", exception);
        }
    }

    private T Required<T>(string name, string expected, Reader<T> read) =>
        Find(name) is { } element ? Value(name, element, expected, read) : throw Refuse(name, "missing", expected);

    private T Optional<T>(string name, T fallback, string expected, Reader<T> read) =>
        Find(name) is { } element ? Value(name, element, expected, read) : fallback;

    private T Value<T>(string name, JsonElement element, string expected, Reader<T> read) =>
        read(element, out var value) ? value : throw Refuse(name, InputFile.Quote(element.GetRawText()), expected);

    private JsonElement? Find(string name)
    {
        var element = Root;
        foreach (var part in name.Split('.'))
        {
            if (element.ValueKind != JsonValueKind.Object || !element.TryGetProperty(part, out element))
            {
                return null;
            }
        }

        return element.ValueKind == JsonValueKind.Null ? null : element;
    }

    private InvalidInputException Refuse(string name, string found, string expected) =>
        new($"{_path}, field {name}", found, expected);

    private delegate bool Reader<T>(JsonElement element, out T value);
}
