using System.CommandLine;
using Stof.Reference.Cli.Running;
using Stof.Reference.Interchange;
using Stof.Reference.Models;
using Stof.Reference.Numerics;
using Stof.Reference.Plans;
using Stof.Reference.Search;
using Stof.Reference.Tensors;

namespace Stof.Reference.Cli.Commands;

/// <summary><c>run</c>: a model under a mask with a searched fusion plan, timed and verified.</summary>
internal static class RunCommand
{
    /// <summary>Creates the verb.</summary>
    public static Command Create()
    {
        var model = new Option<string>("--model")
        {
            Description = $"folder with config.json and model.safetensors, or a preset: {string.Join(", ", ModelPresets.Names)}",
            Required = true,
        };
        var mask = new Option<string>("--mask") { Description = MaskSource.Help, DefaultValueFactory = _ => "full" };
        var ids = new Option<string?>("--ids") { Description = "token ids [batch, length]: .npy, or .npz with key input_ids (.npz:key for another)" };
        var pixels = new Option<string?>("--pixels") { Description = "images [batch, channels, size, size]: .npy, or .npz with key pixel_values" };
        var batch = new Option<int?>("--batch") { Description = "batch size of a random input" };
        var length = new Option<int?>("--seq") { Description = "length of a random input" };
        var backend = new Option<string>("--backend") { Description = "cpu, or opencl, opencl:P, opencl:P:D (platform P, device D)", DefaultValueFactory = _ => "cpu" };
        var threads = new Option<int?>("--threads") { Description = "threads; all processors by default" };
        var type = new Option<string>("--dtype") { Description = "f32, f16 or bf16", DefaultValueFactory = _ => "f32" };
        var tune = new Option<string?>("--tune") { Description = "search a plan with this budget: 200 (samples), 10s, 2m" };
        var retune = new Option<bool>("--retune") { Description = "search even if the cache holds a plan" };
        var cache = new Option<string?>("--cache") { Description = $"folder of the search cache; {TuningCache.DefaultFolder} by default" };
        var plan = new Option<string?>("--plan") { Description = "run this saved plan" };
        var savePlan = new Option<string?>("--save-plan") { Description = "write the plan to this file" };
        var seed = new Option<int>("--seed") { Description = "seed of random inputs, preset weights and the search" };
        var verify = new Option<bool>("--verify") { Description = "compare every layer with the double-precision oracle" };
        var output = new Option<string?>("--out") { Description = "write last_hidden_state to this .npz file" };
        var json = new Option<bool>("--json") { Description = "print JSON" };
        var command = new Command(
            "run",
            """
            Run a transformer under a mask with a fusion plan, time it and compare it with the oracle.

            Examples:
              stof run --model tests/data/hf/bert-bigbird --mask "bigbird(band=8,global=8)" --tune 100 --verify
              stof run --model tests/data/hf/bert-bigbird --ids tests/data/hf/bert-bigbird/case.npz --mask tests/data/hf/bert-bigbird/case.npz --verify
              stof run --model bert-base --batch 1 --seq 512 --mask "sliding(64)" --tune 30s --save-plan plan.json
              stof run --model bert-base --batch 1 --seq 512 --mask "sliding(64)" --plan plan.json --out hidden.npz
            """)
        {
            model, mask, ids, pixels, batch, length, backend, threads, type, tune, retune, cache, plan, savePlan, seed, verify, output, json,
        };
        command.SetAction(result =>
        {
            var place = result.GetRequiredValue(backend);
            if (!BackendArgument.IsCpu(place) && !BackendArgument.IsOpenCl(place))
            {
                throw new InvalidInputException("--backend", $"'{place}'", "cpu or opencl");
            }

            if (!BackendArgument.IsCpu(place) && result.GetValue(threads) is not null)
            {
                throw new InvalidInputException("--threads", "given", $"only with --backend cpu, not {place}");
            }

            if (result.GetValue(plan) is not null && result.GetValue(tune) is not null)
            {
                throw new InvalidInputException("--plan and --tune", "both given", "one or the other");
            }

            var request = new RunRequest
            {
                Model = result.GetRequiredValue(model),
                Mask = result.GetRequiredValue(mask),
                Ids = result.GetValue(ids),
                Pixels = result.GetValue(pixels),
                Batch = result.GetValue(batch),
                Length = result.GetValue(length),
                Type = DTypes.Parse(result.GetRequiredValue(type)),
                Backend = place,
                Threads = result.GetValue(threads),
                Seed = result.GetValue(seed),
                Budget = result.GetValue(tune) is { } budget ? TuningBudget.Parse(budget) : null,
                Retune = result.GetValue(retune),
                CacheFolder = result.GetValue(cache) ?? TuningCache.DefaultFolder,
                PlanFile = result.GetValue(plan),
                Verify = result.GetValue(verify),
            };
            RunResult run;
            using (var progress = new ConsoleProgress())
            {
                run = new ModelRun(request, progress).Execute();
            }

            Save(run, result.GetValue(savePlan), result.GetValue(output));
            if (result.GetValue(json))
            {
                Output.WriteJson(RunReport.ToJson(run));
            }
            else
            {
                RunReport.Print(run, Output.Tables());
            }

            return run.IsRight ? ExitCodes.Good : ExitCodes.FoundWrong;
        });
        return command;
    }

    private static void Save(RunResult run, string? planFile, string? outputFile)
    {
        if (planFile is not null)
        {
            AtomicFile.WriteText(planFile, PlanJson.Print(run.Plan));
        }

        if (outputFile is not null)
        {
            // npy has no bfloat16: it is widened, which is exact.
            var state = run.LastHiddenState.Type == DType.BF16 ? run.LastHiddenState.To(DType.F32) : run.LastHiddenState;
            NpzArchive.Write(outputFile, [KeyValuePair.Create("last_hidden_state", state)]);
        }
    }
}
