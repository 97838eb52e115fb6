using System.CommandLine;
using System.Text.Json.Nodes;
using Stof.Reference.Cli.Running;
using Stof.Reference.Cuda.Simulator;
using Stof.Reference.Cuda.Simulator.Tracing;

namespace Stof.Reference.Cli.Commands;

/// <summary><c>cuda trace</c>: the steps of one warp.</summary>
internal static class CudaTraceCommand
{
    /// <summary>Creates the verb.</summary>
    public static Command Create()
    {
        var arguments = new CudaKernelArguments();
        var block = new Option<string>("--block") { Description = "block x,y,z", DefaultValueFactory = _ => "0,0,0" };
        var warp = new Option<int>("--warp") { Description = "warp of the block", DefaultValueFactory = _ => 0 };
        var steps = new Option<int>("--steps") { Description = "steps that are kept", DefaultValueFactory = _ => 2000 };
        var html = new Option<string?>("--html") { Description = "write an HTML page to this file instead of text" };
        var json = new Option<bool>("--json") { Description = "print JSON" };
        var command = new Command("trace", "Run a kernel on the simulator and print what one warp does, step by step.");
        arguments.AddTo(command);
        command.Add(block);
        command.Add(warp);
        command.Add(steps);
        command.Add(html);
        command.Add(json);
        command.SetAction(result =>
        {
            var (template, values, target) = arguments.Read(result);
            var request = new TraceRequest(Block(result.GetRequiredValue(block)), result.GetValue(warp), result.GetValue(steps));
            var warps = template.Build(values, target).Threads / 32;
            if (request.Warp < 0 || request.Warp >= warps)
            {
                throw new InvalidInputException("--warp", $"{request.Warp}", $"0 to {warps - 1}");
            }

            var (report, wrong) = template.Simulate(values, target, options: LaunchOptions.Default with { Trace = request });
            var trace = report.Trace
                ?? throw new InvalidInputException("--block", request.Block.ToString(), $"a block of {report.Grid.X} x {report.Grid.Y} x {report.Grid.Z}");
            if (result.GetValue(html) is { } path)
            {
                File.WriteAllText(path, TraceHtml.Write(trace));
            }
            else if (!result.GetValue(json))
            {
                Console.Out.Write(TraceText.Write(trace));
            }

            if (result.GetValue(json))
            {
                Output.WriteJson(Json(trace));
            }

            return report.FindingCount == 0 && wrong is null ? ExitCodes.Good : ExitCodes.FoundWrong;
        });
        return command;
    }

    private static BlockIndex Block(string text)
    {
        var parts = text.Split(',');
        return parts.Length == 3 && int.TryParse(parts[0], out var x) && int.TryParse(parts[1], out var y) && int.TryParse(parts[2], out var z)
            ? new BlockIndex(x, y, z)
            : throw new InvalidInputException("--block", $"'{text}'", "three numbers such as 0,0,0");
    }

    private static JsonObject Json(Trace trace) => new()
    {
        ["kernel"] = trace.Kernel.Name,
        ["block"] = new JsonArray(trace.Request.Block.X, trace.Request.Block.Y, trace.Request.Block.Z),
        ["warp"] = trace.Request.Warp,
        ["isComplete"] = trace.IsComplete,
        ["steps"] = new JsonArray([.. trace.Steps.Select(step => (JsonNode)new JsonObject
        {
            ["number"] = step.Number,
            ["instructionIndex"] = step.InstructionIndex,
            ["instruction"] = step.Instruction.ToString(),
            ["source"] = step.Instruction.Source.ToString(),
            ["lanes"] = $"0x{step.Lanes:x8}",
            ["registers"] = new JsonArray([.. step.Registers.Select(register => (JsonNode)new JsonObject
            {
                ["name"] = register.Name,
                ["type"] = register.Type.ToString(),
                ["values"] = new JsonArray([.. register.Values.Select(value => (JsonNode)JsonValue.Create($"0x{value:x}"))]),
            })]),
            ["memory"] = new JsonArray([.. step.Memory.Select(touched => (JsonNode)new JsonObject
            {
                ["lane"] = touched.Lane,
                ["space"] = touched.Space,
                ["address"] = $"0x{touched.Address:x}",
                ["bytes"] = touched.Bytes,
                ["isWrite"] = touched.IsWrite,
            })]),
        })]),
    };
}
