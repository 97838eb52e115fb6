using System.Text.Json;
using System.Text.Json.Nodes;
using Spectre.Console;

namespace Stof.Reference.Cli.Running;

/// <summary>What programs read: JSON on standard output, indented, with numbers that survive a round trip.</summary>
internal static class Output
{
    private const int PipeWidth = 180;

    /// <summary>How files and output are indented.</summary>
    public static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>
    /// The console for tables: colours on a terminal (unless NO_COLOR is set), plain wide text in a pipe or file.
    /// </summary>
    public static IAnsiConsole Tables()
    {
        var plain = Console.IsOutputRedirected || Environment.GetEnvironmentVariable("NO_COLOR") is { Length: > 0 };
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = plain ? AnsiSupport.No : AnsiSupport.Detect,
            ColorSystem = plain ? ColorSystemSupport.NoColors : ColorSystemSupport.Detect,
        });
        if (Console.IsOutputRedirected)
        {
            console.Profile.Width = PipeWidth;
        }

        return console;
    }

    /// <summary>Writes one JSON document.</summary>
    public static void WriteJson(JsonObject json) => Console.Out.WriteLine(json.ToJsonString(Indented));

    /// <summary>A number, or null where JSON has none (NaN, infinities).</summary>
    public static JsonNode? Number(double value) => double.IsFinite(value) ? JsonValue.Create(value) : null;

    /// <summary>Seconds as people read them: <c>1.234 ms</c>.</summary>
    public static string Time(double seconds) => seconds switch
    {
        >= 1 => $"{seconds:f2} s",
        >= 1e-3 => $"{seconds * 1e3:f2} ms",
        _ => $"{seconds * 1e6:f1} µs",
    };
}
