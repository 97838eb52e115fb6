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
/// What every attention kernel's launch sets in the same way: tensors, scores, results.
/// </summary>
internal sealed class AttentionLaunch : IDisposable
{
    private readonly AttentionOperand _q;
    private readonly AttentionOperand _k;
    private readonly AttentionOperand _v;
    private readonly AttentionOperand _o;
    private readonly IDeviceBuffer? _lse;

    /// <summary>Reserves the tensors of a problem.</summary>
    public AttentionLaunch(IKernelDevice device, AttentionProblem problem)
    {
        (Device, Problem) = (device, problem);
        Memory = new DeviceMemory(device);
        _q = Operand(problem.QueryHeads, problem.QueryLength, problem.HeadSize);
        _k = Operand(problem.KvHeads, problem.KvLength, problem.HeadSize);
        _v = Operand(problem.KvHeads, problem.KvLength, problem.ValueSize);
        _o = Operand(problem.QueryHeads, problem.QueryLength, problem.ValueSize);
        _lse = problem.LogSumExp == LogSumExpOutput.None
            ? null
            : Memory.Allocate((long)problem.Batch * problem.QueryHeads * problem.QueryLength * sizeof(float));
    }

    /// <summary>Takes tensors that are on the device.</summary>
    public AttentionLaunch(IKernelDevice device, AttentionProblem problem, AttentionOperand q, AttentionOperand k, AttentionOperand v, AttentionOperand o)
    {
        (Device, Problem, _q, _k, _v, _o) = (device, problem, q, k, v, o);
        Memory = new DeviceMemory(device);
    }

    /// <summary>Where it runs.</summary>
    public IKernelDevice Device { get; }

    /// <summary>What it computes.</summary>
    public AttentionProblem Problem { get; }

    /// <summary>Freed with this object.</summary>
    public DeviceMemory Memory { get; }

    /// <summary>How a problem's bias reaches a kernel.</summary>
    public static Templates.BiasForm BiasFormOf(AttentionProblem problem) => problem.Bias switch
    {
        null => Templates.BiasForm.None,
        AlibiBias or RelativeBias => Templates.BiasForm.ByDistance,
        _ => Templates.BiasForm.ByPair,
    };

    /// <summary>Sets Q, K, V, O and the sizes.</summary>
    public LaunchParameters SetOperands(LaunchParameters parameters)
    {
        SetTensor(parameters, "q", _q);
        SetTensor(parameters, "k", _k);
        SetTensor(parameters, "v", _v);
        return SetOutput(parameters);
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

    /// <summary>Copies inputs of the problem's sizes to the device.</summary>
    public void Upload(HostTensor q, HostTensor k, HostTensor v)
    {
        Write(_q.Buffer, q);
        Write(_k.Buffer, k);
        Write(_v.Buffer, v);
    }

    /// <summary>Waits for the results and copies them.</summary>
    public void Download(HostTensor output, HostTensor? logSumExp)
    {
        Read(_o.Buffer, output);
        if (_lse is not null)
        {
            Read(_lse, logSumExp!);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Memory.Dispose();

    private static void SetTensor(LaunchParameters parameters, string name, AttentionOperand operand) => parameters
        .Set(name, operand.Buffer)
        .Set(name + "_row_stride", operand.RowStride)
        .Set(name + "_head_stride", operand.HeadStride)
        .Set(name + "_batch_stride", operand.BatchStride);

    private AttentionOperand Operand(int heads, int length, int size)
    {
        var row = size * Problem.Type.Size();
        var isHeadFirst = Problem.Layout == AttentionLayout.BatchHeadsLength;
        var buffer = Memory.Allocate((long)Problem.Batch * heads * length * row);
        return new AttentionOperand(buffer, isHeadFirst ? row : row * heads, isHeadFirst ? row * length : row, row * length * heads);
    }

    private void Write(IDeviceBuffer buffer, HostTensor tensor)
    {
        if (tensor.Count > 0)
        {
            Device.Write(buffer, tensor.Bytes);
        }
    }

    private void Read(IDeviceBuffer buffer, HostTensor tensor)
    {
        if (tensor.Count > 0)
        {
            Device.Read(buffer, tensor.Bytes);
        }
    }
}
