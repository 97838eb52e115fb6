using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Spectre.Console;
using Stof.Reference.Backends;
using Stof.Reference.Cli.Benchmarks;
using Stof.Reference.Cli.Running;
using Stof.Reference.Formats;
using Stof.Reference.Masks;
using Stof.Reference.Numerics;

namespace Stof.Reference.Cli.Commands;

/// <summary><c>bench</c>: how fast attention is here, with its error.</summary>
internal static class BenchCommand
{
    /// <summary>Creates the verb.</summary>
    public static Command Create() => new("bench", "Time kernels on a device, with their error against the oracle.") { Attention() };

    private static Command Attention()
    {
        var backend = new Option<string>("--backend") { Description = BackendArgument.Help, DefaultValueFactory = _ => "cpu" };
        var sweep = new Option<string>("--sweep") { Description = "paper (batch 1, 8, 16 x 128...4096), long (8192...32768) or quick", DefaultValueFactory = _ => "quick" };
        var shapes = new Option<string?>("--shapes") { Description = "batch x length, instead of a sweep: 1x512,16x4096" };
        var masks = new Option<string?>("--masks") { Description = "of dense, causal, sliding, dilated, longformer, bigbird; all but dense by default" };
        var type = new Option<string>("--dtype") { Description = "f32, f16 or bf16", DefaultValueFactory = _ => "f16" };
        var heads = new Option<string>("--heads") { Description = "query heads, or query/KV heads: 12, 32/8", DefaultValueFactory = _ => "12" };
        var size = new Option<int>("--head-size") { Description = "D", DefaultValueFactory = _ => 64 };
        var tilings = new Option<string?>("--tilings") { Description = "CUDA: all, or QxKxSTAGES[xROWS[xGROUPS]],...: time each and keep the fastest" };
        var each = new Option<bool>("--each") { Description = "print every tiling, not the fastest only" };
        var json = new Option<bool>("--json") { Description = "print one JSON object a line" };
        var command = new Command(
            "attention",
            """
            Time attention under STOF's masks: median device time of a run, the host's time of a call, and the error of sampled rows.

            Examples:
              stof bench attention
              stof bench attention --backend cuda --sweep paper --json
              stof bench attention --backend cuda --shapes 16x4096 --masks sliding --tilings all --each
            """)
        {
            backend, sweep, shapes, masks, type, heads, size, tilings, each, json,
        };
        command.SetAction(result =>
        {
            var place = result.GetRequiredValue(backend);
            var request = new AttentionSweepRequest
            {
                Shapes = result.GetValue(shapes) is { } text ? Shapes(text) : AttentionSweepRequest.Named(result.GetRequiredValue(sweep)),
                Heads = Heads(result.GetRequiredValue(heads)).Query,
                KvHeads = Heads(result.GetRequiredValue(heads)).Kv,
                HeadSize = result.GetValue(size),
                Type = DTypes.Parse(result.GetRequiredValue(type)),
                Tilings = Tilings(result.GetValue(tilings)),
                PrintsEach = result.GetValue(each),
            };
            if (result.GetValue(masks) is { } names)
            {
                request = request with { Masks = Names(names) };
            }

            using var opened = BackendArgument.OpenBackend(place, threads: null);
            return Report(opened, request, result.GetValue(json));
        });
        return command;
    }

    private static int Report(IBackend backend, AttentionSweepRequest request, bool json)
    {
        var table = new Table().AddColumns("shape", "mask", "kernel", "time", "host", "TFLOP/s", "GB/s", "error", "budget", "verdict");
        var isWrong = false;
        foreach (var row in AttentionSweep.Run(backend, request))
        {
            isWrong |= row["verdict"]?.GetValue<string>() == nameof(Verdict.Fail);
            if (json)
            {
                Console.Out.WriteLine(row.ToJsonString());
                Console.Out.Flush();
                continue;
            }

            string Number(string name, string format) => row[name] is JsonValue value ? value.GetValue<double>().ToString(format, CultureInfo.InvariantCulture) : "-";
            table.AddRow(
                [.. ((string[])
                [
                    $"{row["batch"]}x{row["length"]}", $"{row["mask"]}", $"{row["kernel"]}", Number("us", "f1") + " µs", Number("host_us", "f1") + " µs",
                    Number("tflops", "f1"), Number("gbytes_per_s", "f0"), Number("relative_error", "e1"), Number("budget_used", "p0"), $"{row["verdict"] ?? row["refused"]}",
                ]).Select(Markup.Escape)]);
        }

        if (!json)
        {
            Output.Tables().Write(table);
        }

        return isWrong ? ExitCodes.FoundWrong : ExitCodes.Good;
    }

    private static string[] Names(string text)
    {
        string[] known = [.. PaperMasks.At(1).Select(mask => mask.Name)];
        var names = text.Split(',', StringSplitOptions.TrimEntries);
        return names.FirstOrDefault(name => !known.Contains(name)) is { } unknown
            ? throw new InvalidInputException("--masks", $"'{unknown}'", string.Join(", ", known))
            : names;
    }

    private static (int Query, int Kv) Heads(string text)
    {
        var numbers = Numbers("--heads", text, '/', 1, 2);
        return (numbers[0], numbers[^1]);
    }

    private static IReadOnlyList<(int Batch, int Length)> Shapes(string text) =>
        [.. text.Split(',').Select(part => Numbers("--shapes", part, 'x', 2, 2)).Select(numbers => (numbers[0], numbers[1]))];

    private static IReadOnlyList<BlockwiseTiling> Tilings(string? text) => text switch
    {
        null => [],
        "all" => BlockwiseTiling.Space,
        _ => [.. text.Split(',').Select(part => Tiling(Numbers("--tilings", part, 'x', 3, 5)))],
    };

    private static BlockwiseTiling Tiling(int[] numbers) =>
        new(numbers[0], numbers[1], numbers[2], numbers.Length > 3 ? numbers[3] : 16, numbers.Length > 4 ? numbers[4] : 1);

    private static int[] Numbers(string option, string text, char separator, int least, int most)
    {
        var numbers = new List<int>();
        foreach (var part in text.Split(separator))
        {
            if (!int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number == 0)
            {
                throw new InvalidInputException(option, $"'{text}'", $"whole numbers above 0, separated by '{separator}'");
            }

            numbers.Add(number);
        }

        return numbers.Count >= least && numbers.Count <= most
            ? [.. numbers]
            : throw new InvalidInputException(option, $"'{text}'", $"{least} to {most} numbers separated by '{separator}'");
    }
}
