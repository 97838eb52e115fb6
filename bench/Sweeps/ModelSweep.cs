using System.Globalization;
using Stof.Reference.Bench.Quick;
using Stof.Reference.Cpu.Execution;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Fusion;
using Stof.Reference.Graphs;
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
/// and dense and BigBird at (1, 512). ONNX Runtime gets BigBird as what is added to scores. Beside them stands what the
/// products alone would take at the peak of fused multiply-adds, measured in the same run.
/// </summary>
internal static class ModelSweep
{
    private const int SearchSamples = 150;
    private const int Rounds = 7;
    private const string BigBird = "bigbird(band=22,global=22,fill=0.1,seed=0)";

    /// <summary>Prints one line a setting, plan and thread count.</summary>
    public static void Run(TextWriter output, IReadOnlyList<int> threads)
    {
        if (!OnnxRuntime.IsAvailable)
        {
            output.WriteLine("ONNX Runtime is not there (STOF_ORT_LIB names its library): our times alone");
        }

        output.WriteLine("threads  batch x length  mask       plan      median ms   best ms  ONNX Runtime      best    ratio  of best  products at peak  of its best   largest difference");
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

        using var ruled = backend.Compile(model, workload, rules);
        using var found = backend.Compile(model, workload, searched);
        HostTensor? embedded = null;
        ruled.Run(input, (layer, state) => embedded = layer == 0 ? state : embedded);
        var theirs = HostTensor.Zeros(DType.F32, 1, length, model.Spec.Hidden);
        var actions = new List<Action> { () => ruled.Run(input), () => found.Run(input) };
        using var session = OnnxRuntime.IsAvailable ? OnnxBert.Layers(model, 1, length, threads, mask == "full" ? null : workload.Mask) : null;
        if (session is not null)
        {
            HostTensor[] fed = [HostTensor.From(embedded!.Span<float>().ToArray(), 1, length, model.Spec.Hidden)];
            HostTensor[] fetched = [theirs];
            actions.Add(() => session.Run(fed, fetched));
        }

        var times = Turns.Of(Rounds, actions);
        var peer = session is null ? new Timing(double.NaN, double.NaN) : times[2];
        using var pool = new WorkerPool(threads);
        var products = 2e-9 * length * model.Spec.Layers * graph.Operators.OfType<GemmOperator>().Sum(gemm => (double)gemm.Width * gemm.Depth)
            / Peak.FmaGflops(pool);
        foreach (var (name, executable, ours) in new[] { ("rules", ruled, times[0]), ("searched", found, times[1]) })
        {
            var difference = session is not null ? ErrorMetrics.Compare(theirs.ToDoubles(), executable.Run(input)).MaxAbsolute : double.NaN;
            output.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{threads,7}  {$"1 x {length}",14}  {(mask == "full" ? "dense" : "bigbird"),-9}  {name,-8} {1e3 * ours.MedianSeconds,10:F1} {1e3 * ours.BestSeconds,9:F1} {1e3 * peer.MedianSeconds,14:F1} {1e3 * peer.BestSeconds,9:F1} {ours.MedianSeconds / peer.MedianSeconds,8:F2} {ours.BestSeconds / peer.BestSeconds,8:F2} {1e3 * products,17:F1} {products / peer.BestSeconds,13:F2} {difference,20:E1}"));
        }
    }
}
