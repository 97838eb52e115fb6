using System.Collections.Immutable;
using System.Text;
using System.Text.Json;

namespace Stof.Reference.Cuda.Truth;

/// <summary>What a device did with an instruction.</summary>
/// <param name="Instruction">Signature, and the constants it was tried with.</param>
/// <param name="Cases">Lanes compared.</param>
/// <param name="Mismatches">Lanes with other bits than the simulator's or, where the instruction has an accuracy, beyond it.</param>
/// <param name="LargestUlps">Largest distance in units in the last place among lanes within the accuracy; 0 where bits are compared.</param>
/// <param name="Examples">Some mismatches: operands, the simulator's result, the device's.</param>
public sealed record TruthEntry(string Instruction, int Cases, int Mismatches, double LargestUlps, ImmutableArray<string> Examples);

/// <summary>What a device did with all instructions, to be frozen as a file.</summary>
/// <param name="Device">Name of the device.</param>
/// <param name="Driver">Version of its driver.</param>
/// <param name="Date">Day, as year-month-day.</param>
/// <param name="Target">Target that the kernels were written for.</param>
/// <param name="Entries">By instruction.</param>
public sealed record TruthReport(string Device, string Driver, string Date, string Target, ImmutableArray<TruthEntry> Entries)
{
    /// <summary>What keeps the report from being the truth about all instructions: those not tried, and those that differ.</summary>
    /// <returns>One line each; none for a good report.</returns>
    public IEnumerable<string> Problems()
    {
        var tried = Entries.Select(entry => entry.Instruction).ToHashSet(StringComparer.Ordinal);
        return CudaInstructionTruth.Names(Ptx.Target.Named(Target)).Where(name => !tried.Contains(name)).Select(name => $"{name}: not tried")
            .Concat(Entries.Where(entry => entry.Mismatches > 0).Select(
                entry => $"{entry.Instruction}: {entry.Mismatches} of {entry.Cases} differ: {string.Join("; ", entry.Examples)}"));
    }

    /// <summary>The report as text: one line an instruction.</summary>
    public string ToJson()
    {
        var text = new StringBuilder();
        text.Append("{\n");
        text.Append("  \"device\": ").Append(Quoted(Device)).Append(",\n");
        text.Append("  \"driver\": ").Append(Quoted(Driver)).Append(",\n");
        text.Append("  \"date\": ").Append(Quoted(Date)).Append(",\n");
        text.Append("  \"target\": ").Append(Quoted(Target)).Append(",\n");
        text.Append("  \"instructions\": [\n");
        text.AppendJoin(",\n", Entries.Select(entry =>
            $"    {{ \"instruction\": {Quoted(entry.Instruction)}, \"cases\": {entry.Cases}, \"mismatches\": {entry.Mismatches}, \"largest_ulps\": {entry.LargestUlps:0.##}"
            + (entry.Examples.IsEmpty ? "" : $", \"examples\": [{string.Join(", ", entry.Examples.Select(Quoted))}]") + " }"));
        return text.Append("\n  ]\n}\n").ToString();
    }

    /// <summary>Reads <see cref="ToJson"/>'s text.</summary>
    /// <exception cref="JsonException">It is no such text.</exception>
    public static TruthReport FromJson(string text)
    {
        using var document = JsonDocument.Parse(text);
        var root = document.RootElement;
        return new TruthReport(
            Text(root, "device"),
            Text(root, "driver"),
            Text(root, "date"),
            Text(root, "target"),
            [
                .. root.GetProperty("instructions").EnumerateArray().Select(entry => new TruthEntry(
                    Text(entry, "instruction"),
                    entry.GetProperty("cases").GetInt32(),
                    entry.GetProperty("mismatches").GetInt32(),
                    entry.GetProperty("largest_ulps").GetDouble(),
                    entry.TryGetProperty("examples", out var examples) ? [.. examples.EnumerateArray().Select(example => example.GetString()!)] : [])),
            ]);
    }

    private static string Text(JsonElement element, string name) => element.GetProperty(name).GetString() ?? "";

    private static string Quoted(string value) => $"\"{JsonEncodedText.Encode(value, System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping)}\"";
}
