using System.Globalization;
using System.Net;
using System.Text;

namespace Stof.Reference.Cuda.Simulator.Tracing;

/// <summary>Writes a trace as one HTML page without anything from elsewhere: a row a step, with the lanes that took part as a bar.</summary>
public static class TraceHtml
{
    private const string Style =
        """
        body{font:14px/1.4 system-ui,sans-serif;margin:2em;max-width:110em}
        table{border-collapse:collapse;width:100%}
        td,th{padding:2px 8px;text-align:left;vertical-align:top;border-bottom:1px solid #8883}
        code{font:13px ui-monospace,monospace;white-space:pre-wrap}
        .n{color:#888;text-align:right}
        .l{white-space:nowrap;font-size:0}
        .l i{display:inline-block;width:5px;height:14px;margin-right:1px;background:#8882}
        .l i.a{background:#2a7}
        .m{color:#a50}
        .s{color:#888}
        """;

    /// <summary>Writes the page.</summary>
    public static string Write(Trace trace)
    {
        ArgumentNullException.ThrowIfNull(trace);
        var title = WebUtility.HtmlEncode($"{trace.Kernel.Name}, block {trace.Request.Block}, warp {trace.Request.Warp}");
        var html = new StringBuilder();
        html.Append(CultureInfo.InvariantCulture, $"<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title><style>\n{Style}\n</style></head><body>\n");
        html.Append(CultureInfo.InvariantCulture, $"<h1>{title}</h1>\n<p>{trace.Steps.Count} steps{(trace.IsComplete ? "" : ", cut off")}; one bar a lane, lane 0 first.</p>\n");
        html.Append("<table><tr><th>step</th><th>#</th><th>lanes</th><th>instruction</th><th>what it did</th><th>from</th></tr>\n");
        foreach (var step in trace.Steps)
        {
            html.Append(CultureInfo.InvariantCulture, $"<tr><td class=\"n\">{step.Number}</td><td class=\"n\">{step.InstructionIndex}</td><td class=\"l\" title=\"{TraceValues.DescribeLanes(step.Lanes)}\">");
            for (var lane = 0; lane < Warp.Lanes; lane++)
            {
                html.Append((step.Lanes >> lane & 1) != 0 ? "<i class=\"a\"></i>" : "<i></i>");
            }

            html.Append(CultureInfo.InvariantCulture, $"</td><td><code>{WebUtility.HtmlEncode(step.Instruction.ToString())}</code></td><td><code>");
            var lines = step.Registers.Select(register => WebUtility.HtmlEncode($"{register.Name} = {TraceValues.Describe(register)}"));
            if (step.Memory.Count > 0)
            {
                lines = lines.Prepend($"<span class=\"m\">{WebUtility.HtmlEncode(TraceValues.Describe(step.Memory))}</span>");
            }

            html.AppendJoin('\n', lines);
            html.Append(CultureInfo.InvariantCulture, $"</code></td><td class=\"s\">{WebUtility.HtmlEncode(step.Instruction.Source.ToString())}</td></tr>\n");
        }

        return html.Append("</table></body></html>\n").ToString();
    }
}
