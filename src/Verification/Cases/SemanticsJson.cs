using System.Text.Json;
using System.Text.Json.Nodes;
using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;

namespace Stof.Reference.Verification.Cases;

/// <summary>
/// The problem file: one JSON object in which every choice is a named field. All fields but <c>shape</c> and <c>maxDistance</c>
/// must be there; null says "none", <c>"array"</c> says "in the case's arrays". Unknown fields are refused.
/// <code>
/// { "mask": "causal &amp; sliding(64)", "alignment": "bottom-right", "layout": "bhsd", "dtype": "f16", "scale": "1/sqrt(d)",
///   "softcap": null, "bias": null, "sinks": null, "lengths": null, "lse": "natural" }
/// </code>
/// </summary>
public static class SemanticsJson
{
    private const string DefaultScale = "1/sqrt(d)";
    private const string InArrays = "array";

    private static readonly string[] Required =
        ["mask", "alignment", "layout", "dtype", "scale", "softcap", "bias", "sinks", "lengths", "lse"];

    private static readonly string[] ShapeFields =
        ["batch", "queryHeads", "kvHeads", "queryLength", "kvLength", "headSize", "valueSize"];

    /// <summary>Names of axis orders.</summary>
    public static string Name(AttentionLayout layout) => layout == AttentionLayout.BatchHeadsLength ? "bhsd" : "bshd";

    /// <summary>Names of alignments.</summary>
    public static string Name(PositionAlignment alignment) => alignment == PositionAlignment.BottomRight ? "bottom-right" : "top-left";

    /// <summary>Reads an axis order.</summary>
    /// <exception cref="InvalidInputException">The text names none.</exception>
    public static AttentionLayout Layout(string text) => text switch
    {
        "bhsd" => AttentionLayout.BatchHeadsLength,
        "bshd" => AttentionLayout.BatchLengthHeads,
        _ => throw new InvalidInputException("layout", $"'{text}'", "bhsd or bshd"),
    };

    /// <summary>Reads an alignment.</summary>
    /// <exception cref="InvalidInputException">The text names none.</exception>
    public static PositionAlignment Alignment(string text) => text switch
    {
        "bottom-right" => PositionAlignment.BottomRight,
        "top-left" => PositionAlignment.TopLeft,
        _ => throw new InvalidInputException("alignment", $"'{text}'", "bottom-right or top-left"),
    };

    /// <summary>Reads the base of a log-sum-exp.</summary>
    /// <exception cref="InvalidInputException">The text names none.</exception>
    public static LogSumExpBase Base(string text) => text switch
    {
        "natural" => LogSumExpBase.Natural,
        "2" => LogSumExpBase.Two,
        _ => throw new InvalidInputException("lse", $"'{text}'", "natural or 2"),
    };

    /// <summary>The JSON form.</summary>
    public static JsonObject Print(AttentionSemantics semantics)
    {
        ArgumentNullException.ThrowIfNull(semantics);
        var json = new JsonObject
        {
            ["mask"] = semantics.Mask?.ToString() ?? InArrays,
            ["alignment"] = semantics.Alignment is { } alignment ? Name(alignment) : null,
            ["layout"] = Name(semantics.Layout),
            ["dtype"] = semantics.Type?.ToString().ToLowerInvariant(),
            ["scale"] = semantics.Scale is { } scale ? scale : DefaultScale,
            ["softcap"] = semantics.Softcap,
            ["bias"] = semantics.Bias switch
            {
                BiasSource.None => null,
                BiasSource.Array => InArrays,
                BiasSource.Alibi => "alibi",
                _ => "relative",
            },
            ["sinks"] = semantics.Sinks is { } sinks ? new JsonArray([.. sinks.Select(sink => (JsonNode?)sink)]) : null,
            ["lengths"] = semantics.Lengths is { } lengths
                ? new JsonArray([.. lengths.Select(pair => (JsonNode?)new JsonArray(pair.Queries, pair.Keys))])
                : null,
            ["lse"] = semantics.LseBase == LogSumExpBase.Two ? "2" : "natural",
        };
        if (semantics.Bias == BiasSource.Relative)
        {
            json["maxDistance"] = semantics.MaxDistance;
        }

        if (semantics.Shape is { } s)
        {
            int[] extents = [s.Batch, s.QueryHeads, s.KvHeads, s.QueryLength, s.KvLength, s.HeadSize, s.ValueSize];
            json["shape"] = new JsonObject(ShapeFields.Zip(extents, (name, extent) => KeyValuePair.Create(name, (JsonNode?)extent)));
        }

        return json;
    }

    /// <summary>Reads a problem file's text.</summary>
    /// <param name="text">The JSON.</param>
    /// <param name="name">What messages call it.</param>
    /// <exception cref="InvalidInputException">It is no JSON, or a field is missing, unknown or wrong; the message names it.</exception>
    public static AttentionSemantics Parse(string text, string name)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            return Parse(document.RootElement, name);
        }
        catch (JsonException exception)
        {
            throw new InvalidInputException(
                name, $"line {exception.LineNumber + 1}, byte {exception.BytePositionInLine + 1}: not JSON", "a problem file", exception);
        }
    }

    /// <summary>Reads a problem that is part of a larger document.</summary>
    /// <inheritdoc cref="Parse(string, string)"/>
    public static AttentionSemantics Parse(JsonElement element, string name)
    {
        var fields = Fields(element, name, [.. Required, "shape", "maxDistance"]);
        var missing = Required.Where(field => !fields.ContainsKey(field)).ToArray();
        if (missing.Length > 0)
        {
            throw new InvalidInputException(
                name, $"no {string.Join(", ", missing.Select(field => $"\"{field}\""))}", "every semantic field; null says that there is none");
        }

        return new AttentionSemantics
        {
            Mask = IsArray(fields["mask"]) ? null : Mask(fields["mask"], name),
            Alignment = Text(fields["alignment"], $"{name}, alignment") is { } alignment ? Alignment(alignment) : null,
            Layout = Layout(Text(fields["layout"], $"{name}, layout") ?? throw Refuse(name, "layout", fields["layout"], "bhsd or bshd")),
            Type = Text(fields["dtype"], $"{name}, dtype") is { } type ? DTypes.Parse(type) : null,
            Scale = fields["scale"].ValueKind == JsonValueKind.String && fields["scale"].GetString() == DefaultScale
                ? null
                : Number(fields["scale"], name, "scale", $"a number or \"{DefaultScale}\""),
            Softcap = fields["softcap"].ValueKind == JsonValueKind.Null ? null : Number(fields["softcap"], name, "softcap", "a number or null"),
            Bias = Text(fields["bias"], $"{name}, bias") switch
            {
                null => BiasSource.None,
                InArrays => BiasSource.Array,
                "alibi" => BiasSource.Alibi,
                "relative" => BiasSource.Relative,
                _ => throw Refuse(name, "bias", fields["bias"], "null, array, alibi or relative"),
            },
            MaxDistance = fields.TryGetValue("maxDistance", out var distance)
                ? (int)Number(distance, name, "maxDistance", "a whole number")
                : 128,
            Sinks = fields["sinks"].ValueKind == JsonValueKind.Null || IsArray(fields["sinks"]) ? null
                : [.. Items(fields["sinks"], name, "sinks").Select(item => Number(item, name, "sinks", "numbers"))],
            Lengths = fields["lengths"].ValueKind == JsonValueKind.Null || IsArray(fields["lengths"]) ? null
                : [.. Items(fields["lengths"], name, "lengths").Select(item => Pair(item, name))],
            LseBase = Base(Text(fields["lse"], $"{name}, lse") ?? throw Refuse(name, "lse", fields["lse"], "natural or 2")),
            Shape = fields.TryGetValue("shape", out var shape) ? Shape(shape, $"{name}, shape") : null,
        };
    }

    private static MaskPattern Mask(JsonElement element, string name) => element.ValueKind switch
    {
        JsonValueKind.String => MaskText.Parse(element.GetString()!),
        JsonValueKind.Object => MaskJson.Parse(element, "$.mask"),
        _ => throw Refuse(name, "mask", element, "a mask text, a mask object or \"array\""),
    };

    private static AttentionShape Shape(JsonElement element, string name)
    {
        var fields = Fields(element, name, ShapeFields);
        var extents = ShapeFields.Select(field => fields.TryGetValue(field, out var value) && value.TryGetInt32(out var extent)
            ? extent
            : throw new InvalidInputException(name, $"no whole number \"{field}\"", "all seven extents")).ToArray();
        return new AttentionShape(extents[0], extents[1], extents[2], extents[3], extents[4], extents[5], extents[6]);
    }

    private static SequenceLengths Pair(JsonElement element, string name)
    {
        var items = Items(element, name, "lengths").ToArray();
        return items.Length == 2 && items[0].TryGetInt32(out var queries) && items[1].TryGetInt32(out var keys)
            ? new SequenceLengths(queries, keys)
            : throw Refuse(name, "lengths", element, "pairs [queries, keys]");
    }

    private static bool IsArray(JsonElement element) => element.ValueKind == JsonValueKind.String && element.GetString() == InArrays;

    private static string? Text(JsonElement element, string name) => element.ValueKind switch
    {
        JsonValueKind.Null => null,
        JsonValueKind.String => element.GetString(),
        _ => throw new InvalidInputException(name, element.GetRawText(), "a text or null"),
    };

    private static double Number(JsonElement element, string name, string field, string expected) =>
        element.ValueKind == JsonValueKind.Number && element.TryGetDouble(out var number) && double.IsFinite(number)
            ? number
            : throw Refuse(name, field, element, expected);

    private static JsonElement.ArrayEnumerator Items(JsonElement element, string name, string field) =>
        element.ValueKind == JsonValueKind.Array ? element.EnumerateArray() : throw Refuse(name, field, element, "a list");

    private static Dictionary<string, JsonElement> Fields(JsonElement element, string name, string[] known)
    {
        if (element.ValueKind != JsonValueKind.Object)
        {
            throw new InvalidInputException(name, element.ValueKind.ToString().ToLowerInvariant(), "an object");
        }

        var fields = new Dictionary<string, JsonElement>();
        foreach (var property in element.EnumerateObject())
        {
            if (!known.Contains(property.Name) || !fields.TryAdd(property.Name, property.Value))
            {
                throw new InvalidInputException(
                    name, $"field \"{property.Name}\" unknown or given twice", $"each once: {string.Join(", ", known)}");
            }
        }

        return fields;
    }

    private static InvalidInputException Refuse(string name, string field, JsonElement found, string expected) =>
        new($"{name}, {field}", found.GetRawText(), expected);
}
