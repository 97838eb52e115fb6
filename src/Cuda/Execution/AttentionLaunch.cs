using Stof.Reference.Cuda.Simulator;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;

namespace Stof.Reference.Cuda.Execution;

/// <summary>A tensor of an attention in device memory, strides in bytes.</summary>
/// <param name="Buffer">Its first element.</param>
/// <param name="RowStride">Between positions.</param>
/// <param name="HeadStride">Between heads.</param>
/// <param name="BatchStride">Between batch items.</param>
internal sealed record AttentionOperand(IDeviceBuffer Buffer, int RowStride, int HeadStride, int BatchStride);

/// <summary>
/// What every attention kernel's launch sets in the same way: tensors, scores, results. Kernels are launched at once, or kept as steps that may be
/// launched as often as wanted.
/// </summary>
internal sealed class AttentionLaunch : IDisposable
{
    private readonly AttentionOperand _q;
    private readonly AttentionOperand _k;
    private readonly AttentionOperand _v;
    private readonly AttentionOperand _o;
    private readonly IDeviceBuffer? _lse;
    private readonly List<KernelStep>? _steps;

    /// <summary>Uploads the inputs of a problem whose tensors were checked; launches at once.</summary>
    public AttentionLaunch(IKernelDevice device, AttentionProblem problem, HostTensor q, HostTensor k, HostTensor v, HostTensor output, HostTensor? logSumExp)
    {
        (Device, Problem) = (device, problem);
        Memory = new DeviceMemory(device);
        _q = Operand(Memory.Upload<byte>(q.Bytes), problem.QueryHeads, problem.QueryLength, problem.HeadSize);
        _k = Operand(Memory.Upload<byte>(k.Bytes), problem.KvHeads, problem.KvLength, problem.HeadSize);
        _v = Operand(Memory.Upload<byte>(v.Bytes), problem.KvHeads, problem.KvLength, problem.ValueSize);
        _o = Operand(Memory.Allocate(output.Bytes.Length), problem.QueryHeads, problem.QueryLength, problem.ValueSize);
        _lse = logSumExp is null ? null : Memory.Allocate(logSumExp.Bytes.Length);
    }

    /// <summary>Takes tensors that are on the device; keeps the launches as steps, whose memory goes with this object.</summary>
    public AttentionLaunch(IKernelDevice device, AttentionProblem problem, AttentionOperand q, AttentionOperand k, AttentionOperand v, AttentionOperand o)
    {
        (Device, Problem, _q, _k, _v, _o) = (device, problem, q, k, v, o);
        Memory = new DeviceMemory(device);
        _steps = [];
    }

    /// <summary>Where it runs.</summary>
    public IKernelDevice Device { get; }

    /// <summary>What it computes.</summary>
    public AttentionProblem Problem { get; }

    /// <summary>The launches that were kept.</summary>
    public IReadOnlyList<KernelStep> Steps => _steps ?? [];

    /// <summary>Freed with this object.</summary>
    public DeviceMemory Memory { get; }

    /// <summary>How a problem's bias reaches a kernel.</summary>
    public static Templates.BiasForm BiasFormOf(AttentionProblem problem) => problem.Bias switch
    {
        null => Templates.BiasForm.None,
        AlibiBias or RelativeBias => Templates.BiasForm.ByDistance,
        _ => Templates.BiasForm.ByPair,
    };

    /// <summary>Launches a kernel, or keeps it as a step.</summary>
    public void Launch(LaunchParameters parameters, Grid grid)
    {
        if (_steps is null)
        {
            Device.Launch(parameters, grid);
        }
        else
        {
            _steps.Add(new KernelStep(parameters, grid));
        }
    }

    /// <summary>Sets Q, K, V, O and the sizes.</summary>
    public LaunchParameters SetOperands(LaunchParameters parameters)
    {
        SetTensor(parameters, "q", _q);
        SetTensor(parameters, "k", _k);
        SetTensor(parameters, "v", _v);
        return SetOutput(parameters).Set("heads_per_kv_head", Problem.QueryHeads / Problem.KvHeads);
    }

    /// <summary>Sets O and its sizes.</summary>
    public LaunchParameters SetOutput(LaunchParameters parameters)
    {
        SetTensor(parameters, "o", _o);
        return parameters.Set("queries", Problem.QueryLength).Set("heads", Problem.QueryHeads);
    }

    /// <summary>Sets scale, cap and bias.</summary>
    /// <param name="parameters">Receives them.</param>
    /// <param name="isExplicit">True if the kernel computes a score as such even where it is the product times a scale.</param>
    public LaunchParameters SetScores(LaunchParameters parameters, bool isExplicit = false)
    {
        var p = Problem;
        if (p.Bias is null && p.Softcap is null && !isExplicit)
        {
            return parameters.Set("scale_log2e", (float)(p.EffectiveScale * Math.Log2(Math.E)));
        }

        parameters.Set("scale", (float)p.EffectiveScale);
        if (p.Softcap is { } cap)
        {
            parameters.Set("cap", (float)cap).Set("inverse_cap", (float)(1 / cap));
        }

        if (p.Bias is not null)
        {
            var bias = DeviceBias.Of(p);
            parameters
                .Set("bias", Memory.Upload<float>(bias.Values))
                .Set("bias_head_stride", bias.HeadStride)
                .Set("bias_batch_stride", bias.BatchStride)
                .Set("bias_row_stride", p.KvLength)
                .Set("bias_origins", Memory.Upload<int>(bias.Origins));
        }

        return parameters;
    }

    /// <summary>Sets sinks and LSE.</summary>
    public LaunchParameters SetResult(LaunchParameters parameters)
    {
        if (Problem.Sinks is not null)
        {
            parameters.Set("sinks", Memory.Upload<float>([.. Problem.Sinks.Select(sink => (float)sink)]));
        }

        return _lse is null ? parameters : parameters.Set("lse", _lse);
    }

    /// <summary>Waits for the results.</summary>
    /// <param name="output">Receives O.</param>
    /// <param name="logSumExp">Receives LSE; null where the problem does not ask for it.</param>
    public void Download(HostTensor output, HostTensor? logSumExp)
    {
        Device.Read(_o.Buffer, output.Bytes);
        if (_lse is not null)
        {
            Device.Read(_lse, logSumExp!.Bytes);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Memory.Dispose();

    private static void SetTensor(LaunchParameters parameters, string name, AttentionOperand operand) => parameters
        .Set(name, operand.Buffer)
        .Set(name + "_row_stride", operand.RowStride)
        .Set(name + "_head_stride", operand.HeadStride)
        .Set(name + "_batch_stride", operand.BatchStride);

    private AttentionOperand Operand(IDeviceBuffer buffer, int heads, int length, int size)
    {
        var row = size * Problem.Type.Size();
        var isHeadFirst = Problem.Layout == AttentionLayout.BatchHeadsLength;
        return new AttentionOperand(buffer, isHeadFirst ? row : row * heads, isHeadFirst ? row * length : row, row * length * heads);
    }
}
