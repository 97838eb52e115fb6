using System.Text.Json;
using System.Text.Json.Nodes;
using Stof.Reference.Cuda.Driver;

namespace Stof.Reference.DeviceChecks;

/// <summary>The one table, and the same as JSON.</summary>
internal static class Report
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    public static void Write(TextWriter output, string title, IReadOnlyList<CheckResult> results)
    {
        output.WriteLine(title);
        WriteTable(
            output,
            ["check", "cases", "result", "time", "note"],
            results.Select(result => new[] { result.Name, $"{result.Cases:N0}", result.Verdict, $"{result.Seconds * 1e3:N1} ms", result.Note.Split('\n')[0] }),
            column => column is 1 or 3);
        foreach (var result in results.Where(result => result.Note.Contains('\n')))
        {
            output.WriteLine($"\n{result.Name}:\n{result.Note}");
        }

        foreach (var result in results.Where(result => result.Measurements.Count > 0))
        {
            var head = result.Measurements[0].Select(entry => entry.Key).ToArray();
            bool IsNumber(int column) => result.Measurements[0][head[column]]?.GetValueKind() == JsonValueKind.Number;
            output.WriteLine($"\n{result.Name}:");
            WriteTable(output, head, result.Measurements.Select(row => head.Select(name => row[name]?.ToString() ?? "").ToArray()), IsNumber);
        }

        int Count(string verdict) => results.Count(result => result.Verdict == verdict);
        output.WriteLine($"{Count(CheckResult.Pass)} passed, {Count(CheckResult.Fail)} failed, {Count(CheckResult.LeftOut)} left out");
    }

    private static void WriteTable(TextWriter output, string[] head, IEnumerable<string[]> lines, Func<int, bool> isRight)
    {
        var rows = lines.ToArray();
        var widths = Enumerable.Range(0, head.Length).Select(column => rows.Append(head).Max(row => row[column].Length)).ToArray();
        string Line(string[] row) => string.Join("  ", row.Select((cell, column) =>
            isRight(column) ? cell.PadLeft(widths[column]) : cell.PadRight(widths[column]))).TrimEnd();

        output.WriteLine(Line(head));
        output.WriteLine(new string('-', Math.Min(widths.Sum() + (2 * (widths.Length - 1)), 160)));
        foreach (var row in rows)
        {
            output.WriteLine(Line(row));
        }
    }

    public static string Json(CudaDevice device, CudaProbe probe, Options options, IReadOnlyList<CheckResult> results) => new JsonObject
    {
        ["date"] = DateTime.UtcNow.ToString("yyyy-MM-dd"),
        ["device"] = device.Name,
        ["computeCapability"] = device.Capability.ToString(),
        ["driverCuda"] = probe.Version.ToString(),
        ["small"] = options.Small,
        ["checks"] = new JsonArray([.. results.Select(result => (JsonNode)result.Json())]),
    }.ToJsonString(Indented);
}
