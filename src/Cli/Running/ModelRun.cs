using System.Collections.Immutable;
using Stof.Reference.Backends;
using Stof.Reference.Cli.Commands;
using Stof.Reference.Cpu.Execution;
using Stof.Reference.Fusion;
using Stof.Reference.Masks;
using Stof.Reference.Models;
using Stof.Reference.Models.Checkpoints;
using Stof.Reference.OpenCL.Execution;
using Stof.Reference.Plans;
using Stof.Reference.Search;

namespace Stof.Reference.Cli.Running;

/// <summary>The main job from left to right: load, plan, compile, run, time, verify.</summary>
internal sealed class ModelRun(RunRequest request, IRunProgress progress)
{
    private const int TimedRuns = 5;

    /// <summary>Does it all.</summary>
    /// <exception cref="InvalidInputException">Something that was asked for does not fit.</exception>
    public RunResult Execute()
    {
        progress.Step("loading the model");
        var model = LoadModel().To(request.Type);
        var spec = model.Spec;
        var input = LoadInput(spec);
        var mask = MaskSource.Load(request.Mask);
        if (spec.IsCausal)
        {
            mask &= new CausalMask();
        }

        var workload = new Workload(input.Batch, input.Length, request.Type, mask, spec.QueryHeads);
        _ = workload.Tiles; // binds the mask now: a mask of another size is an error before anything is searched
        using IBackend backend = BackendArgument.IsOpenCl(request.Backend)
            ? BackendArgument.OpenOpenCl(request.Backend, new OpenClOptions())
            : new CpuBackend(request.Threads);
        var (plan, source, tuning) = ChoosePlan(model, workload, backend);
        var (baselineName, baselinePlan) = Baseline(model, workload, backend);

        progress.Step("packing weights");
        using var executable = backend.Compile(model, workload, plan);
        using var baseline = backend.Compile(model, workload, baselinePlan);
        var (seconds, segments) = TimeInTurn(executable, baseline, input);
        var last = executable.Run(input);
        ImmutableArray<LayerVerdict> verdicts = request.Verify
            ? ModelVerifier.Verify(model, mask, input, executable, baseline, request.Type, layer =>
                progress.Fraction("oracle in double precision", (double)layer / spec.Layers))
            : [];
        return new RunResult
        {
            Model = model,
            Workload = workload,
            Device = backend.Device,
            Plan = plan,
            PlanSource = source,
            Tuning = tuning,
            LastHiddenState = last,
            PlanSeconds = seconds.Plan,
            BaselineSeconds = seconds.Baseline,
            BaselineName = baselineName,
            SegmentSeconds = segments,
            Verdicts = verdicts,
        };
    }

    private TransformerModel LoadModel()
    {
        if (Directory.Exists(request.Model))
        {
            return ModelLoader.Load(request.Model);
        }

        return ModelPresets.Create(request.Model, request.Seed);
    }

    private ModelInput LoadInput(ModelSpec spec)
    {
        var isPixels = spec.Input == ModelInputKind.Pixels;
        var (wanted, other) = isPixels ? (request.Pixels, request.Ids) : (request.Ids, request.Pixels);
        if (other is not null)
        {
            throw new InvalidInputException(
                isPixels ? "--ids" : "--pixels", $"given for {spec.Family}", isPixels ? "--pixels for this model" : "--ids for this model");
        }

        if (wanted is null)
        {
            return ModelInput.Random(spec, request.Batch ?? 1, request.Length ?? spec.FixedLength ?? DefaultLength(spec), request.Seed);
        }

        if (request.Batch is not null || request.Length is not null)
        {
            throw new InvalidInputException("--batch and --seq", "given together with an input file", "one or the other");
        }

        return ModelInput.From(spec, TensorArgument.Read(wanted, isPixels ? "pixel_values" : "input_ids"));
    }

    private static int DefaultLength(ModelSpec spec) => spec.MaxPositions > 0 ? Math.Min(spec.MaxPositions, 128) : 128;

    private (ExecutionPlan Plan, string Source, TuningResult? Tuning) ChoosePlan(TransformerModel model, Workload workload, IBackend backend)
    {
        var graph = model.Graph.Layer;
        if (request.PlanFile is not null)
        {
            var plan = PlanJson.Parse(TextFile.Read(request.PlanFile), request.PlanFile).Validated(graph, workload, backend.Device);
            var foreign = plan.Device != backend.Device.Fingerprint || plan.Workload != ExecutionPlan.WorkloadKey(workload);
            return (plan, foreign ? $"{request.PlanFile}, made for {plan.Workload} on {plan.Device}" : request.PlanFile, null);
        }

        if (request.Budget is null)
        {
            var scheme = RuleBasedSchemes.Initial(graph, workload, backend.Device);
            return (ExecutionPlan.FromScheme(graph, workload, backend.Device, scheme), "rules (no search: give --tune)", null);
        }

        var cache = new TuningCache(request.CacheFolder, progress.Warn);
        var cached = cache.Load(graph, workload, backend.Device);
        if (cached is not null && !request.Retune)
        {
            return (cached.Plan, $"cache {cache.FileOf(graph, workload, backend.Device)} (search again with --retune)", null);
        }

        using var measurer = backend.CreateMeasurer(model, workload);
        var options = new TuningOptions { Budget = request.Budget, Seed = request.Seed };
        var tuner = new Tuner(graph, workload, backend.Device, measurer, options, progress: new SearchProgress(progress));
        var tuning = tuner.Run();
        cache.Store(graph, workload, backend.Device, tuning);
        return (tuning.Plan, $"two-stage search, {tuning.Samples} samples in {Output.Time(tuning.Overhead.Total)}", tuning);
    }

    private static (string Name, ExecutionPlan Plan) Baseline(TransformerModel model, Workload workload, IBackend backend)
    {
        var graph = model.Graph.Layer;
        var detached = ExecutionPlan.Detached(graph, workload, backend.Device);
        return backend.FirstRefusal(graph, workload, detached) is null
            ? ("all detached", detached)
            : ("all detached but attention", ExecutionPlan.FromScheme(graph, workload, backend.Device, RuleBasedSchemes.AttentionOnly(graph)));
    }

    private ((double Plan, double Baseline) Seconds, ImmutableArray<double> Segments) TimeInTurn(
        IModelExecutable plan, IModelExecutable baseline, ModelInput input)
    {
        var planTimes = new List<double>();
        var baselineTimes = new List<double>();
        var segments = new List<IReadOnlyList<double>>();
        for (var run = 0; run <= TimedRuns; run++)
        {
            progress.Fraction("timing", (double)run / TimedRuns);
            var (planSeconds, baselineSeconds) = (Timing.Seconds(() => plan.Run(input)), Timing.Seconds(() => baseline.Run(input)));
            if (run > 0)
            {
                planTimes.Add(planSeconds); // run 0 warms up
                baselineTimes.Add(baselineSeconds);
                segments.Add([.. plan.SegmentSeconds]);
            }
        }

        return (
            (Timing.Median(planTimes), Timing.Median(baselineTimes)),
            [.. Enumerable.Range(0, segments[0].Count).Select(i => Timing.Median(segments.Select(run => run[i])))]);
    }

    private sealed class SearchProgress(IRunProgress progress) : IProgress<TuningProgress>
    {
        public void Report(TuningProgress value) =>
            progress.Fraction($"searching, stage {value.Stage}, {value.Samples} samples", value.Fraction);
    }
}
