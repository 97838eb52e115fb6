using System.Diagnostics;
using System.Text.Json.Nodes;
using Stof.Reference.Backends;
using Stof.Reference.Cuda.Execution;
using Stof.Reference.Fusion;
using Stof.Reference.Graphs;
using Stof.Reference.Masks;
using Stof.Reference.Models;
using Stof.Reference.Numerics;
using Stof.Reference.Plans;
using Stof.Reference.Search;
using Stof.Reference.Tensors;

namespace Stof.Reference.DeviceChecks.Checks;

/// <summary>
/// Whole models in F16 under BigBird with their true shapes: device time of a forward pass as one graph, under the plan that rules give, and with
/// attention alone fused. The last hidden states of both must be close. Small models are compared with the oracle by <see cref="ModelConformanceCheck"/>.
/// </summary>
internal static class ModelSpeed
{
    private const int Samples = 15;
    private const double MostSeconds = 90; // no setting begins later
    private const double Tolerance = 0.02; // of the norm: two plans round at other places

    private static readonly (string Preset, int Batch, int Length)[] Settings =
    [
        ("bert-base", 1, 128), ("bert-base", 8, 512), ("bert-base", 16, 2048), ("gpt2", 1, 128), ("gpt2", 8, 512), ("vit-base", 8, 197), ("llama", 1, 128),
        ("llama", 8, 512), ("t5-encoder", 8, 512),
    ];

    public static DeviceCheck Check { get; } = new("model-speed", Run) { RunsSmall = false };

    private static CheckOutcome Run(CheckSession session)
    {
        var replaced = new List<string>();
        using var backend = new CudaBackend(new DriverKernelDevice(session.Device, warn: replaced.Add));
        var table = new List<JsonObject>();
        var clock = Stopwatch.StartNew();
        var leftOut = 0;
        foreach (var group in Settings.Where(setting => session.Wants($"{setting.Preset} {setting.Batch}x{setting.Length}")).GroupBy(setting => setting.Preset))
        {
            TransformerModel? model = null;
            foreach (var (_, batch, length) in group)
            {
                if (clock.Elapsed.TotalSeconds > MostSeconds)
                {
                    leftOut++;
                    continue;
                }

                Console.Error.WriteLine($"  {clock.Elapsed.TotalSeconds:f0} s: {group.Key} {batch}x{length}");
                model ??= ModelPresets.Create(group.Key, 0).To(DType.F16);
                try
                {
                    Measure(backend, model, group.Key, batch, length, table);
                }
                catch (Exception exception) when (exception is InvalidInputException or InvalidOperationException)
                {
                    table.Add(Row(group.Key, batch, length, exception.Message, 0, ""));
                }
            }
        }

        var note = "ms of a graph replay, medians; segments apart, a layer" + (leftOut == 0 ? "" : $"; {leftOut} settings left out for the time");
        return new CheckOutcome(Settings.Length - leftOut, string.Join('\n', replaced.Distinct().Prepend(note))) { Measurements = table };
    }

    private static void Measure(CudaBackend backend, TransformerModel model, string preset, int batch, int length, List<JsonObject> table)
    {
        var side = (int)Math.Sqrt(length);
        var mask = MaskText.Parse($"bigbird(band={side},global={side},fill=0.1,seed=0)");
        var workload = new Workload(batch, length, DType.F16, model.Spec.IsCausal ? mask & new CausalMask() : mask, model.Spec.QueryHeads);
        var graph = model.Graph.Layer;
        var input = ModelInput.Random(model.Spec, batch, length, 0);
        double[]? first = null;
        foreach (var (name, scheme) in new[] { ("rules", RuleBasedSchemes.Initial(graph, workload, backend.Device)), ("attention only", RuleBasedSchemes.AttentionOnly(graph)) })
        {
            var plan = PlanFallback.For(backend, graph, workload, ExecutionPlan.FromScheme(graph, workload, backend.Device, scheme)).Plan;
            using var executable = (CudaExecutable)backend.Compile(model, workload, plan);
            var state = executable.Run(input).ToDoubles();
            CheckSession.Require(Array.TrueForAll(state, double.IsFinite), $"{preset} {batch}x{length}, {name}: not all numbers are finite");
            first ??= state;
            var (difference, norm) = (0.0, 0.0);
            for (var i = 0; i < state.Length; i++)
            {
                difference += (state[i] - first[i]) * (state[i] - first[i]);
                norm += first[i] * first[i];
            }

            CheckSession.Require(Math.Sqrt(difference / norm) <= Tolerance, $"{preset} {batch}x{length}: plans differ by {Math.Sqrt(difference / norm):e2}");
            var seconds = Timing.Median(executable.Time(Samples));
            var segments = plan.Segments.Select((segment, i) =>
                $"{Names(graph, segment)} {executable.SegmentSeconds[i] * 1e6 / model.Spec.Layers:f1}");
            table.Add(Row(preset, batch, length, name, seconds, string.Join(", ", segments)));
            foreach (var line in table[^1])
            {
                Console.Error.Write($"  {line.Value}");
            }

            Console.Error.WriteLine();
        }
    }

    private static JsonObject Row(string preset, int batch, int length, string plan, double seconds, string segments) => new()
    {
        ["model"] = preset,
        ["batch x length"] = $"{batch}x{length}",
        ["plan"] = plan,
        ["ms"] = Math.Round(seconds * 1e3, 4),
        ["µs a layer, segment by segment"] = segments,
    };

    private static string Names(OperatorGraph graph, SegmentPlan segment) =>
        segment.Segment.Length == 1 ? graph.Operators[segment.Segment.Start].Name : segment.Template;
}
