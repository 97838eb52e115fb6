using System.Diagnostics;
using Stof.Reference.Backends;
using Stof.Reference.Cpu.Simd;
using Stof.Reference.Fusion;
using Stof.Reference.Graphs;
using Stof.Reference.Models;
using Stof.Reference.Plans;
using Stof.Reference.Tensors;

namespace Stof.Reference.Cpu.Execution;

/// <summary>A model with its steps bound and its buffers allocated. All layers run in one frame; two streams take turns.</summary>
internal sealed class CpuExecutable : IModelExecutable
{
    private readonly TransformerModel _model;
    private readonly Workload _workload;
    private readonly SegmentCompiler _compiler;
    private readonly Action<Frame>[] _prologue;
    private readonly Action<Frame>[][] _layers;
    private readonly Action<Frame>[] _epilogue;
    private readonly Frame _prologueFrame;
    private readonly Frame _layerFrame;
    private readonly Frame _epilogueFrame;
    private readonly double[] _seconds;

    public CpuExecutable(
        TransformerModel model, Workload workload, ExecutionPlan plan, WeightStore store, KernelWorkspace workspace, DeviceDescription device)
    {
        _model = model;
        _workload = workload;
        _compiler = new SegmentCompiler(model.Spec, workload, store, workspace);
        var graph = model.Graph;
        _prologue = Around(graph.Prologue, model.Embedding, device);
        _layers = [.. model.Layers.Select(weights => Bind(graph.Layer, plan, weights))];
        _epilogue = Around(graph.Epilogue, model.Final, device);
        _prologueFrame = new Frame(graph.Prologue, workload);
        _layerFrame = new Frame(graph.Layer, workload);
        _epilogueFrame = new Frame(graph.Epilogue, workload);
        _seconds = new double[plan.Segments.Length];
    }

    public IReadOnlyList<double> SegmentSeconds => _seconds;

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

    public void Dispose()
    {
    }

    private static void Execute(Action<Frame>[] steps, Frame frame)
    {
        foreach (var step in steps)
        {
            step(frame);
        }
    }

    private Action<Frame>[] Bind(OperatorGraph graph, ExecutionPlan plan, IReadOnlyDictionary<string, HostTensor> weights) =>
        [.. plan.Segments.Select(segment => _compiler.Compile(graph, segment, weights))];

    // What stands around the layers is run operator by operator: it is one thousandth of the work.
    private Action<Frame>[] Around(OperatorGraph graph, IReadOnlyDictionary<string, HostTensor> weights, DeviceDescription device) =>
        graph.Operators.IsEmpty ? [] : Bind(graph, ExecutionPlan.Detached(graph, _workload, device), weights);

    private HostTensor Copy(HostTensor rows) => rows.Reshaped(_workload.Batch, _workload.Length, _model.Spec.Hidden);
}
