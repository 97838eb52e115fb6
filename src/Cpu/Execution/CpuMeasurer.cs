using System.Diagnostics;
using Stof.Reference.Backends;
using Stof.Reference.Cpu.Simd;
using Stof.Reference.Fusion;
using Stof.Reference.Models;
using Stof.Reference.Plans;
using Stof.Reference.Tensors;

namespace Stof.Reference.Cpu.Execution;

/// <summary>Times segments of the first layer on its real weights and on rows from N(0, 1)-like noise, never zeros.</summary>
internal sealed class CpuMeasurer : ISegmentMeasurer
{
    private const double TargetSeconds = 0.02; // of repetitions a sample: long enough for a median, short enough for a search
    private const int LeastRepetitions = 3;
    private const int MostRepetitions = 30;
    private const double LayerSeconds = 4.0; // of whole-layer rounds at the end of a search
    private const int LeastRounds = 5;
    private const int MostRounds = 31;

    private readonly CpuBackend _backend;
    private readonly TransformerModel _model;
    private readonly Workload _workload;
    private readonly SegmentCompiler _compiler;
    private readonly Frame _frame;

    public CpuMeasurer(CpuBackend backend, TransformerModel model, Workload workload, WeightStore store, KernelWorkspace workspace)
    {
        _backend = backend;
        _model = model;
        _workload = workload;
        _compiler = new SegmentCompiler(model.Spec, workload, store, workspace);
        _frame = new Frame(model.Graph.Layer, workload);
        Fill(_frame[0]);
    }

    public double? Measure(Segment segment, FusionTemplate template, ParameterSet parameters)
    {
        var graph = _model.Graph.Layer;
        if (_backend.Supports(template, new SegmentContext(graph, segment, _workload, _backend.Device), parameters) is not null)
        {
            return null;
        }

        var inside = new HashSet<int>();
        for (var i = segment.Start; i < segment.End; i++)
        {
            foreach (var input in graph.Operators[i].Inputs.Where(value => !inside.Contains(value)))
            {
                FillIfZero(_frame[input]);
            }

            inside.Add(graph.Operators[i].Output);
        }

        var step = _compiler.Compile(graph, new SegmentPlan(segment, template.Name, parameters), _model.Layers[0]);
        step(_frame);
        var first = Time(step);
        var repetitions = Math.Clamp((int)(TargetSeconds / Math.Max(first, 1e-9)), LeastRepetitions, MostRepetitions);
        return Timing.Median([first, .. Enumerable.Range(0, repetitions).Select(_ => Time(step))]);
    }

    public IReadOnlyList<double> MeasureLayers(IReadOnlyList<ExecutionPlan> plans)
    {
        ArgumentNullException.ThrowIfNull(plans);
        var graph = _model.Graph.Layer;
        var layers = plans.Select(plan => _backend.FirstRefusal(graph, _workload, plan) is null
            ? plan.Segments.Select(segment => _compiler.Compile(graph, segment, _model.Layers[0])).ToArray()
            : null).ToArray();
        Fill(_frame[0]);
        var times = plans.Select(_ => new List<double>()).ToArray();
        var clock = Stopwatch.StartNew();
        for (var round = 0; round <= LeastRounds || (round <= MostRounds && clock.Elapsed.TotalSeconds < LayerSeconds); round++)
        {
            for (var i = 0; i < layers.Length; i++)
            {
                if (layers[i] is not { } steps)
                {
                    continue;
                }

                var seconds = steps.Sum(Time);
                if (round > 0)
                {
                    times[i].Add(seconds); // round 0 warms up
                }
            }
        }

        return [.. times.Select(list => list.Count > 0 ? Timing.Median(list) : double.PositiveInfinity)];
    }

    public void Dispose()
    {
    }

    private double Time(Action<Frame> step) => Timing.Seconds(() => step(_frame));

    private static void FillIfZero(HostTensor tensor)
    {
        if (!tensor.Bytes[..Math.Min(tensor.Bytes.Length, 4096)].ContainsAnyExcept((byte)0))
        {
            Fill(tensor);
        }
    }

    /// <summary>Uniform noise of unit variance: cheap, and neither zero nor denormal.</summary>
    private static void Fill(HostTensor tensor)
    {
        var random = new Random(1);
        var values = new double[Math.Min(tensor.Count, 8192)];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = (random.NextDouble() - 0.5) * Math.Sqrt(12.0);
        }

        var pattern = HostTensor.From(values, values.Length).To(tensor.Type);
        for (var start = 0; start < tensor.Bytes.Length; start += pattern.Bytes.Length)
        {
            var length = Math.Min(pattern.Bytes.Length, tensor.Bytes.Length - start);
            pattern.Bytes[..length].CopyTo(tensor.Bytes[start..]);
        }
    }
}
