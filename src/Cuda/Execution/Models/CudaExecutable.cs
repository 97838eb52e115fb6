using Stof.Reference.Backends;
using Stof.Reference.Fusion;
using Stof.Reference.Graphs;
using Stof.Reference.Models;
using Stof.Reference.Plans;
using Stof.Reference.Tensors;

namespace Stof.Reference.Cuda.Execution;

/// <summary>
/// A model with its launches bound and its buffers planned. All layers run in one frame; two streams take turns. A forward pass is one recorded program:
/// on a GPU one graph.
/// </summary>
internal sealed class CudaExecutable : IModelExecutable
{
    private readonly TransformerModel _model;
    private readonly Workload _workload;
    private readonly IKernelDevice _device;
    private readonly Action _release;
    private readonly DeviceMemory _memory;
    private readonly SegmentCompiler _compiler;
    private readonly IReadOnlyList<KernelStep> _prologue;
    private readonly IReadOnlyList<KernelStep>[][] _layers; // layer, segment
    private readonly IReadOnlyList<KernelStep> _epilogue;
    private readonly DeviceMatrix[] _streams;
    private readonly DeviceMatrix _output;
    private readonly IDeviceProgram _program;
    private readonly double[] _seconds;
    private bool _isTimed;

    /// <summary>Binds everything.</summary>
    /// <param name="model">The model.</param>
    /// <param name="workload">Shapes and mask.</param>
    /// <param name="plan">A plan that the backend runs.</param>
    /// <param name="weights">The model's weights.</param>
    /// <param name="kernels">Kernels.</param>
    /// <param name="backend">Where it runs.</param>
    /// <param name="release">Called when it is disposed.</param>
    public CudaExecutable(
        TransformerModel model, Workload workload, ExecutionPlan plan, DeviceWeights weights, KernelLibrary kernels, CudaBackend backend, Action release)
    {
        (_model, _workload, _device, _release) = (model, workload, backend.KernelDevice, release);
        _memory = new DeviceMemory(_device);
        _compiler = new SegmentCompiler(model.Spec, workload, weights, kernels, _device);
        var (graph, hidden) = (model.Graph, model.Spec.Hidden);
        _streams = [DeviceMatrix.Allocate(_memory, workload.Type, workload.Rows, hidden), DeviceMatrix.Allocate(_memory, workload.Type, workload.Rows, hidden)];
        _prologue = Around(graph.Prologue, model.Embedding, backend, input: null, _streams[0]);
        var frame = new DeviceFrame(graph.Layer, workload, _memory);
        frame.Share(plan);
        _layers = new IReadOnlyList<KernelStep>[model.Layers.Length][];
        for (var layer = 0; layer < _layers.Length; layer++)
        {
            frame[0] = _streams[layer % 2];
            frame[graph.Layer.OutputValue] = _streams[(layer + 1) % 2];
            _layers[layer] = [.. plan.Segments.Select(segment => _compiler.Compile(graph.Layer, segment, model.Layers[layer], frame))];
        }

        var last = _streams[_layers.Length % 2];
        _output = graph.Epilogue.Operators.IsEmpty ? last : DeviceMatrix.Allocate(_memory, workload.Type, workload.Rows, hidden);
        _epilogue = Around(graph.Epilogue, model.Final, backend, last, _output);
        _program = _device.Record([.. _prologue, .. _layers.SelectMany(layer => layer).SelectMany(steps => steps), .. _epilogue]);
        _seconds = new double[plan.Segments.Length];
    }

    /// <summary>
    /// On a device whose launches return at once a forward pass is one program, and nothing inside it can be timed: each segment's launches are then run
    /// once more, apart, when somebody asks.
    /// </summary>
    public IReadOnlyList<double> SegmentSeconds
    {
        get
        {
            if (_device.IsAsynchronous && !_isTimed)
            {
                _isTimed = true;
                for (var segment = 0; segment < _seconds.Length; segment++)
                {
                    using var program = _device.Record([.. _layers.SelectMany(layer => layer[segment])]);
                    program.Run();
                    _seconds[segment] = Timing.Median(program.Time(5));
                }
            }

            return _seconds;
        }
    }

    /// <summary>Seconds of device time of whole forward passes.</summary>
    public IReadOnlyList<double> Time(int runs) => _program.Time(runs);

    /// <inheritdoc/>
    public HostTensor Run(ModelInput input, Action<int, HostTensor>? onState = null)
    {
        ArgumentNullException.ThrowIfNull(input);
        if (input.Batch != _workload.Batch || input.Length != _workload.Length)
        {
            throw new InvalidInputException("input", $"{input.Batch} x {input.Length}", $"the compiled {_workload.Batch} x {_workload.Length}");
        }

        _compiler.Embedding.SetInput!(input);
        if (_device.IsAsynchronous && onState is null)
        {
            _program.Run();
        }
        else
        {
            RunLayerByLayer(onState);
        }

        var result = Download(_output);
        onState?.Invoke(_layers.Length, result);
        return result;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _program.Dispose();
        _compiler.Dispose();
        _memory.Dispose();
        _release();
    }

    private void RunLayerByLayer(Action<int, HostTensor>? onState)
    {
        Launch(_prologue);
        onState?.Invoke(0, Download(_streams[0]));
        var seconds = new double[_seconds.Length];
        for (var layer = 0; layer < _layers.Length; layer++)
        {
            for (var segment = 0; segment < seconds.Length; segment++)
            {
                var steps = _layers[layer][segment];
                seconds[segment] += Timing.Seconds(() => Launch(steps));
            }

            if (layer < _layers.Length - 1)
            {
                onState?.Invoke(layer + 1, Download(_streams[(layer + 1) % 2]));
            }
        }

        Launch(_epilogue);
        if (!_device.IsAsynchronous)
        {
            seconds.CopyTo(_seconds, 0);
        }
    }

    private void Launch(IReadOnlyList<KernelStep> steps)
    {
        foreach (var step in steps)
        {
            step.Launch(_device);
        }
    }

    // What stands around the layers is run operator by operator: it is one thousandth of the work.
    private IReadOnlyList<KernelStep> Around(
        OperatorGraph graph, IReadOnlyDictionary<string, HostTensor> weights, CudaBackend backend, DeviceMatrix? input, DeviceMatrix output)
    {
        if (graph.Operators.IsEmpty)
        {
            return [];
        }

        var plan = ExecutionPlan.Detached(graph, _workload, backend.Device);
        var frame = new DeviceFrame(graph, _workload, _memory);
        frame.Share(plan);
        if (input is not null)
        {
            frame[0] = input;
        }

        frame[graph.OutputValue] = output;
        return [.. plan.Segments.SelectMany(segment => _compiler.Compile(graph, segment, weights, frame))];
    }

    private HostTensor Download(DeviceMatrix rows) => rows.Download(_device).Reshaped(_workload.Batch, _workload.Length, _model.Spec.Hidden);
}
