using System.Runtime.CompilerServices;
using Stof.Reference.Backends;
using Stof.Reference.Formats;
using Stof.Reference.Fusion;
using Stof.Reference.Graphs;
using Stof.Reference.Models;
using Stof.Reference.Numerics;
using Stof.Reference.OpenCL.Execution.Attention;
using Stof.Reference.OpenCL.Execution.Models;
using Stof.Reference.Operators;
using Stof.Reference.Plans;
using Stof.Reference.Tensors;

namespace Stof.Reference.OpenCL.Execution;

/// <summary>How a backend uses its device.</summary>
public sealed record OpenClOptions
{
    /// <summary>How kernels are laid out; null by the kind of the device.</summary>
    public Mapping? Mapping { get; init; }

    /// <summary>Floats of a vector in a processor's layout, 8 or 16; null by what the device prefers.</summary>
    public int? Lanes { get; init; }

    /// <summary>Kernel of single attentions.</summary>
    public AttentionKernelChoice Attention { get; init; }

    /// <summary>How the GPU's layout computes products of 16-bit numbers; null by what the device has.</summary>
    public MatrixUnits? MatrixUnits { get; init; }

    /// <summary>How work-items of the GPU's layout add up; null by what the device has.</summary>
    public SubGroups? SubGroups { get; init; }

    /// <summary>True to let the device widen and narrow 16-bit floats, false to do it by their bits; null by what the device has.</summary>
    public bool? HasFp16 { get; init; }

    /// <summary>Tiling of single attentions on matrix units, where it fits; null for the one that is expected to be fastest.</summary>
    public BlockwiseTiling? Tiling { get; init; }

    /// <summary>Compiled programs on disk; null for none.</summary>
    public ProgramCache? Cache { get; init; }
}

/// <summary>Our kernels on any OpenCL device: F32, F16 and BF16 in memory, float arithmetic.</summary>
public sealed class OpenClBackend : IBackend
{
    private const string Types = "F32, F16 or BF16; double precision is the oracle's";
    private const int FewQueries = 64; // rows of a tile: with fewer, heads that share keys share a tile
    private const long LargestDetachedScores = 1L << 30; // bytes; beyond, the unfused baseline would not fit beside a model

    private readonly KernelDevice _device;
    private readonly OpenClOptions _options;

    // Weights on the device are shared by every plan of a model and go with it.
    private readonly ConditionalWeakTable<TransformerModel, WeightStore> _stores = [];

    /// <summary>Opens a device.</summary>
    /// <exception cref="InvalidInputException">The device cannot be used.</exception>
    /// <exception cref="OpenClException">OpenCL refuses.</exception>
    public OpenClBackend(OpenClDevice device, OpenClOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(device);
        _options = options ?? new OpenClOptions();
        if (_options.Lanes is not (null or 8 or 16))
        {
            throw new InvalidInputException(nameof(OpenClOptions.Lanes), $"{_options.Lanes}", "8 or 16");
        }

        _device = new KernelDevice(device, _options);
        var (lacks, needed) = (_options.MatrixUnits == MatrixUnits.Native && !device.HasMatrixUnits) ? ("matrix units", "an NVIDIA device of compute capability 8.0 or newer")
            : _options.SubGroups == SubGroups.Native && !device.HasSubGroups ? ("sub-groups", "a device with cl_khr_subgroups or cl_intel_subgroups")
            : _options.HasFp16 == true && !device.HasHalf ? ("16-bit floats", "a device with cl_khr_fp16")
            : ("", "");
        if (lacks.Length > 0)
        {
            _device.Dispose();
            throw new InvalidInputException(device.Address, $"no {lacks}", needed);
        }

        Device = device.Describe();
    }

    /// <inheritdoc/>
    public DeviceDescription Device { get; }

    /// <inheritdoc/>
    public Refusal? Supports(FusionTemplate template, SegmentContext context, ParameterSet parameters)
    {
        ArgumentNullException.ThrowIfNull(template);
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(parameters);
        if (template.Check(context, parameters) is { } illegal)
        {
            return illegal;
        }

        switch (template)
        {
            case AttentionTemplate:
                var tile = new TileShape(parameters.Number(AttentionTemplate.TileRows), parameters.Number(AttentionTemplate.TileColumns));
                var problem = context.Workload.Attention(context.Graph.Attention!);
                return AttentionChooser.Named(_device, problem, parameters[AttentionTemplate.Algorithm] == "rowwise", tile) is null
                    ? new Refusal("local-memory", $"a tile of {tile} does not fit the device's {_device.Device.LocalBytes:N0} bytes of local memory")
                    : null;
            case GemmTemplate or GemmChainTemplate:
                return ProductStep.Check(_device, context, parameters);
            default:
                var scores = context.Operators[0] is AttentionOperator
                    ? (double)context.Workload.Batch * context.Graph.Attention!.QueryHeads * context.Workload.Length * context.Workload.Length * sizeof(float)
                    : 0;
                var most = Math.Min(LargestDetachedScores, _device.Device.MaxBufferBytes);
                return scores > most
                    ? new Refusal("scores", $"detached attention stores {scores / (1 << 30):f1} GiB of scores, at most {(double)most / (1 << 30):f1} are allowed")
                    : null;
        }
    }

    /// <inheritdoc/>
    public IModelExecutable Compile(TransformerModel model, Workload workload, ExecutionPlan plan)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(plan);
        RequireType(workload);
        plan.Validated(model.Graph.Layer, workload, Device);
        return new LayeredExecutable<OpenClBuffer>(model, workload, plan, Compiler(model, workload), Device);
    }

    /// <inheritdoc/>
    public ISegmentMeasurer CreateMeasurer(TransformerModel model, Workload workload)
    {
        ArgumentNullException.ThrowIfNull(model);
        RequireType(workload);
        var compiler = Compiler(model, workload);
        compiler.BuildAhead(model.Graph.Layer, model.Layers[0]);
        return new SegmentMeasurer<OpenClBuffer>(this, model, workload, compiler);
    }

    /// <inheritdoc/>
    public Refusal? Supports(AttentionProblem problem)
    {
        ArgumentNullException.ThrowIfNull(problem);
        var p = problem.Validated();
        if (!Computes(p.Type))
        {
            return new Refusal("dtype", $"{p.Type} is not {Types}");
        }

        var largest = p.Type.Size() * (long)p.Batch * Math.Max(
            (long)p.QueryHeads * p.QueryLength * Math.Max(p.HeadSize, p.ValueSize), (long)p.KvHeads * p.KvLength * Math.Max(p.HeadSize, p.ValueSize));
        if (largest > _device.Device.MaxBufferBytes)
        {
            return new Refusal("buffer", $"a tensor of {largest:N0} bytes; the device gives a buffer at most {_device.Device.MaxBufferBytes:N0}");
        }

        var local = AttentionChooser.Rowwise(_device).LocalBytes(p);
        return local > _device.Device.LocalBytes
            ? new Refusal("local-memory", $"a row needs {local:N0} bytes of local memory, the device has {_device.Device.LocalBytes:N0}")
            : null;
    }

    /// <inheritdoc/>
    public void Attend(
        AttentionProblem problem, HostTensor q, HostTensor k, HostTensor v, HostTensor output, HostTensor? logSumExp)
    {
        this.Require(problem);
        AttentionTensors.Require(problem, q, k, v, output, logSumExp);
        if (output.Count == 0)
        {
            return;
        }

        using var prepared = Prepare(problem);
        prepared.SetInputs(q, k, v);
        prepared.Run();
        prepared.GetOutputs(output, logSumExp);
    }

    /// <inheritdoc/>
    public IPreparedAttention Prepare(AttentionProblem problem)
    {
        this.Require(problem);
        var computed = _device.Mapping == Mapping.Groups && _options.Attention != AttentionKernelChoice.Rowwise && problem.QueryLength < FewQueries
            ? GroupedQueries.Pack(problem) ?? problem
            : problem;
        return new OpenClAttention(_device, problem, computed, AttentionChooser.Choose(_device, computed, _options.Attention, _options.Tiling));
    }

    /// <summary>Closes the device.</summary>
    public void Dispose() => _device.Dispose();

    private SegmentCompiler Compiler(TransformerModel model, Workload workload) =>
        new(this, _device, model.Spec, workload, _stores.GetValue(model, _ => new WeightStore(_device)));

    private static void RequireType(Workload workload)
    {
        ArgumentNullException.ThrowIfNull(workload);
        if (!Computes(workload.Type))
        {
            throw new InvalidInputException("dtype", workload.Type.ToString(), Types);
        }
    }

    private static bool Computes(DType type) => type is DType.F32 or DType.F16 or DType.BF16;
}
