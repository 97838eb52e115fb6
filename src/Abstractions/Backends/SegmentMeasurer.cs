using System.Diagnostics;
using Stof.Reference.Fusion;
using Stof.Reference.Models;
using Stof.Reference.Numerics;
using Stof.Reference.Plans;
using Stof.Reference.Tensors;

namespace Stof.Reference.Backends;

/// <summary>Times segments of the first layer on its real weights and on rows from N(0, 1)-like noise, never zeros.</summary>
/// <typeparam name="T">What holds a value.</typeparam>
public sealed class SegmentMeasurer<T> : ISegmentMeasurer
    where T : class
{
    private const double TargetSeconds = 0.02; // of repetitions a sample: long enough for a median, short enough for a search
    private const int LeastRepetitions = 3;
    private const int MostRepetitions = 30;
    private const double LayerSeconds = 4.0; // of whole-layer rounds at the end of a search
    private const int LeastRounds = 5;
    private const int MostRounds = 31;

    private readonly IBackend _backend;
    private readonly TransformerModel _model;
    private readonly Workload _workload;
    private readonly ISegmentCompiler<T> _compiler;
    private readonly Frame<T> _frame;

    /// <summary>Prepares measuring.</summary>
    /// <param name="backend">Says what it refuses.</param>
    /// <param name="model">Its first layer is measured.</param>
    /// <param name="workload">What it is run on.</param>
    /// <param name="compiler">Makes the steps; disposed with this object.</param>
    public SegmentMeasurer(IBackend backend, TransformerModel model, Workload workload, ISegmentCompiler<T> compiler)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(compiler);
        _backend = backend;
        _model = model;
        _workload = workload;
        _compiler = compiler;
        _frame = new Frame<T>(model.Graph.Layer.Values.Length, value => compiler.Allocate(model.Graph.Layer, value));
        Fill(_frame[0]);
    }

    /// <inheritdoc/>
    public double? Measure(Segment segment, FusionTemplate template, ParameterSet parameters)
    {
        ArgumentNullException.ThrowIfNull(template);
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
        Time(step);
        var first = Time(step);
        var repetitions = Math.Clamp((int)(TargetSeconds / Math.Max(first, 1e-9)), LeastRepetitions, MostRepetitions);
        return Timing.Median([first, .. Enumerable.Range(0, repetitions).Select(_ => Time(step))]);
    }

    /// <inheritdoc/>
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

    /// <inheritdoc/>
    public void Dispose() => _compiler.Dispose();

    private double Time(Action<Frame<T>> step) => Timing.Seconds(() =>
    {
        step(_frame);
        _compiler.Synchronize();
    });

    private void FillIfZero(T buffer)
    {
        var start = new byte[(int)Math.Min(_compiler.SizeOf(buffer), 4096)];
        _compiler.Read(buffer, start);
        if (!start.AsSpan().ContainsAnyExcept((byte)0))
        {
            Fill(buffer);
        }
    }

    /// <summary>Uniform noise of unit variance: cheap, and neither zero nor denormal.</summary>
    private void Fill(T buffer)
    {
        var bytes = _compiler.SizeOf(buffer);
        var random = new Random(1);
        var values = new double[(int)Math.Min(bytes / _workload.Type.Size(), 8192)];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = (random.NextDouble() - 0.5) * Math.Sqrt(12.0);
        }

        var pattern = HostTensor.From(values, values.Length).To(_workload.Type);
        for (long start = 0; start < bytes; start += pattern.Bytes.Length)
        {
            _compiler.Write(buffer, pattern.Bytes[..(int)Math.Min(pattern.Bytes.Length, bytes - start)], start);
        }
    }
}
