using System.CommandLine;
using System.Text.Json.Nodes;
using Spectre.Console;
using Stof.Reference.Cli.Rendering;
using Stof.Reference.Cli.Running;
using Stof.Reference.Verification.Diagnosis;
using Stof.Reference.Verification.Reports;

namespace Stof.Reference.Cli.Commands;

/// <summary><c>diagnose</c>: which bug is it.</summary>
internal static class DiagnoseCommand
{
    private const int MostExplanations = 6;

    /// <summary>Creates the verb.</summary>
    public static Command Create()
    {
        var command = new Command(
            "diagnose",
            """
            Name the bug behind a wrong output: a catalogue of known bugs, alone and in pairs, ranked by how much of the error each explains.

            Exit codes: 0 nothing is wrong, 1 something is, 2 bad input.

            Examples:
              stof diagnose case.npz
              stof diagnose case.npz --mask "causal & sliding(64)" --tile 128x64 --json
            """);
        var arguments = new CaseArguments(command, withFiles: true);
        var json = new Option<bool>("--json") { Description = "print JSON" };
        command.Options.Add(json);
        command.SetAction(result =>
        {
            var options = new VerificationOptions { Tile = arguments.Tile(result) };
            var reports = arguments.Cases(result).Select(item => Diagnoser.Run(item, options)).ToArray();
            if (result.GetValue(json))
            {
                Output.WriteJson(new JsonObject
                {
                    ["schema"] = 1,
                    ["reproduce"] = CommandLineText.Of(result),
                    ["cases"] = new JsonArray([.. reports.Select(report => (JsonNode?)Json(report))]),
                });
            }
            else
            {
                var console = Output.Tables();
                Array.ForEach(reports, report => Write(console, report));
                console.MarkupLineInterpolated($"repeat: {CommandLineText.Of(result)}");
            }

            return ReportArguments.Exit([.. reports.Select(report => report.Verification)]);
        });
        return command;
    }

    private static void Write(IAnsiConsole console, DiagnosisReport report)
    {
        console.MarkupLineInterpolated($"{report.Verification.Name}");
        console.MarkupLineInterpolated($"  {VerificationTable.Problem(report.Verification)}");
        if (report.Mask is not null)
        {
            console.MarkupLineInterpolated($"  the mask array is {report.Mask}");
        }

        if (report.Explanations.Count == 0)
        {
            var text = report.Verification.IsGood ? "nothing is wrong" : "no bug of the catalogue explains a part of it";
            console.MarkupLineInterpolated($"  [bold]{report.Verification.Verdict.State}[/]: {text}");
            return;
        }

        var cause = report.Cause;
        console.MarkupLineInterpolated(
            $"  [bold]{(cause is null ? "no bug of the catalogue reproduces the output; closest" : "cause")}[/]: {report.Explanations[0]}");
        var table = new Table().AddColumns("explanation", "of the error", "elements right", "reproduces", "by class of rows");
        foreach (var e in report.Explanations.Take(MostExplanations))
        {
            table.AddRow(
                Markup.Escape(e.ToString()),
                Percent(e.Explained),
                Percent(e.WithinBudget),
                e.Reproduces ? "yes" : "no",
                string.Join(", ", e.ByClass.Select(c => $"{c.Class.ToString().ToLowerInvariant()} {Percent(c.Explained)}")));
        }

        console.Write(table);
        var alike = report.Explanations.TakeWhile(e => e.IsTied && e.Mutations.Count == report.Explanations[0].Mutations.Count).Count();
        if (alike > 1)
        {
            console.MarkupLineInterpolated($"  the first {alike} predict the same here: this case cannot tell them apart");
        }

        console.MarkupLineInterpolated($"  {report.Candidates} candidates, compared on {report.Rows} rows");
    }

    private static JsonObject Json(DiagnosisReport report) => new()
    {
        ["verification"] = VerificationJson.Of(report.Verification),
        ["recognisedMask"] = report.Mask,
        ["cause"] = report.Cause?.ToString(),
        ["candidates"] = report.Candidates,
        ["rows"] = report.Rows,
        ["explanations"] = new JsonArray([.. report.Explanations.Select(e => (JsonNode?)new JsonObject
        {
            ["mutations"] = new JsonArray([.. e.Mutations.Select(m => (JsonNode?)new JsonObject { ["family"] = m.Family, ["detail"] = m.Detail })]),
            ["explained"] = Output.Number(e.Explained),
            ["withinBudget"] = Output.Number(e.WithinBudget),
            ["reproduces"] = e.Reproduces,
            ["tied"] = e.IsTied,
            ["byClass"] = new JsonObject(e.ByClass.Select(c => KeyValuePair.Create(c.Class.ToString().ToLowerInvariant(), Output.Number(c.Explained)))),
        })]),
    };

    private static string Percent(double share) => FormattableString.Invariant($"{Math.Floor(1000 * share) / 10:0.0}%");
}
