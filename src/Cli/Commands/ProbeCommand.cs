using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Spectre.Console;
using Stof.Reference.Cli.Rendering;
using Stof.Reference.Cli.Running;
using Stof.Reference.Formats;
using Stof.Reference.Interchange;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;
using Stof.Reference.Verification.Cases;
using Stof.Reference.Verification.Probing;

namespace Stof.Reference.Cli.Commands;

/// <summary><c>probe</c>: which keys does a kernel really see, and which K and V does it really read.</summary>
internal static class ProbeCommand
{
    private const string Manifest = "probe.json";

    /// <summary>Creates the verb.</summary>
    public static Command Create()
    {
        var command = new Command(
            "probe",
            """
            Recover the effective mask of any kernel, exactly, and the K and V that it reads.

            A kernel is called by a command template, or by hand: 'make' writes inputs, 'read' reads outputs.
            Exit codes: 0 the mask is the intended one, 1 it is not, 2 bad input, 3 the command failed.

            Examples:
              stof probe --cmd "python my_kernel.py {in} {out}" --mask "causal & sliding(64)" --seq 256 --heads 2
              stof probe make --out probe --mask "causal & sliding(64)" --seq 256 --heads 2
              stof probe read probe --png mask.png
            """)
        {
            Make(),
            Read(),
        };
        var arguments = new CaseArguments(command, withFiles: false);
        var shape = new ShapeArguments(command);
        var template = new Option<string?>("--cmd") { Description = "command with {in} and {out}" };
        var (png, json) = (Png(), Json());
        foreach (var option in new Option[] { template, png, json })
        {
            command.Options.Add(option);
        }

        command.SetAction(result =>
        {
            var text = result.GetValue(template) ?? throw new InvalidInputException("--cmd", "not given", "a command with {in} and {out}, or one of make and read");
            var problem = shape.Problem(result, arguments.Semantics(result));
            var folder = Directory.CreateTempSubdirectory("stof-probe-");
            try
            {
                var kernel = new KernelCommand(text, folder.FullName);
                var outputs = ProbeReport.Runs(problem).ToDictionary(run => run.Name, run => kernel.Run(problem, run.Q, run.K, run.V));
                return Report(result, ProbeReport.Read(problem, name => outputs[name], arguments.Tile(result)), png, json);
            }
            finally
            {
                folder.Delete(recursive: true);
            }
        });
        return command;
    }

    private static Command Make()
    {
        var command = new Command("make", "Write the inputs of all runs into a folder; put each output beside its input as NAME.out.npz with an array 'out'.");
        var arguments = new CaseArguments(command, withFiles: false);
        var shape = new ShapeArguments(command);
        var folder = new Option<string>("--out") { Description = "the folder", Required = true };
        command.Options.Add(folder);
        command.SetAction(result =>
        {
            var semantics = arguments.Semantics(result);
            var problem = shape.Problem(result, semantics);
            var path = result.GetRequiredValue(folder);
            Directory.CreateDirectory(path);
            var extension = KernelCommand.Extension(problem.Type);
            var names = new JsonArray();
            foreach (var (name, q, k, v) in ProbeReport.Runs(problem))
            {
                KernelCommand.WriteInputs(Path.Combine(path, name + extension), problem, q, k, v);
                names.Add(name + extension);
            }

            var manifest = new JsonObject
            {
                ["schema"] = 1,
                ["tile"] = arguments.Tile(result).ToString(),
                ["problem"] = SemanticsJson.Print(AttentionSemantics.Of(problem) with { Mask = problem.Mask }),
                ["runs"] = names,
            };
            AtomicFile.WriteText(Path.Combine(path, Manifest), manifest.ToJsonString(Output.Indented) + "\n");
            Console.WriteLine($"{names.Count} runs in {path}; run the kernel on each NAME{extension} and write NAME.out{extension} with an array 'out'");
            return ExitCodes.Good;
        });
        return command;
    }

    private static Command Read()
    {
        var command = new Command("read", "Read the outputs that a kernel wrote beside the inputs of 'make'.");
        var folder = new Argument<string>("folder") { Description = "the folder of 'make'" };
        command.Arguments.Add(folder);
        var (png, json) = (Png(), Json());
        command.Options.Add(png);
        command.Options.Add(json);
        command.SetAction(result =>
        {
            var path = result.GetRequiredValue(folder);
            var file = Path.Combine(path, Manifest);
            var (problem, tile) = Parse(TextFile.Read(file), file);
            HostTensor Output(string name) => KernelCommand.ReadOutput(Path.Combine(path, name + ".out" + KernelCommand.Extension(problem.Type)), problem);
            return Report(result, ProbeReport.Read(problem, Output, tile), png, json);
        });
        return command;
    }

    private static Option<string?> Png() => new("--png") { Description = "write a picture of the effective mask and its differences to this file" };

    private static Option<bool> Json() => new("--json") { Description = "print JSON" };

    private static (AttentionProblem Problem, TileShape Tile) Parse(string text, string name)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            var root = document.RootElement;
            return (
                CaseArrays.Problem(name, SemanticsJson.Parse(root.GetProperty("problem"), name), new Dictionary<string, HostTensor>()),
                TileShape.Parse(root.GetProperty("tile").GetString() ?? ""));
        }
        catch (Exception exception) when (exception is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new InvalidInputException(name, "not a probe's description", "the probe.json of 'probe make'", exception);
        }
    }

    private static int Report(ParseResult result, ProbeReport report, Option<string?> png, Option<bool> json)
    {
        if (result.GetValue(png) is { } path)
        {
            PngWriter.Write(path, MaskDifferenceImage.Draw(report));
        }

        if (result.GetValue(json))
        {
            Output.WriteJson(ToJson(report, CommandLineText.Of(result)));
        }
        else
        {
            Write(Output.Tables(), report);
        }

        return report.IsGood ? ExitCodes.Good : ExitCodes.FoundWrong;
    }

    private static void Write(IAnsiConsole console, ProbeReport report)
    {
        var (p, difference) = (report.Problem, report.Difference);
        console.MarkupLineInterpolated(
            $"B {p.Batch}, heads {p.QueryHeads}/{p.KvHeads}, {p.QueryLength} x {p.KvLength}, {p.Type}; mask {MaskSource.Title(p.Mask)}: {MaskProbe.Runs(p)} runs");
        if (difference.IsNone)
        {
            console.MarkupLineInterpolated($"[green bold]the effective mask is the intended one[/], bit by bit");
        }
        else
        {
            console.MarkupLineInterpolated(
                $"[red bold]the effective mask is another one[/]: {difference.Extra} pairs seen though masked, {difference.Missing} not seen though allowed, in {difference.Slices.Count} of {p.Batch * p.QueryHeads} (batch, head)");
            foreach (var cause in difference.Causes)
            {
                console.MarkupLineInterpolated($"  exactly that of: {string.Join(" + ", cause)}");
            }

            foreach (var region in difference.Regions)
            {
                console.MarkupLineInterpolated($"  (batch {difference.Slices[0].Batch}, head {difference.Slices[0].Head}): {region}");
            }
        }

        if (report.Mask.UnequalRows > 0)
        {
            console.MarkupLineInterpolated($"in {report.Mask.UnequalRows} rows the visible keys do not count the same: some count twice, or are not divided by one sum");
        }

        if (report.Mask.NotANumberRows > 0)
        {
            console.MarkupLineInterpolated($"{report.Mask.NotANumberRows} rows hold NaN");
        }

        if (report.Addresses is { } addresses)
        {
            console.MarkupLineInterpolated($"addresses: {(addresses.Wrong.Count == 0 ? $"K and V are read where they should be ({addresses.Rows} rows)" : "")}");
            foreach (var line in addresses.Describe(p))
            {
                console.MarkupLineInterpolated($"  {line}");
            }
        }
        else
        {
            console.MarkupLineInterpolated($"addresses not asked: {report.AddressRefusal}");
        }
    }

    private static JsonObject ToJson(ProbeReport report, string line) => new()
    {
        ["schema"] = 1,
        ["good"] = report.IsGood,
        ["reproduce"] = line,
        ["extra"] = report.Difference.Extra,
        ["missing"] = report.Difference.Missing,
        ["slices"] = new JsonArray([.. report.Difference.Slices.Select(slice => (JsonNode?)new JsonArray(slice.Batch, slice.Head))]),
        ["causes"] = new JsonArray([.. report.Difference.Causes.Select(cause => (JsonNode?)string.Join(" + ", cause))]),
        ["regions"] = new JsonArray([.. report.Difference.Regions.Select(region => (JsonNode?)region)]),
        ["unequalRows"] = report.Mask.UnequalRows,
        ["notANumberRows"] = report.Mask.NotANumberRows,
        ["addressRows"] = report.Addresses?.Rows,
        ["wrongAddresses"] = report.Addresses?.Wrong.Count,
        ["addresses"] = new JsonArray([.. (report.Addresses?.Describe(report.Problem) ?? []).Select(text => (JsonNode?)text)]),
        ["addressRefusal"] = report.AddressRefusal,
    };
}
