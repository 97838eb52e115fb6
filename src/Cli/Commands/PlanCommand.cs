using System.CommandLine;
using System.Text.Json.Nodes;
using Spectre.Console;
using Stof.Reference.Backends;
using Stof.Reference.Cli.Running;
using Stof.Reference.Fusion;
using Stof.Reference.Graphs;
using Stof.Reference.Masks;
using Stof.Reference.Models;
using Stof.Reference.Models.Checkpoints;
using Stof.Reference.Numerics;
using Stof.Reference.Plans;
using Stof.Reference.Search;

namespace Stof.Reference.Cli.Commands;

/// <summary><c>plan</c>: what a plan does and why.</summary>
internal static class PlanCommand
{
    /// <summary>Creates the verb.</summary>
    public static Command Create() => new("plan", "Look at execution plans.") { Explain() };

    private static Command Explain()
    {
        var model = new Option<string>("--model") { Description = $"checkpoint folder, or a preset: {string.Join(", ", ModelPresets.Names)}", Required = true };
        var mask = new Option<string>("--mask") { Description = MaskSource.Help, DefaultValueFactory = _ => "full" };
        var batch = new Option<int>("--batch") { Description = "batch size", DefaultValueFactory = _ => 1 };
        var length = new Option<int?>("--seq") { Description = "length; 128 by default, or what the model fixes" };
        var type = new Option<string>("--dtype") { Description = "f32, f16 or bf16", DefaultValueFactory = _ => "f32" };
        var backend = new Option<string>("--backend") { Description = BackendArgument.Help, DefaultValueFactory = _ => "cpu" };
        var plan = new Option<string?>("--plan") { Description = "explain this saved plan; by default the one that rules give" };
        var json = new Option<bool>("--json") { Description = "print JSON" };
        var command = new Command(
            "explain",
            """
            Say for each segment of a plan what runs it, and which larger segments were refused and why.

            Examples:
              stof plan explain --model bert-base --batch 8 --seq 512 --dtype f16 --backend simulator
              stof plan explain --model bert-base --plan plan.json --json
            """)
        {
            model, mask, batch, length, type, backend, plan, json,
        };
        command.SetAction(result =>
        {
            var name = result.GetRequiredValue(model);
            var spec = Directory.Exists(name) ? ModelLoader.Load(name).Spec : ModelPresets.Spec(name);
            var pattern = MaskSource.Load(result.GetRequiredValue(mask));
            var workload = new Workload(
                result.GetRequiredValue(batch),
                result.GetValue(length) ?? spec.FixedLength ?? 128,
                DTypes.Parse(result.GetRequiredValue(type)),
                spec.IsCausal ? pattern & new CausalMask() : pattern,
                spec.QueryHeads);
            _ = workload.Tiles; // binds the mask now: a mask of another size is an error
            using var device = BackendArgument.OpenBackend(result.GetRequiredValue(backend), threads: null);
            var graph = ModelGraph.Build(spec).Layer;
            var chosen = result.GetValue(plan) is { } file
                ? PlanJson.Parse(TextFile.Read(file), file).Validated(graph, workload, device.Device)
                : ExecutionPlan.FromScheme(graph, workload, device.Device, RuleBasedSchemes.Initial(graph, workload, device.Device));
            var (fitting, refused) = PlanFallback.For(device, graph, workload, chosen);
            var explanations = PlanExplanation.Of(device, graph, workload, fitting);
            if (result.GetValue(json))
            {
                Output.WriteJson(ToJson(graph, fitting, refused, explanations));
            }
            else
            {
                Print(graph, device.Device, fitting, refused, explanations);
            }

            return ExitCodes.Good;
        });
        return command;
    }

    private static string Names(OperatorGraph graph, Segment segment) =>
        string.Join(", ", Enumerable.Range(segment.Start, segment.Length).Select(op => graph.Operators[op].Name));

    private static void Print(
        OperatorGraph graph, DeviceDescription device, ExecutionPlan plan, IReadOnlyList<RefusedSegment> refused, IReadOnlyList<SegmentExplanation> explanations)
    {
        var console = Output.Tables();
        console.MarkupLineInterpolated($"plan    scheme [bold]{plan.Scheme.ToHex()}[/] for {plan.Workload} on {device.Name}");
        foreach (var (segment, refusal) in refused)
        {
            console.MarkupLineInterpolated($"        {segment.Template} {segment.Segment.ToString()} runs in smaller segments: {refusal.Code}, {refusal.Reason}");
        }

        var table = new Table().Border(TableBorder.Simple).AddColumns("segment", "operators", "template", "what runs it");
        foreach (var explanation in explanations)
        {
            var segment = explanation.Segment;
            table.AddRow(
                Markup.Escape(segment.Segment.ToString()), Markup.Escape(Names(graph, segment.Segment)), segment.Template, Markup.Escape(explanation.Kernel));
            foreach (var (other, template, refusal) in explanation.Alternatives)
            {
                var reason = refusal is null ? "would run; the plan has it otherwise" : $"{refusal.Code}: {refusal.Reason}";
                table.AddRow("", Markup.Escape($"not with {Names(graph, new Segment(segment.Segment.End, other.End - segment.Segment.End))}"), template, Markup.Escape(reason));
            }
        }

        console.Write(table);
    }

    private static JsonObject ToJson(
        OperatorGraph graph, ExecutionPlan plan, IReadOnlyList<RefusedSegment> refused, IReadOnlyList<SegmentExplanation> explanations) => new()
        {
            ["plan"] = PlanJson.ToJson(plan),
            ["refused"] = new JsonArray([.. refused.Select(entry => Described(entry.Segment.Segment, entry.Segment.Template, entry.Refusal))]),
            ["segments"] = new JsonArray([.. explanations.Select(explanation => new JsonObject
            {
                ["start"] = explanation.Segment.Segment.Start,
                ["length"] = explanation.Segment.Segment.Length,
                ["operators"] = Names(graph, explanation.Segment.Segment),
                ["template"] = explanation.Segment.Template,
                ["kernel"] = explanation.Kernel,
                ["alternatives"] = new JsonArray([.. explanation.Alternatives.Select(other => Described(other.Segment, other.Template, other.Refusal))]),
            })]),
        };

    private static JsonObject Described(Segment segment, string template, Refusal? refusal) => new()
    {
        ["start"] = segment.Start,
        ["length"] = segment.Length,
        ["template"] = template,
        ["code"] = refusal?.Code,
        ["reason"] = refusal?.Reason,
    };
}
