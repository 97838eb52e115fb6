using Stof.Reference.Cpu.Simd.Attention;
using Stof.Reference.Cpu.Simd.Attention.Detached;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;
using Stof.Reference.Tests;

namespace Stof.Reference.Golden.Tests.Attention;

/// <summary>A trial on chosen CPU kernels; what a backend makes of it by its own choice is tested in tests/Conformance.</summary>
internal static class KernelTrials
{
    /// <summary>Both kernels on tiles from the smallest to larger than the problem.</summary>
    public static AttentionChoice[] Choices { get; } =
    [
        new(AttentionAlgorithm.Blockwise, new(64, 64)),
        new(AttentionAlgorithm.Rowwise, new(64, 64)),
        new(AttentionAlgorithm.Blockwise, new(16, 16)),
        new(AttentionAlgorithm.Rowwise, new(8, 8)),
        new(AttentionAlgorithm.Blockwise, new(8, 40)),
        new(AttentionAlgorithm.Rowwise, new(16, 136)),
        new(AttentionAlgorithm.Blockwise, new(136, 24)),
    ];

    /// <summary>Runs a kernel and requires agreement.</summary>
    public static void Require(this AttentionTrial trial, AttentionChoice choice, int splits, WorkerPool pool, string label)
    {
        var (output, logSumExp) = CpuAttention.Run(trial.Problem with { KvSplits = splits }, trial.Q, trial.K, trial.V, choice, pool);
        trial.Require(output, logSumExp, $"{label}: {choice}, {splits} splits");
    }

    /// <summary>Runs the operators that a fused kernel replaces and requires agreement.</summary>
    public static void RequireDetached(this AttentionTrial trial, WorkerPool pool, string label)
    {
        var p = trial.Problem;
        var output = HostTensor.Zeros(p.Type, p.Layout.Shape(p.Batch, p.QueryHeads, p.QueryLength, p.ValueSize));
        var operands = AttentionOperands.Of(p, trial.Q, trial.K, trial.V, output);
        var scores = HostTensor.Uninitialized(DType.F32, p.Batch, p.QueryHeads, p.QueryLength, p.KvLength);
        new ScoreProduct(p).Run(operands.Query, operands.Key, scores, pool);
        new ScaleMask(p).Run(scores, pool);
        new RowSoftmax(p).Run(scores, pool);
        new WeightedSum(p).Run(scores, operands.Value, operands.Output, pool);
        trial.Require(output, null, $"{label}: detached");
    }
}
