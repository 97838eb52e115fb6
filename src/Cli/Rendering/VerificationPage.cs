using System.Net;
using System.Text;
using Stof.Reference.Numerics;
using Stof.Reference.Verification.Reports;

namespace Stof.Reference.Cli.Rendering;

/// <summary>Verification reports as one page that needs nothing but itself: no scripts, no other files.</summary>
internal static class VerificationPage
{
    private const string Head =
        """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width">
        <title>stof verify</title>
        <style>
        body { font: 15px/1.45 system-ui, sans-serif; color: #30343b; max-width: 1000px; margin: 2em auto; padding: 0 1em }
        article { border: 1px solid #c3c7ce; border-radius: 6px; padding: 1em 1.3em; margin: 1.2em 0; overflow-wrap: anywhere }
        h1 { font-size: 1.4em } h2 { font-size: 1.1em; margin: 0 } h3 { font-size: 1em; margin: 1.2em 0 .4em }
        .state { float: right; color: #fff; border-radius: 4px; padding: .1em .7em; font-weight: 600 }
        .Pass { background: #4d8a4a } .Marginal { background: #b8912a } .Fail { background: #b8372b } .Mistrusted, .Unsupported { background: #767c86 }
        .dim { color: #767c86 } code { background: #f2f3f5; border-radius: 3px; padding: .1em .3em; font-size: .92em }
        table { border-collapse: collapse; font-variant-numeric: tabular-nums } td, th { text-align: right; padding: .15em .8em; border-bottom: 1px solid #e7e9ed }
        th:first-child, td:first-child { text-align: left } img { image-rendering: pixelated; max-width: 100%; border: 1px solid #e7e9ed }
        td, th { white-space: nowrap; overflow-wrap: normal }
        .bar { display: inline-block; height: .8em; background: #4a7bb7; vertical-align: middle } .wide { overflow-x: auto }
        </style>
        </head>
        <body>
        """;

    /// <summary>The page.</summary>
    public static string Of(IReadOnlyList<VerificationReport> reports, string line)
    {
        var page = new StringBuilder(Head.ReplaceLineEndings("\n"));
        var counts = reports.GroupBy(report => report.Verdict.State).OrderBy(group => group.Key).Select(group => $"{group.Count()} {group.Key}");
        page.Append($"\n<h1>stof verify: {Html(string.Join(", ", counts))}</h1>\n");
        page.Append($"<p>Compared with the definition in double precision. Repeat with <code>{Html(line)}</code></p>\n");
        foreach (var report in reports)
        {
            Case(page, report);
        }

        return page.Append("</body>\n</html>\n").ToString();
    }

    private static void Case(StringBuilder page, VerificationReport report)
    {
        var verdict = report.Verdict;
        page.Append($"<article>\n<span class=\"state {verdict.State}\">{verdict.State}</span>\n<h2>{Html(report.Name)}</h2>\n");
        page.Append($"<p class=\"dim\">{Html(VerificationTable.Problem(report))}</p>\n");
        if (verdict.Reasons.Count > 0)
        {
            page.Append("<ul>\n").AppendJoin("", verdict.Reasons.Select(reason => $"<li>{Html(reason)}</li>\n")).Append("</ul>\n");
        }

        if (verdict.Metrics is { } metrics)
        {
            Figures(page, report, metrics);
            Classes(page, report);
            Picture(page, report);
            Elements(page, report);
            Histogram(page, metrics);
        }

        page.Append("</article>\n");
    }

    private static void Figures(StringBuilder page, VerificationReport report, ErrorMetrics metrics)
    {
        var verdict = report.Verdict;
        page.Append("<table>\n");
        Row(page, "element budget used", VerificationTable.Short(verdict.BudgetUsed), "above 1 fails");
        Row(page, "relative Frobenius error", VerificationTable.Scientific(metrics.RelativeFrobenius), $"limit on N(0,1) inputs {VerificationTable.Scientific(AttentionTolerance.FrobeniusLimit(report.Case!.Problem.Type))}");
        Row(page, "LSE limit used", report.Case.LogSumExp is null ? "no LSE" : VerificationTable.Short(verdict.LogSumExpUsed), "above 1 fails");
        if (report.SamePrecision is { } rule)
        {
            Row(
                page,
                $"2× rule {(rule.Holds ? "holds" : "does not hold")}",
                VerificationTable.Scientific(rule.Error),
                $"naive {report.Case.Problem.Type} attention {VerificationTable.Scientific(rule.NaiveError)}, {rule.Rows} rows");
        }

        Row(page, "rows checked", $"{report.RowsChecked}", $"of {report.RowsTotal}, {report.Inputs.EmptyRows} without keys");
        Row(page, "NaN or infinite where the oracle is finite", $"{metrics.NonFinite.UnexpectedNaN + metrics.NonFinite.UnexpectedInfinity}", "any fails");
        Row(page, "NaN or infinite input elements", $"{report.Inputs.NonFinite}", $"{report.Inputs.UnattendedNonFinite} keys with such are attended by no query");
        page.Append("</table>\n");
    }

    private static void Classes(StringBuilder page, VerificationReport report)
    {
        page.Append($"<h3>By class of rows, tiles {report.Tile}</h3>\n<table>\n<tr><th>rows that meet</th><th>rows</th><th>wrong rows</th><th>wrong elements</th><th>budget used</th></tr>\n");
        foreach (var c in report.Classes)
        {
            var name = c.Class switch { RowClass.Full => "full tiles only", RowClass.Part => "part tiles", RowClass.Edge => "ragged edge tiles", _ => "no key" };
            page.Append($"<tr><td>{name}</td><td>{c.Rows}</td><td>{c.WrongRows}</td><td>{c.WrongElements}</td><td>{VerificationTable.Short(c.BudgetUsed)}</td></tr>\n");
        }

        page.Append("</table>\n");
    }

    private static void Picture(StringBuilder page, VerificationReport report)
    {
        if (report.Map is null)
        {
            return;
        }

        using var png = new MemoryStream();
        PngWriter.Write(png, ErrorMapImage.Draw(report));
        page.Append("<h3>Where</h3>\n<p class=\"dim\">Left: a column for each batch item and head, tile rows downwards, by the largest share of a budget. Right: the mask's tiles of the worst column; orange part, blue full.</p>\n");
        page.Append($"<img alt=\"error by tile row and head\" src=\"data:image/png;base64,{Convert.ToBase64String(png.ToArray())}\">\n");
    }

    private static void Elements(StringBuilder page, VerificationReport report)
    {
        if (report.Worst.Count == 0)
        {
            return;
        }

        page.Append("<h3>Worst elements, one a row</h3>\n<div class=\"wide\"><table>\n<tr><th>batch</th><th>head</th><th>query</th><th>dim</th><th>tile row</th><th>class</th><th>expected</th><th>got</th><th>budget</th><th>used</th></tr>\n");
        foreach (var e in report.Worst)
        {
            page.Append($"<tr><td>{e.Batch}</td><td>{e.Head}</td><td>{e.Query}</td><td>{e.Dimension}</td><td>{e.TileRow}</td><td>{e.Class.ToString().ToLowerInvariant()}</td>");
            page.Append($"<td>{VerificationTable.Long(e.Expected)}</td><td>{VerificationTable.Long(e.Actual)}</td><td>{VerificationTable.Scientific(e.Budget)}</td><td>{VerificationTable.Short(e.Used)}</td></tr>\n");
        }

        page.Append("</table></div>\n");
    }

    private static void Histogram(StringBuilder page, ErrorMetrics metrics)
    {
        var largest = Math.Max(1, metrics.UlpHistogram.Max());
        page.Append("<h3>Elements by distance in units of the last place</h3>\n<table>\n");
        for (var bucket = 0; bucket < metrics.UlpHistogram.Length; bucket++)
        {
            if (metrics.UlpHistogram[bucket] == 0)
            {
                continue;
            }

            var label = bucket <= 2 ? $"{bucket}" : bucket == Ulp.Buckets - 1 ? $"over {1 << (bucket - 2)}" : $"{(1 << (bucket - 2)) + 1} to {1 << (bucket - 1)}";
            var width = (int)Math.Ceiling(300.0 * metrics.UlpHistogram[bucket] / largest);
            page.Append($"<tr><td>{label}</td><td>{metrics.UlpHistogram[bucket]}</td><td style=\"text-align:left\"><span class=\"bar\" style=\"width:{width}px\"></span></td></tr>\n");
        }

        page.Append("</table>\n");
    }

    private static void Row(StringBuilder page, string name, string value, string note) =>
        page.Append($"<tr><td>{Html(name)}</td><td>{Html(value)}</td><td class=\"dim\" style=\"text-align:left\">{Html(note)}</td></tr>\n");

    private static string Html(string text) => WebUtility.HtmlEncode(text);
}
