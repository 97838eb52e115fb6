using Stof.Reference.Cpu.Threading;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;

namespace Stof.Reference.Cpu.Simd.Attention;

/// <summary>Attention in one call: chooses a kernel, runs it on all cores, returns new tensors.</summary>
public static class CpuAttention
{
    /// <summary>Computes the attention of a problem.</summary>
    /// <param name="problem">Shapes and options; F32, F16 or BF16.</param>
    /// <param name="q">Queries in the problem's layout.</param>
    /// <param name="k">Keys.</param>
    /// <param name="v">Values.</param>
    /// <param name="choice">Kernel and tile; null lets <see cref="AttentionSelector"/> choose.</param>
    /// <param name="pool">Workers; null for one a core during this call.</param>
    /// <returns>O in the problem's layout and dtype, and LSE if the problem asks for it.</returns>
    /// <exception cref="InvalidInputException">The problem or an operand is wrong.</exception>
    public static (HostTensor Output, HostTensor? LogSumExp) Run(
        AttentionProblem problem, HostTensor q, HostTensor k, HostTensor v, AttentionChoice? choice = null, WorkerPool? pool = null)
    {
        ArgumentNullException.ThrowIfNull(problem);
        var p = problem.Validated();
        var kernel = new AttentionKernel(p, choice ?? AttentionSelector.Measured(p, threads: 1)); // so that bits do not follow the number of cores
        var output = HostTensor.Uninitialized(p.Type, p.Layout.Shape(p.Batch, p.QueryHeads, p.QueryLength, p.ValueSize));
        var logSumExp = p.LogSumExp == LogSumExpOutput.None
            ? null
            : HostTensor.Uninitialized(Numerics.DType.F32, p.Batch, p.QueryHeads, p.QueryLength);
        var operands = AttentionOperands.Of(p, q, k, v, output, logSumExp);
        if (pool is not null)
        {
            kernel.Run(operands, pool);
            return (output, logSumExp);
        }

        using var own = new WorkerPool(Environment.ProcessorCount);
        kernel.Run(operands, own);
        return (output, logSumExp);
    }
}
