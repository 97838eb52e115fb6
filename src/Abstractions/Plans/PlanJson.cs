using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Nodes;
using Stof.Reference.Fusion;

namespace Stof.Reference.Plans;

/// <summary>
/// Plans as JSON: <c>{"version":1,"graph":…,"device":…,"workload":…,"scheme":"15:20e3","segments":[{"start":0,"length":2,
/// "template":"gemm-bias","parameters":{"row-block":"48",…}},…]}</c>.
/// </summary>
public static class PlanJson
{
    private const int Version = 1;

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>The plan as a JSON object.</summary>
    public static JsonObject ToJson(ExecutionPlan plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        return new JsonObject
        {
            ["version"] = Version,
            ["graph"] = plan.GraphHash,
            ["device"] = plan.Device,
            ["workload"] = plan.Workload,
            ["scheme"] = plan.Scheme.ToHex(),
            ["segments"] = new JsonArray([.. plan.Segments.Select(segment => new JsonObject
            {
                ["start"] = segment.Segment.Start,
                ["length"] = segment.Segment.Length,
                ["template"] = segment.Template,
                ["parameters"] = new JsonObject(segment.Parameters.Values.Select(pair =>
                    KeyValuePair.Create(pair.Key, (JsonNode?)JsonValue.Create(pair.Value)))),
            })]),
        };
    }

    /// <summary>Indented text.</summary>
    public static string Print(ExecutionPlan plan) => ToJson(plan).ToJsonString(Indented) + "\n";

    /// <summary>Reads what <see cref="Print"/> wrote.</summary>
    /// <param name="json">The text.</param>
    /// <param name="name">What to call it in errors: a file name.</param>
    /// <exception cref="InvalidInputException">Not JSON, another version, or a field that is missing or wrong.</exception>
    public static ExecutionPlan Parse(string json, string name)
    {
        try
        {
            return FromJson(JsonNode.Parse(json) as JsonObject ?? throw new FormatException("not an object"));
        }
        catch (Exception exception) when (exception is JsonException or FormatException or InvalidOperationException)
        {
            throw new InvalidInputException(name, exception.Message, "a plan saved by this version", exception);
        }
    }

    /// <summary>Reads <see cref="ToJson"/>.</summary>
    /// <exception cref="FormatException">A field is missing or wrong.</exception>
    internal static ExecutionPlan FromJson(JsonObject json)
    {
        if (Field<int>(json, "version") != Version)
        {
            throw new FormatException($"version {json["version"]} is not {Version}");
        }

        var segments = ImmutableArray.CreateBuilder<SegmentPlan>();
        foreach (var node in json["segments"] as JsonArray ?? throw new FormatException("no field 'segments'"))
        {
            var item = node as JsonObject ?? throw new FormatException("a segment is not an object");
            var parameters = item["parameters"] as JsonObject ?? throw new FormatException("no field 'parameters'");
            segments.Add(new SegmentPlan(
                new Segment(Field<int>(item, "start"), Field<int>(item, "length")),
                Field<string>(item, "template"),
                new ParameterSet(parameters.Select(pair =>
                    KeyValuePair.Create(pair.Key, (pair.Value ?? throw new FormatException("a parameter is null")).GetValue<string>())))));
        }

        var plan = new ExecutionPlan
        {
            GraphHash = Field<string>(json, "graph"),
            Device = Field<string>(json, "device"),
            Workload = Field<string>(json, "workload"),
            Segments = segments.ToImmutable(),
        };
        return FusionScheme.FromHex(Field<string>(json, "scheme")).Equals(plan.Scheme)
            ? plan
            : throw new FormatException($"scheme {json["scheme"]} does not spell the segments");
    }

    private static T Field<T>(JsonObject json, string name) =>
        (json[name] ?? throw new FormatException($"no field '{name}'")).GetValue<T>();
}
