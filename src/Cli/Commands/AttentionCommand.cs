using System.CommandLine;
using System.Text.Json.Nodes;
using Spectre.Console;
using Stof.Reference.Backends;
using Stof.Reference.Cli.Running;
using Stof.Reference.Cpu.Oracle;
using Stof.Reference.Cpu.Simd.Attention;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Cuda.Execution;
using Stof.Reference.Formats;
using Stof.Reference.Interchange;
using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.OpenCL.Execution;
using Stof.Reference.OpenCL.Execution.Attention;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;

namespace Stof.Reference.Cli.Commands;

/// <summary><c>attention</c>: one attention on tensors from a file, compared with the oracle.</summary>
internal static class AttentionCommand
{
    /// <summary>Creates the verb.</summary>
    public static Command Create()
    {
        var input = new Option<string>("--in") { Description = ".npz with q [B, Hq, Sq, D], k [B, Hkv, Skv, D], v [B, Hkv, Skv, Dv]; optional bias, sinks", Required = true };
        var mask = new Option<string>("--mask") { Description = MaskSource.Help, DefaultValueFactory = _ => "full" };
        var layout = new Option<string>("--layout") { Description = "bhsd or bshd: the order of the axes", DefaultValueFactory = _ => "bhsd" };
        var alignment = new Option<string>("--alignment") { Description = "bottom-right or top-left, where Sq and Skv differ", DefaultValueFactory = _ => "bottom-right" };
        var type = new Option<string?>("--dtype") { Description = "f32, f16 or bf16; that of q by default (f32 for f64)" };
        var scale = new Option<double?>("--scale") { Description = "factor on q·k; 1/sqrt(D) by default" };
        var softcap = new Option<double?>("--softcap") { Description = "c of c·tanh(score/c)" };
        var alibi = new Option<bool>("--alibi") { Description = "add ALiBi's standard slopes" };
        var splits = new Option<int>("--kv-splits") { Description = "compute this many key ranges apart and merge them", DefaultValueFactory = _ => 1 };
        var backend = new Option<string>("--backend") { Description = BackendArgument.Help, DefaultValueFactory = _ => "cpu" };
        var algorithm = new Option<string>("--algorithm") { Description = "auto, blockwise or rowwise", DefaultValueFactory = _ => "auto" };
        var tile = new Option<string?>("--tile") { Description = "tile such as 64x64; chosen by default" };
        var threads = new Option<int?>("--threads") { Description = "threads; all processors by default" };
        var output = new Option<string?>("--out") { Description = "write out and lse to this .npz file" };
        var verify = new Option<bool>("--verify") { Description = "compare with the double-precision oracle" };
        var json = new Option<bool>("--json") { Description = "print JSON" };
        var command = new Command(
            "attention",
            """
            Compute one attention from a .npz file.

            Examples:
              stof attention --in qkv.npz --mask "causal & sliding(64)" --verify
              stof attention --in qkv.npz --mask qkv.npz:mask --dtype f16 --out result.npz --json
              stof attention --in qkv.npz --mask "bigbird(band=8,global=8)" --backend cuda --verify
            """)
        {
            input, mask, layout, alignment, type, scale, softcap, alibi, splits, backend, algorithm, tile, threads, output, verify, json,
        };
        command.SetAction(result =>
        {
            var path = result.GetRequiredValue(input);
            var arrays = NpzArchive.Read(path);
            var (q, k, v) = (Rows(path, arrays, "q"), Rows(path, arrays, "k"), Rows(path, arrays, "v"));
            var dtype = result.GetValue(type) is { } name ? DTypes.Parse(name) : q.Type == DType.F64 ? DType.F32 : q.Type;
            var order = Choice("--layout", result.GetRequiredValue(layout), ("bhsd", AttentionLayout.BatchHeadsLength), ("bshd", AttentionLayout.BatchLengthHeads));
            var (lengthAxis, headAxis) = order == AttentionLayout.BatchHeadsLength ? (2, 1) : (1, 2);
            var problem = new AttentionProblem
            {
                Batch = q.Shape[0],
                QueryHeads = q.Shape[headAxis],
                KvHeads = k.Shape[headAxis],
                QueryLength = q.Shape[lengthAxis],
                KvLength = k.Shape[lengthAxis],
                HeadSize = q.Shape[3],
                ValueHeadSize = v.Shape[3],
                Type = dtype,
                Layout = order,
                Mask = MaskSource.Load(result.GetRequiredValue(mask)),
                Alignment = Choice(
                    "--alignment", result.GetRequiredValue(alignment), ("bottom-right", PositionAlignment.BottomRight), ("top-left", PositionAlignment.TopLeft)),
                Scale = result.GetValue(scale),
                Softcap = result.GetValue(softcap),
                Bias = Bias(arrays, result.GetValue(alibi), q.Shape[headAxis]),
                Sinks = arrays.TryGetValue("sinks", out var sinks) ? sinks.ToDoubles() : null,
                KvSplits = result.GetValue(splits),
                LogSumExp = LogSumExpOutput.Natural,
            }.Validated();
            (q, k, v) = (q.To(dtype), k.To(dtype), v.To(dtype));
            var place = result.GetRequiredValue(backend);
            var (kernel, (attended, lse)) = BackendArgument.IsCpu(place)
                ? OnCpu(problem, q, k, v, result.GetRequiredValue(algorithm), result.GetValue(tile), result.GetValue(threads))
                : OnDevice(problem, q, k, v, place, result.GetRequiredValue(algorithm), result.GetValue(tile), result.GetValue(threads));
            var verdict = result.GetValue(verify)
                ? new AttentionTolerance { LimitFrobenius = false }.Judge(problem, NaiveAttention.Run(problem, q, k, v), attended, lse)
                : null;
            if (result.GetValue(output) is { } file)
            {
                var stored = attended.Type == DType.BF16 ? attended.To(DType.F32) : attended; // npy has no bfloat16; widening is exact
                NpzArchive.Write(file, [KeyValuePair.Create("out", stored), KeyValuePair.Create("lse", lse!)]);
            }

            Report(problem, kernel, verdict, result.GetValue(json));
            return verdict is { State: Verdict.Fail } ? ExitCodes.FoundWrong : ExitCodes.Good;
        });
        return command;
    }

    private static (string Kernel, AttentionResult Result) OnCpu(
        AttentionProblem problem, HostTensor q, HostTensor k, HostTensor v, string algorithm, string? tile, int? threads)
    {
        using var pool = new WorkerPool(threads ?? System.Environment.ProcessorCount);
        var choice = Choose(problem, algorithm, tile);
        var (output, lse) = CpuAttention.Run(problem, q, k, v, choice, pool);
        return (choice.ToString(), new AttentionResult(output, lse));
    }

    private static (string Kernel, AttentionResult Result) OnDevice(
        AttentionProblem problem, HostTensor q, HostTensor k, HostTensor v, string place, string algorithm, string? tile, int? threads)
    {
        if (tile is not null || threads is not null)
        {
            throw new InvalidInputException(tile is null ? "--threads" : "--tile", "given", $"only with --backend cpu, not {place}");
        }

        if (BackendArgument.IsOpenCl(place))
        {
            var kernel = Choice(
                "--algorithm", algorithm, ("auto", AttentionKernelChoice.Automatic), ("blockwise", AttentionKernelChoice.Blockwise), ("rowwise", AttentionKernelChoice.Rowwise));
            using var opencl = BackendArgument.OpenOpenCl(place, new OpenClOptions { Attention = kernel });
            return ($"{opencl.Device.Name}, {algorithm}", opencl.Attend(problem, q, k, v));
        }

        var isRowwiseOnly = Choice("--algorithm", algorithm, ("auto", false), ("rowwise", true));
        using var backend = new CudaBackend(BackendArgument.Open(place), isRowwiseOnly);
        return ($"{backend.Device.Name}, {algorithm}", backend.Attend(problem, q, k, v));
    }

    private static HostTensor Rows(string path, IReadOnlyDictionary<string, HostTensor> arrays, string name)
    {
        if (!arrays.TryGetValue(name, out var tensor))
        {
            throw new InvalidInputException(path, $"no array '{name}'", "arrays q, k and v");
        }

        return tensor.Rank == 4 && tensor.Type.IsFloat()
            ? tensor
            : throw new InvalidInputException($"{path}, {name}", tensor.ToString(), "four axes of a floating-point dtype");
    }

    private static ScoreBias? Bias(IReadOnlyDictionary<string, HostTensor> arrays, bool alibi, int heads)
    {
        if (!arrays.TryGetValue("bias", out var bias))
        {
            return alibi ? AlibiBias.Standard(heads) : null;
        }

        return alibi ? throw new InvalidInputException("--alibi", "given beside an array 'bias'", "one or the other") : new DenseBias(bias);
    }

    private static AttentionChoice Choose(AttentionProblem problem, string algorithm, string? tile)
    {
        var automatic = AttentionSelector.Measured(problem, threads: 1); // the same bits on every machine
        return new AttentionChoice(
            Choice("--algorithm", algorithm, ("auto", automatic.Algorithm), ("blockwise", AttentionAlgorithm.Blockwise), ("rowwise", AttentionAlgorithm.Rowwise)),
            tile is null ? automatic.Tile : TileShape.Parse(tile));
    }

    private static T Choice<T>(string option, string value, params ReadOnlySpan<(string Name, T Value)> choices)
    {
        var names = new List<string>();
        foreach (var (name, choice) in choices)
        {
            if (name == value)
            {
                return choice;
            }

            names.Add(name);
        }

        throw new InvalidInputException(option, $"'{value}'", string.Join(" or ", names));
    }

    private static void Report(AttentionProblem problem, string kernel, AttentionVerdict? verdict, bool json)
    {
        if (json)
        {
            Output.WriteJson(new JsonObject
            {
                ["batch"] = problem.Batch,
                ["queryHeads"] = problem.QueryHeads,
                ["kvHeads"] = problem.KvHeads,
                ["queryLength"] = problem.QueryLength,
                ["kvLength"] = problem.KvLength,
                ["headSize"] = problem.HeadSize,
                ["valueSize"] = problem.ValueSize,
                ["dtype"] = problem.Type.ToString(),
                ["kernel"] = kernel,
                ["verdict"] = verdict?.State.ToString(),
                ["budgetUsed"] = verdict is null ? null : Output.Number(verdict.BudgetUsed),
                ["lseUsed"] = verdict is null ? null : Output.Number(verdict.LogSumExpUsed),
                ["relativeFrobenius"] = verdict?.Metrics is { } metrics ? Output.Number(metrics.RelativeFrobenius) : null,
                ["reasons"] = new JsonArray([.. (verdict?.Reasons ?? []).Select(reason => (JsonNode?)JsonValue.Create(reason))]),
            });
            return;
        }

        var console = Output.Tables();
        console.MarkupLineInterpolated(
            $"attention B {problem.Batch}, heads {problem.QueryHeads}/{problem.KvHeads}, {problem.QueryLength} x {problem.KvLength}, D {problem.HeadSize}/{problem.ValueSize}, {problem.Type}, {kernel}");
        if (verdict is null)
        {
            return;
        }

        console.MarkupLineInterpolated(
            $"[bold]{verdict.State}[/]: {verdict.BudgetUsed:p0} of the element budget used, LSE {verdict.LogSumExpUsed:p0}, relative error {verdict.Metrics?.RelativeFrobenius:e2}");
        foreach (var reason in verdict.Reasons)
        {
            console.MarkupLineInterpolated($"  {reason}");
        }
    }
}
