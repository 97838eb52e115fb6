using System.CommandLine;
using System.Text.Json.Nodes;
using Stof.Reference.Cli.Rendering;
using Stof.Reference.Interchange;
using Stof.Reference.Numerics;
using Stof.Reference.Verification.Reports;

namespace Stof.Reference.Cli.Running;

/// <summary>Where reports go, and what they mean for the exit code.</summary>
internal sealed class ReportArguments
{
    private readonly Option<bool> _json = new("--json") { Description = "print JSON" };
    private readonly Option<string?> _junit = new("--junit") { Description = "write JUnit XML to this file" };
    private readonly Option<string?> _html = new("--html") { Description = "write a self-contained page to this file" };
    private readonly Option<string?> _png = new("--png") { Description = "write the error map of the worst case to this file" };

    /// <summary>Adds them to a command.</summary>
    public ReportArguments(Command command)
    {
        foreach (var option in new Option[] { _json, _junit, _html, _png })
        {
            command.Options.Add(option);
        }
    }

    /// <summary>0 where nothing failed and something passed; 1 otherwise; 2 where every case was refused.</summary>
    public static int Exit(IReadOnlyCollection<VerificationReport> reports) =>
        reports.Any(report => report.Verdict.State == Verdict.Fail) ? ExitCodes.FoundWrong
            : reports.Any(report => report.IsGood) ? ExitCodes.Good
            : reports.All(report => report.Verdict.State == Verdict.Unsupported) ? ExitCodes.BadInput
            : ExitCodes.FoundWrong;

    /// <summary>Writes everything that was asked for.</summary>
    public void Write(ParseResult result, IReadOnlyList<VerificationReport> reports)
    {
        var line = CommandLineText.Of(result);
        if (result.GetValue(_json))
        {
            Output.WriteJson(new JsonObject
            {
                ["schema"] = 1,
                ["exit"] = Exit(reports),
                ["reproduce"] = line,
                ["cases"] = new JsonArray([.. reports.Select(report => (JsonNode?)VerificationJson.Of(report))]),
            });
        }
        else
        {
            VerificationTable.Write(Output.Tables(), reports, line);
        }

        if (result.GetValue(_junit) is { } junit)
        {
            AtomicFile.WriteText(junit, JUnitReport.Of(reports, line));
        }

        if (result.GetValue(_html) is { } html)
        {
            AtomicFile.WriteText(html, VerificationPage.Of(reports, line));
        }

        if (result.GetValue(_png) is { } png && Worst(reports) is { Map: { } } worst)
        {
            PngWriter.Write(png, ErrorMapImage.Draw(worst));
        }
    }

    private static VerificationReport? Worst(IEnumerable<VerificationReport> reports) =>
        reports.Where(report => report.Map is not null).MaxBy(report => report.Worst.Count == 0 ? 0 : report.Worst[0].Used);
}
