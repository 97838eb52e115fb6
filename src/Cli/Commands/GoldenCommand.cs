using System.CommandLine;
using Stof.Reference.Cli.Running;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Verification.Golden;

namespace Stof.Reference.Cli.Commands;

/// <summary><c>golden</c>: cases with right answers for other people's tests.</summary>
internal static class GoldenCommand
{
    /// <summary>Creates the verb with its sub-commands.</summary>
    public static Command Create() => new(
        "golden",
        """
        Make cases with their right answers, and check a folder of outputs against them.

        Examples:
          stof golden make --out cases
          stof golden make --out sweep --mask "causal & sliding(64)" --seq 128,257,512 --dtype f16,bf16 --family normal,wide
          stof golden check cases outputs --junit results.xml
        """)
    {
        Make(),
        Check(),
    };

    private static Command Make()
    {
        var command = new Command("make", "Write cases: NAME.npz each, and cases.json with every semantic field.");
        var folder = new Option<string>("--out") { Description = "the folder", Required = true };
        var seed = new Option<ulong>("--seed") { Description = "seed; equal seeds give equal cases", DefaultValueFactory = _ => 20261128 };
        var masks = new Option<string[]>("--mask") { Description = "sweep over these masks instead of the core suite", DefaultValueFactory = _ => [] };
        var lengths = new Option<string>("--seq") { Description = "lengths of a sweep", DefaultValueFactory = _ => "128" };
        var heads = new Option<int>("--heads") { Description = "heads of a sweep", DefaultValueFactory = _ => 2 };
        var size = new Option<int>("--head-size") { Description = "head size of a sweep", DefaultValueFactory = _ => 64 };
        var types = new Option<string>("--dtype") { Description = "dtypes of a sweep", DefaultValueFactory = _ => "f16" };
        var families = new Option<string>("--family") { Description = "input families of a sweep: normal, outliers, wide, exact", DefaultValueFactory = _ => "normal,outliers,wide" };
        foreach (var option in new Option[] { folder, seed, masks, lengths, heads, size, types, families })
        {
            command.Options.Add(option);
        }

        command.SetAction(result =>
        {
            var start = result.GetValue(seed);
            var cases = result.GetValue(masks) is { Length: > 0 } texts
                ? Sweep(
                    texts,
                    [.. List(result.GetRequiredValue(lengths)).Select(text => Whole("--seq", text))],
                    result.GetValue(heads),
                    result.GetValue(size),
                    [.. List(result.GetRequiredValue(types)).Select(DTypes.Parse)],
                    [.. List(result.GetRequiredValue(families)).Select(Family)],
                    start)
                : GoldenSuite.Core(start);
            var count = GoldenFolder.Write(result.GetRequiredValue(folder), cases, CommandLineText.Of(result));
            Console.WriteLine($"{count} cases in {result.GetRequiredValue(folder)}");
            return ExitCodes.Good;
        });
        return command;
    }

    private static Command Check()
    {
        var command = new Command("check", "Judge NAME.npz or NAME.safetensors with 'out' (and 'lse') for each case; a missing one fails.");
        var cases = new Argument<string>("cases") { Description = "the folder of 'make'" };
        var outputs = new Argument<string>("outputs") { Description = "the folder of outputs" };
        command.Arguments.Add(cases);
        command.Arguments.Add(outputs);
        var tile = new Option<string>("--tile") { Description = "the kernel's tile, for classes of rows", DefaultValueFactory = _ => "64x64" };
        command.Options.Add(tile);
        var rules = new VerificationArguments(command);
        var reports = new ReportArguments(command);
        command.SetAction(result =>
        {
            var options = rules.Read(result, Formats.TileShape.Parse(result.GetRequiredValue(tile)));
            var found = GoldenFolder.Check(result.GetRequiredValue(cases), result.GetRequiredValue(outputs), options).ToArray();
            reports.Write(result, found);
            return ReportArguments.Exit(found);
        });
        return command;
    }

    private static IEnumerable<GoldenCase> Sweep(
        string[] masks, int[] lengths, int heads, int size, DType[] types, InputFamily[] families, ulong seed)
    {
        var number = 0UL;
        foreach (var mask in masks)
        {
            foreach (var length in lengths)
            {
                foreach (var type in types)
                {
                    foreach (var family in families)
                    {
                        var problem = new AttentionProblem
                        {
                            Batch = 1,
                            QueryHeads = heads,
                            KvHeads = heads,
                            QueryLength = length,
                            KvLength = length,
                            HeadSize = size,
                            Type = type,
                            Mask = MaskSource.Load(mask),
                            LogSumExp = LogSumExpOutput.Natural,
                        };
                        var name = string.Concat(mask.Select(c => char.IsAsciiLetterOrDigit(c) ? c : '_')).Trim('_');
                        yield return GoldenCase.Draw($"{name}_{length}", problem, family, seed + (1000 * number++))
                            ?? throw new InvalidInputException("--family", "exact", "a head size of at least 16 and a value size of at least 5");
                    }
                }
            }
        }
    }

    private static string[] List(string text) => text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    private static int Whole(string option, string text) =>
        int.TryParse(text, out var value) && value >= 1 ? value : throw new InvalidInputException(option, $"'{text}'", "whole numbers from 1, with commas");

    private static InputFamily Family(string text) =>
        Enum.TryParse<InputFamily>(text, ignoreCase: true, out var family) && !char.IsDigit(text[0])
            ? family
            : throw new InvalidInputException("--family", $"'{text}'", "normal, outliers, wide or exact");
}
