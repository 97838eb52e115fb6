using System.Text.Json.Nodes;
using Spectre.Console;
using Stof.Reference.Cli.Commands;
using Stof.Reference.Fusion;
using Stof.Reference.Plans;

namespace Stof.Reference.Cli.Running;

/// <summary>A run as tables for people, or as JSON for programs.</summary>
internal static class RunReport
{
    /// <summary>Prints the tables.</summary>
    public static void Print(RunResult run, IAnsiConsole console)
    {
        var spec = run.Model.Spec;
        console.MarkupLineInterpolated(
            $"[bold]{spec.Family}[/] {spec.Layers} layers, hidden {spec.Hidden}, {spec.QueryHeads} heads of {spec.HeadSize}, {run.Workload.Type}, batch {run.Workload.Batch} x {run.Workload.Length}");
        console.MarkupLineInterpolated($"device  {run.Device.Name}, {run.Device.Workers} threads, {run.Device.VectorBits}-bit vectors");
        PrintMask(run, console);
        console.MarkupLineInterpolated($"plan    scheme [bold]{run.Plan.Scheme.ToHex()}[/] from {run.PlanSource}");
        foreach (var (segment, refusal) in run.Refused)
        {
            console.MarkupLineInterpolated($"        {segment.Template} {segment.Segment.ToString()} runs in smaller segments: {refusal.Code}, {refusal.Reason}");
        }

        console.Write(Segments(run));
        console.MarkupLineInterpolated(
            $"forward {Output.Time(run.PlanSeconds)}; {run.BaselineName} {Output.Time(run.BaselineSeconds)}; speed-up [bold]{run.BaselineSeconds / run.PlanSeconds:f2}x[/]");
        if (run.Tuning is { } tuning)
        {
            console.MarkupLineInterpolated(
                $"search  {tuning.Moves.Count(move => move.Kept)} of {tuning.Moves.Length} moves kept, {tuning.Rounds.Length} rounds, {100 * tuning.Overhead.Share:f1} % of the time not spent measuring");
        }

        if (!run.Verdicts.IsEmpty)
        {
            console.Write(Verification(run));
            console.MarkupLine(run.IsRight
                ? "[green]verified[/]: every layer agrees with the double-precision oracle"
                : "[red]WRONG[/]: a layer does not agree with the double-precision oracle");
        }
    }

    /// <summary>The run as a JSON object.</summary>
    public static JsonObject ToJson(RunResult run) => new()
    {
        ["model"] = run.Model.Spec.Family,
        ["layers"] = run.Model.Spec.Layers,
        ["batch"] = run.Workload.Batch,
        ["length"] = run.Workload.Length,
        ["dtype"] = run.Workload.Type.ToString(),
        ["mask"] = MaskSource.Title(run.Workload.Mask),
        ["device"] = run.Device.Fingerprint,
        ["tiles"] = new JsonObject
        {
            ["full"] = run.Workload.Tiles.FullColIdx.Length,
            ["part"] = run.Workload.Tiles.PartColIdx.Length,
            ["total"] = TotalTiles(run),
        },
        ["plan"] = PlanJson.ToJson(run.Plan),
        ["planSource"] = run.PlanSource,
        ["refused"] = new JsonArray([.. run.Refused.Select(refused => new JsonObject
        {
            ["template"] = refused.Segment.Template,
            ["start"] = refused.Segment.Segment.Start,
            ["length"] = refused.Segment.Segment.Length,
            ["code"] = refused.Refusal.Code,
            ["reason"] = refused.Refusal.Reason,
        })]),
        ["seconds"] = Output.Number(run.PlanSeconds),
        ["baseline"] = run.BaselineName,
        ["baselineSeconds"] = Output.Number(run.BaselineSeconds),
        ["speedup"] = Output.Number(run.BaselineSeconds / run.PlanSeconds),
        ["segmentSeconds"] = new JsonArray([.. run.SegmentSeconds.Select(Output.Number)]),
        ["search"] = run.Tuning is not { } tuning ? null : new JsonObject
        {
            ["samples"] = tuning.Samples,
            ["seconds"] = Output.Number(tuning.Overhead.Total),
            ["overheadShare"] = Output.Number(tuning.Overhead.Share),
            ["layerSeconds"] = Output.Number(tuning.PlanSeconds),
            ["detachedLayerSeconds"] = Output.Number(tuning.DetachedSeconds),
            ["moves"] = new JsonArray([.. tuning.Moves.Select(move => new JsonObject
            {
                ["move"] = move.Move,
                ["from"] = move.From,
                ["to"] = move.To,
                ["before"] = Output.Number(move.SecondsBefore),
                ["after"] = Output.Number(move.SecondsAfter),
                ["kept"] = move.Kept,
            })]),
        },
        ["outputHash"] = OutputHash(run),
        ["verified"] = run.Verdicts.IsEmpty ? null : run.IsRight,
        ["verification"] = new JsonArray([.. run.Verdicts.Select(verdict => new JsonObject
        {
            ["layer"] = verdict.Layer,
            ["localError"] = Output.Number(verdict.LocalError),
            ["localLimit"] = Output.Number(verdict.LocalLimit),
            ["totalError"] = Output.Number(verdict.TotalError),
            ["detachedError"] = Output.Number(verdict.DetachedError),
            ["passed"] = verdict.Passed,
        })]),
    };

    /// <summary>SHA-256 of the last hidden state's bytes: equal bits, equal hash, whatever the threads or the vector width.</summary>
    public static string OutputHash(RunResult run) =>
        Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(run.LastHiddenState.Bytes));

    private static void PrintMask(RunResult run, IAnsiConsole console)
    {
        var tiles = run.Workload.Tiles;
        var loaded = tiles.LoadColIdx.Length;
        console.MarkupLineInterpolated(
            $"mask    {MaskSource.Title(run.Workload.Mask)}: of {TotalTiles(run)} tiles of {tiles.Tile}, {tiles.FullColIdx.Length} full, {tiles.PartColIdx.Length} part, {TotalTiles(run) - loaded} skipped");
    }

    private static int TotalTiles(RunResult run)
    {
        var tiles = run.Workload.Tiles;
        return tiles.TileRows * tiles.TileColumns * tiles.BatchSlices * tiles.HeadSlices;
    }

    private static Table Segments(RunResult run)
    {
        var graph = run.Model.Graph.Layer;
        var table = new Table().Border(TableBorder.Simple).AddColumns("segment", "operators", "template", "category", "parameters", "time", "share");
        var total = run.SegmentSeconds.Sum();
        for (var i = 0; i < run.Plan.Segments.Length; i++)
        {
            var (segment, template, parameters) = run.Plan.Segments[i];
            var names = string.Join(", ", Enumerable.Range(segment.Start, segment.Length).Select(op => graph.Operators[op].Name));
            table.AddRow(
                Markup.Escape(segment.ToString()),
                Markup.Escape(names),
                template,
                Category(TemplateCatalog.Named(template).Category),
                Markup.Escape(parameters.ToString()),
                Output.Time(run.SegmentSeconds[i]),
                $"{100 * run.SegmentSeconds[i] / total:f0} %");
        }

        return table;
    }

    private static Table Verification(RunResult run)
    {
        var table = new Table().Border(TableBorder.Simple).AddColumns("layer", "its own error", "limit", "error so far", "detached run", "verdict");
        foreach (var verdict in run.Verdicts)
        {
            table.AddRow(
                verdict.Layer == 0 ? "embedding" : $"{verdict.Layer}",
                $"{verdict.LocalError:e2}",
                $"{verdict.LocalLimit:e2}",
                $"{verdict.TotalError:e2}",
                $"{verdict.DetachedError:e2}",
                verdict.Passed ? "[green]pass[/]" : "[red]FAIL[/]");
        }

        return table;
    }

    private static string Category(TemplateCategory category) => category switch
    {
        TemplateCategory.MiMi => "MI+MI",
        TemplateCategory.CiMi => "CI+MI",
        TemplateCategory.CiCi => "CI+CI",
        TemplateCategory.Attention => "attention",
        _ => "detached",
    };
}
