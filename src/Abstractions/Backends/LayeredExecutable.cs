using System.Diagnostics;
using Stof.Reference.Fusion;
using Stof.Reference.Graphs;
using Stof.Reference.Models;
using Stof.Reference.Plans;
using Stof.Reference.Tensors;

namespace Stof.Reference.Backends;

/// <summary>A model with its steps bound and its buffers allocated. All layers run in one frame; two streams take turns.</summary>
/// <typeparam name="T">What holds a value.</typeparam>
public sealed class LayeredExecutable<T> : IModelExecutable
    where T : class
{
    private readonly TransformerModel _model;
    private readonly Workload _workload;
    private readonly ISegmentCompiler<T> _compiler;
    private readonly Action<Frame<T>>[] _prologue;
    private readonly Action<Frame<T>>[][] _layers;
    private readonly Action<Frame<T>>[] _epilogue;
    private readonly Frame<T> _prologueFrame;
    private readonly Frame<T> _layerFrame;
    private readonly Frame<T> _epilogueFrame;
    private readonly double[] _seconds;

    /// <summary>Binds every step.</summary>
    /// <param name="model">The model.</param>
    /// <param name="workload">What it is run on.</param>
    /// <param name="plan">A plan that the backend accepted.</param>
    /// <param name="compiler">Makes the steps; disposed with this object.</param>
    /// <param name="device">The device.</param>
    public LayeredExecutable(TransformerModel model, Workload workload, ExecutionPlan plan, ISegmentCompiler<T> compiler, DeviceDescription device)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(plan);
        _model = model;
        _workload = workload;
        _compiler = compiler;
        var graph = model.Graph;
        _prologue = Around(graph.Prologue, model.Embedding, device);
        _layers = [.. model.Layers.Select(weights => Bind(graph.Layer, plan, weights))];
        _epilogue = Around(graph.Epilogue, model.Final, device);
        _prologueFrame = FrameOf(graph.Prologue);
        _layerFrame = FrameOf(graph.Layer);
        _epilogueFrame = FrameOf(graph.Epilogue);
        _seconds = new double[plan.Segments.Length];
    }

    /// <inheritdoc/>
    public IReadOnlyList<double> SegmentSeconds => _seconds;

    /// <inheritdoc/>
    public HostTensor Run(ModelInput input, Action<int, HostTensor>? onState = null)
    {
        ArgumentNullException.ThrowIfNull(input);
        if (input.Batch != _workload.Batch || input.Length != _workload.Length)
        {
            throw new InvalidInputException("input", $"{input.Batch} x {input.Length}", $"the compiled {_workload.Batch} x {_workload.Length}");
        }

        Array.Clear(_seconds);
        _compiler.SetInput(input);
        Execute(_prologue, _prologueFrame);
        var graph = _model.Graph;
        onState?.Invoke(0, Copy(_prologueFrame[graph.Prologue.OutputValue]));

        var streams = (Current: _prologueFrame[graph.Prologue.OutputValue], Next: _layerFrame[graph.Layer.OutputValue]);
        for (var layer = 0; layer < _layers.Length; layer++)
        {
            _layerFrame[0] = streams.Current;
            _layerFrame[graph.Layer.OutputValue] = streams.Next;
            var steps = _layers[layer];
            for (var i = 0; i < steps.Length; i++)
            {
                var start = Stopwatch.GetTimestamp();
                steps[i](_layerFrame);
                _compiler.Synchronize();
                _seconds[i] += Stopwatch.GetElapsedTime(start).TotalSeconds;
            }

            streams = (streams.Next, streams.Current);
            if (layer < _layers.Length - 1)
            {
                onState?.Invoke(layer + 1, Copy(streams.Current));
            }
        }

        // The two streams belong to the layers from now on; the next run starts with the buffers where they are.
        _prologueFrame[graph.Prologue.OutputValue] = streams.Next;
        _layerFrame[graph.Layer.OutputValue] = streams.Current;
        _epilogueFrame[0] = streams.Current;
        Execute(_epilogue, _epilogueFrame);
        var last = Copy(_epilogueFrame[graph.Epilogue.OutputValue]);
        onState?.Invoke(_layers.Length, last);
        return last;
    }

    /// <inheritdoc/>
    public void Dispose() => _compiler.Dispose();

    private static void Execute(Action<Frame<T>>[] steps, Frame<T> frame)
    {
        foreach (var step in steps)
        {
            step(frame);
        }
    }

    private Action<Frame<T>>[] Bind(OperatorGraph graph, ExecutionPlan plan, IReadOnlyDictionary<string, HostTensor> weights) =>
        [.. plan.Segments.Select(segment => _compiler.Compile(graph, segment, weights))];

    // What stands around the layers is run operator by operator: it is one thousandth of the work.
    private Action<Frame<T>>[] Around(OperatorGraph graph, IReadOnlyDictionary<string, HostTensor> weights, DeviceDescription device) =>
        graph.Operators.IsEmpty ? [] : Bind(graph, ExecutionPlan.Detached(graph, _workload, device), weights);

    private Frame<T> FrameOf(OperatorGraph graph) => new(graph.Values.Length, value => _compiler.Allocate(graph, value));

    private HostTensor Copy(T rows)
    {
        var copy = HostTensor.Uninitialized(_workload.Type, _workload.Batch, _workload.Length, _model.Spec.Hidden);
        _compiler.Read(rows, copy.Bytes);
        return copy;
    }
}
