using Stof.Reference.Backends;
using Stof.Reference.Fusion;
using Stof.Reference.Models;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Plans;
using Stof.Reference.Tensors;

namespace Stof.Reference.Cuda.Execution;

/// <summary>
/// Our kernels on an NVIDIA GPU, or on the simulator: the same instructions either way. Bare attentions only so far; models are refused by
/// name.
/// </summary>
public sealed class CudaBackend : IBackend
{
    private const int LargestGridSide = 65_535; // along y and z
    private const int VectorBits = 32 * 32; // a warp

    private static readonly Refusal NoModels = new("no-kernel", "the CUDA backend has no product kernels yet; models run on the CPU backend");

    private readonly IKernelDevice _device;
    private readonly AttentionKernels _kernels;
    private readonly bool _isRowwiseOnly;

    /// <summary>Takes over a device.</summary>
    /// <param name="device">Disposed with the backend.</param>
    /// <param name="isRowwiseOnly">True leaves the block-wise kernel out, for comparisons.</param>
    public CudaBackend(IKernelDevice device, bool isRowwiseOnly = false)
    {
        ArgumentNullException.ThrowIfNull(device);
        _device = device;
        _isRowwiseOnly = isRowwiseOnly;
        _kernels = new AttentionKernels(device.Target);
        Device = new DeviceDescription("cuda", device.Name, device.Multiprocessors, device.Target.SharedBytes, VectorBits)
        {
            Kernels = typeof(CudaBackend).Assembly.ManifestModule.ModuleVersionId.ToString(),
        };
    }

    /// <inheritdoc/>
    public DeviceDescription Device { get; }

    /// <inheritdoc/>
    public Refusal? Supports(FusionTemplate template, SegmentContext context, ParameterSet parameters) => NoModels;

    /// <inheritdoc/>
    public IModelExecutable Compile(TransformerModel model, Workload workload, ExecutionPlan plan) =>
        throw new InvalidInputException("backend", "cuda", NoModels.Reason);

    /// <inheritdoc/>
    public ISegmentMeasurer CreateMeasurer(TransformerModel model, Workload workload) =>
        throw new InvalidInputException("backend", "cuda", NoModels.Reason);

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
        var isBlockwise = !_isRowwiseOnly && BlockwiseRun.Computes(problem);
        if (tiling is not null && !isBlockwise)
        {
            throw new InvalidInputException(nameof(tiling), tiling.ToString(), "none: the row-wise kernel computes this problem");
        }

        var launch = new AttentionLaunch(_device, problem);
        try
        {
            if (problem.Batch * problem.QueryHeads * problem.QueryLength * problem.ValueSize == 0)
            {
                return new CudaPreparedAttention(launch, "nothing to compute", []);
            }

            if (!isBlockwise)
            {
                return new CudaPreparedAttention(launch, "rowwise", RowwiseRun.Plan(_kernels, launch));
            }

            var (chosen, launches) = BlockwiseRun.Plan(_kernels, launch, tiling);
            return new CudaPreparedAttention(launch, $"blockwise {chosen}", launches);
        }
        catch
        {
            launch.Dispose();
            throw;
        }
    }

    /// <summary>Frees the device.</summary>
    public void Dispose() => _device.Dispose();
}
