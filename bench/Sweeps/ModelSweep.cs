using System.Globalization;
using Stof.Reference.Bench.Quick;
using Stof.Reference.Cpu.Execution;
using Stof.Reference.Fusion;
using Stof.Reference.Masks;
using Stof.Reference.Models;
using Stof.Reference.Numerics;
using Stof.Reference.Plans;
using Stof.Reference.Search;
using Stof.Reference.Tensors;
using Stof.Reference.Tests;

namespace Stof.Reference.Bench.Sweeps;

/// <summary>
/// BERT-base forward, F32: our rule-based and our searched plan beside ONNX Runtime's fused operators on the same weights, dense at (1, 128)
/// and dense and BigBird at (1, 512). ONNX Runtime runs the dense model in both (it has no such mask).
/// </summary>
internal static class ModelSweep
{
    private const int SearchSamples = 150;
    private const string BigBird = "bigbird(band=22,global=22,fill=0.1,seed=0)";

    /// <summary>Prints one line a setting, plan and thread count.</summary>
    public static void Run(TextWriter output, IReadOnlyList<int> threads)
    {
        if (!OnnxRuntime.IsAvailable)
        {
            output.WriteLine("ONNX Runtime is not there (STOF_ORT_LIB names its library): our times alone");
        }

        output.WriteLine("threads  batch x length  mask       plan      median ms   best ms  ONNX Runtime ms  its time / ours   largest difference");
        var model = ModelPresets.Create("bert-base", 0);
        foreach (var count in threads)
        {
            foreach (var (length, mask) in new[] { (128, "full"), (512, "full"), (512, BigBird) })
            {
                Setting(output, model, count, length, mask);
            }
        }
    }

    private static void Setting(TextWriter output, TransformerModel model, int threads, int length, string mask)
    {
        using var backend = new CpuBackend(threads);
        var workload = new Workload(1, length, DType.F32, MaskText.Parse(mask), model.Spec.QueryHeads);
        var graph = model.Graph.Layer;
        var input = ModelInput.Random(model.Spec, 1, length, 0);
        var rules = ExecutionPlan.FromScheme(graph, workload, backend.Device, RuleBasedSchemes.Initial(graph, workload, backend.Device));
        ExecutionPlan searched;
        using (var measurer = backend.CreateMeasurer(model, workload))
        {
            searched = new Tuner(graph, workload, backend.Device, measurer, new TuningOptions { Budget = new(SearchSamples, null) }).Run().Plan;
        }

        var peer = new Timing(double.NaN, double.NaN);
        var theirs = HostTensor.Zeros(DType.F32, 1, length, model.Spec.Hidden);
        if (OnnxRuntime.IsAvailable)
        {
            HostTensor? embedded = null;
            using var first = backend.Compile(model, workload, rules);
            first.Run(input, (layer, state) => embedded = layer == 0 ? state : embedded);
            using var session = OnnxBert.Layers(model, 1, length, threads);
            HostTensor[] fed = [HostTensor.From(embedded!.Span<float>().ToArray(), 1, length, model.Spec.Hidden)];
            HostTensor[] fetched = [theirs];
            peer = Timing.Of(() => session.Run(fed, fetched));
        }

        foreach (var (name, plan) in new[] { ("rules", rules), ("searched", searched) })
        {
            using var executable = backend.Compile(model, workload, plan);
            var ours = Timing.Of(() => executable.Run(input));
            var difference = mask == "full" && OnnxRuntime.IsAvailable ? Difference(executable.Run(input), theirs) : double.NaN;
            output.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{threads,7}  {$"1 x {length}",14}  {(mask == "full" ? "dense" : "bigbird"),-9}  {name,-8} {1e3 * ours.MedianSeconds,10:F1} {1e3 * ours.BestSeconds,9:F1} {1e3 * peer.MedianSeconds,16:F1} {peer.MedianSeconds / ours.MedianSeconds,16:F2} {difference,20:E1}"));
        }
    }

    private static double Difference(HostTensor ours, HostTensor theirs)
    {
        var (a, b) = (ours.ToDoubles(), theirs.ToDoubles());
        return Enumerable.Range(0, a.Length).Max(i => Math.Abs(a[i] - b[i]));
    }
}
