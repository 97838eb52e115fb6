using Stof.Reference.Backends;
using Stof.Reference.Fusion;
using Stof.Reference.Models;
using Stof.Reference.Plans;
using Stof.Reference.Tensors;

namespace Stof.Reference.Cuda.Execution;

/// <summary>
/// Times segments of the first layer on its real weights and on rows of unit variance: on a GPU recorded programs by events, on the simulator launches by
/// the host's clock.
/// </summary>
internal sealed class CudaMeasurer : ISegmentMeasurer
{
    private const int Runs = 11;
    private const int LayerRounds = 21;
    private const int SimulatedRuns = 1;

    private readonly CudaBackend _backend;
    private readonly TransformerModel _model;
    private readonly Workload _workload;
    private readonly Action _release;
    private readonly DeviceMemory _memory;
    private readonly SegmentCompiler _compiler;
    private readonly DeviceFrame _frame;
    private readonly HashSet<int> _filled = [];

    public CudaMeasurer(
        CudaBackend backend, TransformerModel model, Workload workload, DeviceWeights weights, KernelLibrary kernels, Action release)
    {
        (_backend, _model, _workload, _release) = (backend, model, workload, release);
        _memory = new DeviceMemory(backend.KernelDevice);
        _compiler = new SegmentCompiler(model.Spec, workload, weights, kernels, backend.KernelDevice);
        _frame = new DeviceFrame(model.Graph.Layer, workload, _memory);
    }

    private IKernelDevice KernelDevice => _backend.KernelDevice;

    /// <inheritdoc/>
    public double? Measure(Segment segment, FusionTemplate template, ParameterSet parameters)
    {
        ArgumentNullException.ThrowIfNull(template);
        var graph = _model.Graph.Layer;
        if (_backend.Supports(template, new SegmentContext(graph, segment, _workload, _backend.Device), parameters) is not null)
        {
            return null;
        }

        FillInputs(segment);
        try
        {
            using var program = KernelDevice.Record(_compiler.Compile(graph, new SegmentPlan(segment, template.Name, parameters), _model.Layers[0], _frame));
            program.Run();
            return Timing.Median(program.Time(KernelDevice.IsAsynchronous ? Runs : SimulatedRuns));
        }
        catch (RegisterSpillException)
        {
            return null; // a tile that was asked for, and that the compiler has too few registers for
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<double> MeasureLayers(IReadOnlyList<ExecutionPlan> plans)
    {
        ArgumentNullException.ThrowIfNull(plans);
        var graph = _model.Graph.Layer;
        FillInputs(new Segment(0, graph.Operators.Length));
        var programs = plans.Select(plan => _backend.FirstRefusal(graph, _workload, plan) is null
            ? KernelDevice.Record([.. plan.Segments.SelectMany(segment => _compiler.Compile(graph, segment, _model.Layers[0], _frame))])
            : null).ToArray();
        var times = plans.Select(_ => new List<double>()).ToArray();
        for (var round = 0; round <= (KernelDevice.IsAsynchronous ? LayerRounds : SimulatedRuns); round++)
        {
            for (var i = 0; i < programs.Length; i++)
            {
                if (programs[i] is not { } program)
                {
                    continue;
                }

                var seconds = program.Time(1)[0];
                if (round > 0)
                {
                    times[i].Add(seconds); // round 0 warms up
                }
            }
        }

        foreach (var program in programs)
        {
            program?.Dispose();
        }

        return [.. times.Select(list => list.Count > 0 ? Timing.Median(list) : double.PositiveInfinity)];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _compiler.Dispose();
        _memory.Dispose();
        _release();
    }

    private void FillInputs(Segment segment)
    {
        var graph = _model.Graph.Layer;
        var inside = new HashSet<int>();
        for (var i = segment.Start; i < segment.End; i++)
        {
            foreach (var input in graph.Operators[i].Inputs.Where(value => !inside.Contains(value) && graph.Values[value].Width > 0 && _filled.Add(value)))
            {
                Fill(_frame[input]);
            }

            inside.Add(graph.Operators[i].Output);
        }
    }

    // Uniform noise of unit variance: cheap, and neither zero nor denormal.
    private void Fill(DeviceMatrix rows)
    {
        var random = new Random(1);
        var values = new double[8192];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = (random.NextDouble() - 0.5) * Math.Sqrt(12.0);
        }

        var pattern = HostTensor.From(values, values.Length).To(rows.Type).Bytes;
        var bytes = new byte[(long)rows.Rows * rows.PitchBytes];
        for (var start = 0; start < bytes.Length; start += pattern.Length)
        {
            pattern[..Math.Min(pattern.Length, bytes.Length - start)].CopyTo(bytes.AsSpan(start));
        }

        KernelDevice.Write(rows.Buffer, bytes);
    }
}
