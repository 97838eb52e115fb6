using System.Globalization;
using Spectre.Console;
using Stof.Reference.Cli.Commands;
using Stof.Reference.Numerics;
using Stof.Reference.Verification.Reports;

namespace Stof.Reference.Cli.Rendering;

/// <summary>Verification reports as text.</summary>
internal static class VerificationTable
{
    private const int MostElements = 5;

    /// <summary>Writes all cases and a last line.</summary>
    public static void Write(IAnsiConsole console, IReadOnlyList<VerificationReport> reports, string line)
    {
        foreach (var report in reports)
        {
            Write(console, report);
        }

        if (reports.Count > 1)
        {
            var counts = reports.GroupBy(report => report.Verdict.State).OrderBy(group => group.Key).Select(group => $"{group.Count()} {group.Key}");
            console.MarkupLineInterpolated($"[bold]{reports.Count} cases[/]: {string.Join(", ", counts)}");
        }

        if (!reports.Any(report => report.IsGood))
        {
            console.MarkupLineInterpolated($"no case passed: nothing was shown to be right");
        }

        console.MarkupLineInterpolated($"repeat: {line}");
    }

    /// <summary>The problem in one line.</summary>
    public static string Problem(VerificationReport report)
    {
        if (report.Case?.Problem is not { } p)
        {
            return report.Name;
        }

        var extras = new List<string> { $"mask {MaskSource.Title(p.Mask)}", p.Alignment == Masks.PositionAlignment.BottomRight ? "bottom-right" : "top-left" };
        extras.AddRange(p.Scale is { } scale ? [string.Create(CultureInfo.InvariantCulture, $"scale {scale:g6}")] : []);
        extras.AddRange(p.Softcap is { } cap ? [string.Create(CultureInfo.InvariantCulture, $"softcap {cap:g6}")] : []);
        extras.AddRange(p.Bias is { } bias ? [bias.GetType().Name] : []);
        extras.AddRange(p.Sinks is null ? [] : ["sinks"]);
        extras.AddRange(p.Lengths is null ? [] : ["variable lengths"]);
        return $"B {p.Batch}, heads {p.QueryHeads}/{p.KvHeads}, {p.QueryLength} x {p.KvLength}, D {p.HeadSize}/{p.ValueSize}, {p.Type}; {string.Join(", ", extras)}";
    }

    private static void Write(IAnsiConsole console, VerificationReport report)
    {
        var verdict = report.Verdict;
        var colour = verdict.State switch { Verdict.Pass => "green", Verdict.Fail => "red", _ => "yellow" };
        console.MarkupLineInterpolated($"{report.Name}");
        console.MarkupLineInterpolated($"  {Problem(report)}");
        console.Markup($"  [{colour} bold]{verdict.State}[/]");
        if (verdict.Metrics is { } metrics)
        {
            console.MarkupLineInterpolated(
                $": {verdict.BudgetUsed:g3} of the element budget, relative error {Scientific(metrics.RelativeFrobenius)}, {(report.Case?.LogSumExp is null ? "no LSE" : $"LSE {verdict.LogSumExpUsed:g3} of its limit")}");
        }
        else
        {
            console.WriteLine();
        }

        foreach (var reason in verdict.Reasons)
        {
            console.MarkupLineInterpolated($"  - {reason}");
        }

        if (report.RowsChecked < report.RowsTotal)
        {
            console.MarkupLineInterpolated($"  - {report.RowsChecked} of {report.RowsTotal} rows checked ({(double)report.RowsChecked / report.RowsTotal:p2})");
        }

        if (report.Inputs.NonFinite > 0)
        {
            console.MarkupLineInterpolated(
                $"  - {report.Inputs.NonFinite} input elements are NaN or infinite; {report.Inputs.UnattendedNonFinite} such keys are attended by no query");
        }

        if (report.SamePrecision is { } rule)
        {
            console.MarkupLineInterpolated(
                $"  2x rule {(rule.Holds ? "holds" : "does not hold")}: largest error {Scientific(rule.Error)}, naive {report.Case!.Problem.Type} attention {Scientific(rule.NaiveError)} ({rule.Rows} rows)");
        }

        if (verdict.State == Verdict.Fail)
        {
            Classes(console, report);
            Elements(console, report);
        }
    }

    private static void Classes(IAnsiConsole console, VerificationReport report)
    {
        var table = new Table().AddColumns($"rows by tiles {report.Tile}", "rows", "wrong rows", "wrong elements", "budget used");
        foreach (var summary in report.Classes)
        {
            table.AddRow(
                summary.Class.ToString().ToLowerInvariant(),
                $"{summary.Rows}",
                $"{summary.WrongRows}",
                $"{summary.WrongElements}",
                Short(summary.BudgetUsed));
        }

        console.Write(table);
    }

    private static void Elements(IAnsiConsole console, VerificationReport report)
    {
        if (report.Worst.Count == 0)
        {
            return;
        }

        var table = new Table().AddColumns("batch", "head", "query", "dim", "tile row", "class", "expected", "got", "budget used");
        foreach (var e in report.Worst.Take(MostElements))
        {
            table.AddRow(
                $"{e.Batch}", $"{e.Head}", $"{e.Query}", $"{e.Dimension}", $"{e.TileRow}", e.Class.ToString().ToLowerInvariant(),
                Long(e.Expected), Long(e.Actual), Short(e.Used));
        }

        console.Write(table);
    }

    /// <summary>Three digits.</summary>
    public static string Short(double value) => value.ToString("g3", CultureInfo.InvariantCulture);

    /// <summary>Three digits and an exponent.</summary>
    public static string Scientific(double value) => value.ToString("0.00e+00", CultureInfo.InvariantCulture);

    /// <summary>Enough digits to tell numbers of any kernel's dtype apart.</summary>
    public static string Long(double value) => value.ToString("g9", CultureInfo.InvariantCulture);
}
