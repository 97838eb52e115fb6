using System.CommandLine;
using System.Diagnostics;
using System.Text.Json.Nodes;
using Spectre.Console;
using Stof.Reference.Cli.Running;
using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Simulator;

namespace Stof.Reference.Cli.Commands;

/// <summary><c>cuda simulate</c>: runs a kernel without a GPU and says what it does wrong and how much it does.</summary>
internal static class CudaSimulateCommand
{
    /// <summary>Creates the verb.</summary>
    public static Command Create()
    {
        var arguments = new CudaKernelArguments();
        var seed = new Option<int>("--seed") { Description = "seed of the inputs", DefaultValueFactory = _ => 1 };
        var threads = new Option<int?>("--threads") { Description = "threads; all processors by default" };
        var json = new Option<bool>("--json") { Description = "print JSON" };
        var command = new Command(
            "simulate", "Run a kernel on the simulator: races, addresses, uninitialised reads, counters. Exit code 1 if there is a finding or the result is wrong.");
        arguments.AddTo(command);
        command.Add(seed);
        command.Add(threads);
        command.Add(json);
        command.SetAction(result =>
        {
            var (template, values, target) = arguments.Read(result);
            var workers = result.GetValue(threads) ?? System.Environment.ProcessorCount;
            if (workers < 1)
            {
                throw new InvalidInputException("--threads", $"{workers}", "1 or more");
            }

            var watch = Stopwatch.StartNew();
            var (report, wrong) = template.Simulate(values, target, result.GetValue(seed), LaunchOptions.Default with { Workers = workers });
            var seconds = watch.Elapsed.TotalSeconds;
            if (result.GetValue(json))
            {
                Output.WriteJson(Json(report, wrong, seconds));
            }
            else
            {
                Print(report, wrong, seconds);
            }

            return report.FindingCount == 0 && wrong is null ? ExitCodes.Good : ExitCodes.FoundWrong;
        });
        return command;
    }

    private static IEnumerable<(string Name, string Text, long Value)> Numbers(Counters counters) =>
    [
        ("warpInstructions", "instructions of warps", counters.WarpInstructions),
        ("laneInstructions", "instructions of lanes", counters.LaneInstructions),
        ("divergentBranches", "branches that lanes took differently", counters.DivergentBranches),
        ("globalLoadBytes", "global bytes loaded", counters.GlobalLoadBytes),
        ("globalLoadSectors", "32-byte sectors of global loads", counters.GlobalLoadSectors),
        ("globalStoreBytes", "global bytes stored", counters.GlobalStoreBytes),
        ("globalStoreSectors", "32-byte sectors of global stores", counters.GlobalStoreSectors),
        ("sharedAccesses", "accesses to shared memory", counters.SharedAccesses),
        ("sharedConflicts", "cycles of bank conflicts", counters.SharedConflicts),
        ("asyncCopyBytes", "bytes copied asynchronously", counters.AsyncCopyBytes),
        ("barrierWaits", "waits at barriers", counters.BarrierWaits),
        ("tensorFlops", "operations of matrix instructions", counters.TensorFlops),
        ("sameValueStores", "bytes stored twice with the same value", counters.SameValueStores),
    ];

    private static JsonObject Json(LaunchReport report, string? wrong, double seconds)
    {
        var counters = new JsonObject();
        foreach (var (name, _, value) in Numbers(report.Counters))
        {
            counters[name] = value;
        }

        var classes = new JsonObject();
        foreach (var instructionClass in Enum.GetValues<InstructionClass>())
        {
            classes[instructionClass.ToString()] = report.Counters.WarpInstructionsOf(instructionClass);
        }

        counters["warpInstructionsByClass"] = classes;
        return new JsonObject
        {
            ["kernel"] = report.Kernel,
            ["grid"] = new JsonArray(report.Grid.X, report.Grid.Y, report.Grid.Z),
            ["isRight"] = wrong is null,
            ["wrong"] = wrong,
            ["findingCount"] = report.FindingCount,
            ["findings"] = new JsonArray([.. report.Findings.Select(finding => (JsonNode)new JsonObject
            {
                ["kind"] = finding.Kind.ToString(),
                ["where"] = Json(finding.Where),
                ["other"] = finding.Other is null ? null : Json(finding.Other),
                ["message"] = finding.Message,
                ["address"] = $"0x{finding.Address:x}",
                ["count"] = finding.Count,
            })]),
            ["counters"] = counters,
            ["seconds"] = seconds,
        };
    }

    private static JsonObject Json(Party party) => new()
    {
        ["block"] = new JsonArray(party.Block.X, party.Block.Y, party.Block.Z),
        ["warp"] = party.Warp,
        ["lane"] = party.Lane,
        ["instructionIndex"] = party.InstructionIndex,
        ["instruction"] = party.Instruction,
        ["source"] = party.Source.ToString(),
    };

    private static void Print(LaunchReport report, string? wrong, double seconds)
    {
        var console = Output.Tables();
        console.MarkupLineInterpolated($"{report.Kernel}, {report.Grid.X} x {report.Grid.Y} x {report.Grid.Z} blocks, {Output.Time(seconds)}");
        console.MarkupLineInterpolated($"result: {wrong ?? "right"}");
        console.MarkupLineInterpolated($"findings: {report.FindingCount}");
        foreach (var finding in report.Findings)
        {
            console.MarkupLineInterpolated($"  {finding}");
        }

        var table = new Table().Border(TableBorder.Simple).AddColumn("counter").AddColumn(new TableColumn("number").RightAligned());
        foreach (var (_, text, value) in Numbers(report.Counters))
        {
            table.AddRow(text, $"{value:n0}");
        }

        foreach (var instructionClass in Enum.GetValues<InstructionClass>())
        {
            if (report.Counters.WarpInstructionsOf(instructionClass) is var count and > 0)
            {
                table.AddRow($"  {instructionClass}", $"{count:n0}");
            }
        }

        console.Write(table);
    }
}
