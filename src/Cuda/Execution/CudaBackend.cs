using Stof.Reference.Backends;
using Stof.Reference.Cuda.Templates;
using Stof.Reference.Formats;
using Stof.Reference.Fusion;
using Stof.Reference.Models;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Plans;
using Stof.Reference.Tensors;

namespace Stof.Reference.Cuda.Execution;

/// <summary>Our kernels on an NVIDIA GPU, or on the simulator: the same instructions either way.</summary>
public sealed class CudaBackend : IBackend
{
    private const int LargestGridSide = 65_535; // along y and z
    private const int FewQueries = 64; // rows of a tile: with fewer, heads that share keys share a tile
    private const int VectorBits = 32 * 32; // a warp

    private readonly KernelLibrary _library;
    private readonly AttentionKernels _kernels;
    private readonly bool _isRowwiseOnly;
    private readonly Dictionary<TransformerModel, DeviceWeights> _weights = [];

    /// <summary>Takes over a device.</summary>
    /// <param name="device">Disposed with the backend.</param>
    /// <param name="isRowwiseOnly">True leaves the block-wise kernel out of bare attentions, for comparisons.</param>
    public CudaBackend(IKernelDevice device, bool isRowwiseOnly = false)
    {
        ArgumentNullException.ThrowIfNull(device);
        KernelDevice = device;
        _isRowwiseOnly = isRowwiseOnly;
        _library = new KernelLibrary(device.Target);
        _kernels = new AttentionKernels(_library);
        Device = new DeviceDescription("cuda", device.Name, device.Multiprocessors, device.Target.SharedBytes, VectorBits)
        {
            Kernels = typeof(CudaBackend).Assembly.ManifestModule.ModuleVersionId.ToString(),
            ProductTiles = [.. GemmTiles.For(DType.F16, device.Target).Concat(GemmTiles.For(DType.F32, device.Target)).Select(tile => tile.ToString())],
            MissingTemplates = [.. ModelSupport.Missing],
        };
    }

    /// <inheritdoc/>
    public DeviceDescription Device { get; }

    /// <summary>What runs the kernels.</summary>
    internal IKernelDevice KernelDevice { get; }

    /// <inheritdoc/>
    public Refusal? Supports(FusionTemplate template, SegmentContext context, ParameterSet parameters)
    {
        ArgumentNullException.ThrowIfNull(template);
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(parameters);
        return ModelSupport.Check(template, context, parameters, KernelDevice);
    }

    /// <inheritdoc/>
    public string Describe(FusionTemplate template, SegmentContext context, ParameterSet parameters)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(parameters);
        return ModelSupport.Describe(template, context, parameters, KernelDevice);
    }

    /// <inheritdoc/>
    public IModelExecutable Compile(TransformerModel model, Workload workload, ExecutionPlan plan)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(workload);
        ArgumentNullException.ThrowIfNull(plan);
        plan.Validated(model.Graph.Layer, workload, Device);
        if (this.FirstRefusal(model.Graph.Layer, workload, plan) is var (segment, refusal))
        {
            throw new InvalidInputException($"plan, segment {segment.Segment} {segment.Template}", refusal.Reason, "a segment that this backend runs");
        }

        return Use(model, weights => new CudaExecutable(model, workload, plan, weights, _library, this, () => Release(model)));
    }

    /// <inheritdoc/>
    public ISegmentMeasurer CreateMeasurer(TransformerModel model, Workload workload)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(workload);
        return Use(model, weights => new CudaMeasurer(this, model, workload, weights, _library, () => Release(model)));
    }

    /// <inheritdoc/>
    public Refusal? Supports(AttentionProblem problem)
    {
        ArgumentNullException.ThrowIfNull(problem);
        var p = problem.Validated();
        if (p.Type is not (DType.F32 or DType.F16 or DType.BF16))
        {
            return new Refusal("dtype", $"{p.Type} is not F32, F16 or BF16; double precision is the oracle's");
        }

        return p.QueryHeads > LargestGridSide || (long)p.Batch * p.KvSplits > LargestGridSide
            ? new Refusal("grid", $"{p.QueryHeads} heads, {p.Batch} batch items times {p.KvSplits} splits; a grid has at most {LargestGridSide} along either")
            : null;
    }

    /// <inheritdoc/>
    public void Attend(
        AttentionProblem problem, HostTensor q, HostTensor k, HostTensor v, HostTensor output, HostTensor? logSumExp)
    {
        this.Require(problem);
        AttentionTensors.Require(problem, q, k, v, output, logSumExp);
        using var prepared = Prepare(problem);
        prepared.SetInputs(q, k, v);
        prepared.Run();
        prepared.GetOutputs(output, logSumExp);
    }

    /// <inheritdoc/>
    public IPreparedAttention Prepare(AttentionProblem problem) => Prepare(problem, null);

    /// <summary>Makes an attention ready to run many times.</summary>
    /// <param name="problem">Shapes and options.</param>
    /// <param name="tiling">Of the block-wise kernel; null for what suits the problem.</param>
    /// <exception cref="InvalidInputException">The problem is out of range or refused, or the block-wise kernel is asked for and does not compute it.</exception>
    public IPreparedAttention Prepare(AttentionProblem problem, BlockwiseTiling? tiling)
    {
        this.Require(problem);
        var isBlockwise = !_isRowwiseOnly && BlockwiseRun.Computes(problem, KernelDevice.Target);
        if (tiling is not null && !isBlockwise)
        {
            throw new InvalidInputException(nameof(tiling), tiling.ToString(), "none: the row-wise kernel computes this problem");
        }

        var computed = isBlockwise && problem.QueryLength < FewQueries ? GroupedQueries.Pack(problem) ?? problem : problem;
        var launch = new AttentionLaunch(KernelDevice, computed);
        try
        {
            if (problem.Batch * problem.QueryHeads * problem.QueryLength * problem.ValueSize == 0)
            {
                return new CudaPreparedAttention(problem, launch, "nothing to compute", []);
            }

            if (!isBlockwise)
            {
                return new CudaPreparedAttention(problem, launch, "rowwise", RowwiseRun.Plan(_kernels, launch));
            }

            var (chosen, launches) = BlockwiseRun.Plan(_kernels, launch, tiling);
            return new CudaPreparedAttention(problem, launch, $"blockwise {chosen}", launches);
        }
        catch
        {
            launch.Dispose();
            throw;
        }
    }

    /// <summary>Frees the device.</summary>
    public void Dispose()
    {
        foreach (var weights in _weights.Values)
        {
            weights.Dispose();
        }

        KernelDevice.Dispose();
    }

    // A model's weights stay on the device as long as something runs it.
    private T Use<T>(TransformerModel model, Func<DeviceWeights, T> create)
    {
        if (!_weights.TryGetValue(model, out var weights))
        {
            _weights[model] = weights = new DeviceWeights(KernelDevice);
        }

        weights.Users++;
        try
        {
            return create(weights);
        }
        catch
        {
            Release(model);
            throw;
        }
    }

    private void Release(TransformerModel model)
    {
        if (_weights.TryGetValue(model, out var weights) && --weights.Users == 0)
        {
            _weights.Remove(model);
            weights.Dispose();
        }
    }
}
