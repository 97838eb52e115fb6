using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Stof.Reference.Backends;
using Stof.Reference.Fusion;
using Stof.Reference.Graphs;
using Stof.Reference.Interchange;
using Stof.Reference.Plans;

namespace Stof.Reference.Search;

/// <summary>What the cache holds for one graph, workload and device.</summary>
/// <param name="Plan">The best plan found.</param>
/// <param name="DetachedSeconds">Seconds of a layer, all detached.</param>
/// <param name="PlanSeconds">Seconds of a layer under the plan.</param>
/// <param name="Measurements">Everything measured.</param>
public sealed record CachedTuning(
    ExecutionPlan Plan, double DetachedSeconds, double PlanSeconds, ImmutableArray<Measurement> Measurements);

/// <summary>
/// Search results on disk, one file for each graph, workload, device and state of its kernels: what another build measured is
/// searched again. A file that is corrupt, from another version or made
/// for something else is never used: the caller gets a warning and searches again. Files are written aside and renamed.
/// </summary>
public sealed class TuningCache
{
    private const int Version = 1;

    private readonly string _folder;
    private readonly Action<string> _warn;

    /// <summary>Uses a folder, which is created when something is stored.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="warn">Told, in one line, about a file that cannot be used or written.</param>
    public TuningCache(string folder, Action<string> warn)
    {
        _folder = folder;
        _warn = warn;
    }

    /// <summary><c>$XDG_CACHE_HOME/stof</c>, or the user's local application data.</summary>
    public static string DefaultFolder
    {
        get
        {
            var cache = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");
            return Path.Combine(
                string.IsNullOrEmpty(cache) ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData) : cache, "stof");
        }
    }

    /// <summary>The file of a graph, workload and device.</summary>
    public string FileOf(OperatorGraph graph, Workload workload, DeviceDescription device) =>
        Path.Combine(_folder, $"tuning-{Sha(Key(graph, workload, device))[..16]}.json");

    /// <summary>What is stored, or null.</summary>
    public CachedTuning? Load(OperatorGraph graph, Workload workload, DeviceDescription device)
    {
        var file = FileOf(graph, workload, device);
        if (!File.Exists(file))
        {
            return null;
        }

        try
        {
            var tuning = Parse(File.ReadAllText(file), Key(graph, workload, device));
            tuning.Plan.Validated(graph, workload, device);
            return tuning;
        }
        catch (Exception exception) when (
            exception is JsonException or FormatException or InvalidOperationException or InvalidInputException
                or IOException or UnauthorizedAccessException)
        {
            _warn($"tuning cache {file} is ignored: {exception.Message}");
            return null;
        }
    }

    /// <summary>Stores a result; a folder that cannot be written is a warning, not an error.</summary>
    public void Store(OperatorGraph graph, Workload workload, DeviceDescription device, TuningResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        var file = FileOf(graph, workload, device);
        var body = new JsonObject
        {
            ["key"] = Key(graph, workload, device),
            ["detachedSeconds"] = result.DetachedSeconds,
            ["planSeconds"] = result.PlanSeconds,
            ["plan"] = PlanJson.ToJson(result.Plan),
            ["measurements"] = new JsonArray([.. result.Measurements.Select(ToJson)]),
        };
        var text = new JsonObject { ["version"] = Version, ["sha256"] = Sha(body.ToJsonString()), ["body"] = body };
        try
        {
            Directory.CreateDirectory(_folder);
            AtomicFile.WriteText(file, text.ToJsonString() + "\n");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or InvalidInputException)
        {
            _warn($"tuning cache {file} is not written: {exception.Message}");
        }
    }

    private static string Key(OperatorGraph graph, Workload workload, DeviceDescription device) =>
        $"{typeof(TuningCache).Assembly.GetName().Version} {graph.Hash()} {ExecutionPlan.WorkloadKey(workload)} {device.Fingerprint} {device.Kernels}";

    private static CachedTuning Parse(string text, string key)
    {
        var json = JsonNode.Parse(text) as JsonObject ?? throw new FormatException("not an object");
        if (json["version"]?.GetValue<int>() != Version)
        {
            throw new FormatException($"version {json["version"]}, not {Version}");
        }

        var body = json["body"] as JsonObject ?? throw new FormatException("no field 'body'");
        if (json["sha256"]?.GetValue<string>() != Sha(body.ToJsonString()))
        {
            throw new FormatException("its checksum does not match");
        }

        if (body["key"]?.GetValue<string>() != key)
        {
            throw new FormatException("made for another graph, workload, device or version");
        }

        return new CachedTuning(
            PlanJson.FromJson(body["plan"] as JsonObject ?? throw new FormatException("no field 'plan'")),
            body["detachedSeconds"]!.GetValue<double>(),
            body["planSeconds"]!.GetValue<double>(),
            [.. (body["measurements"] as JsonArray ?? []).Select(node => FromJson((JsonObject)node!))]);
    }

    private static JsonNode ToJson(Measurement measurement) => new JsonObject
    {
        ["start"] = measurement.Segment.Start,
        ["length"] = measurement.Segment.Length,
        ["parameters"] = measurement.Parameters.ToString(),

        // JSON has no infinity: a refused set has no time.
        ["seconds"] = double.IsFinite(measurement.Seconds) ? measurement.Seconds : null,
    };

    private static Measurement FromJson(JsonObject json)
    {
        var pairs = json["parameters"]!.GetValue<string>()
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Select(pair => pair.Split('=', 2))
            .Select(pair => KeyValuePair.Create(pair[0], pair.Length == 2 ? pair[1] : throw new FormatException("a parameter without a value")));
        return new Measurement(
            new Segment(json["start"]!.GetValue<int>(), json["length"]!.GetValue<int>()),
            new ParameterSet(pairs),
            json["seconds"]?.GetValue<double>() ?? double.PositiveInfinity);
    }

    private static string Sha(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
}
