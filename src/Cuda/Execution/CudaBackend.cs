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
        if (Supports(problem) is { } refusal)
        {
            throw new InvalidInputException(nameof(problem), refusal.Reason, "a problem that this backend computes");
        }

        AttentionTensors.Require(problem, q, k, v, output, logSumExp);
        if (output.Count == 0)
        {
            return;
        }

        using var launch = new AttentionLaunch(_device, problem, q, k, v, output, logSumExp);
        if (!_isRowwiseOnly && BlockwiseRun.Computes(problem))
        {
            BlockwiseRun.Run(_kernels, launch);
        }
        else
        {
            RowwiseRun.Run(_kernels, launch);
        }

        launch.Download();
    }

    /// <summary>Frees the device.</summary>
    public void Dispose() => _device.Dispose();
}
