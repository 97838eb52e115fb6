using Stof.Reference.Cuda.Execution;
using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tests;

namespace Stof.Reference.Cuda.Tests.Templates;

/// <summary>Head sizes that the conformance suite, which likes them small, does not reach; full, part and missing tiles in each.</summary>
public class AttentionHeadSizeTests
{
    private const int Seed = 1623;

    [Theory]
    [InlineData(DType.F32)]
    [InlineData(DType.F16)]
    [InlineData(DType.BF16)]
    public void Rowwise_agrees_with_the_oracle(DType type)
    {
        foreach (var size in new[] { 16, 40, 64, 80, 96, 128, 160, 256, 512 })
        {
            Require(type, size, size, isRowwiseOnly: true);
        }
    }

    [Fact]
    public void Blockwise_in_floats_agrees_with_the_oracle()
    {
        foreach (var (size, valueSize) in new[] { (4, 4), (20, 36), (64, 64), (80, 100), (128, 128), (192, 60) })
        {
            Require(DType.F32, size, valueSize, isRowwiseOnly: false);
        }
    }

    [Theory]
    [InlineData(DType.F16)]
    [InlineData(DType.BF16)]
    public void Blockwise_agrees_with_the_oracle(DType type)
    {
        foreach (var (size, valueSize) in new[] { (16, 16), (64, 64), (80, 80), (96, 32), (128, 128), (8, 120), (256, 256), (136, 248) })
        {
            Require(type, size, valueSize, isRowwiseOnly: false);
        }
    }

    private static void Require(DType type, int size, int valueSize, bool isRowwiseOnly)
    {
        var problem = new AttentionProblem
        {
            Batch = 1,
            QueryHeads = 2,
            KvHeads = 1,
            QueryLength = 70,
            KvLength = 200,
            HeadSize = size,
            ValueHeadSize = valueSize,
            Type = type,
            Mask = MaskText.Parse("sliding(90) | strided(50)"),
        };
        var trial = AttentionTrial.Of(problem, InputFamily.UnitNormal, new Random(Seed + size)) with { LogSumExpLimit = 1e-4, BudgetShare = isRowwiseOnly || type == DType.F32 ? 0.5 : 0.8 };
        using var backend = new CudaBackend(new SimulatedKernelDevice(Target.Sm80), isRowwiseOnly);
        var output = Tensors.HostTensor.Uninitialized(type, 1, 2, 70, valueSize);
        var lse = Tensors.HostTensor.Uninitialized(DType.F32, 1, 2, 70);
        using (var prepared = backend.Prepare(trial.Problem))
        {
            Assert.StartsWith(isRowwiseOnly ? "rowwise" : "blockwise", prepared.Kernel, StringComparison.Ordinal);
        }

        backend.Attend(trial.Problem, trial.Q, trial.K, trial.V, output, lse);
        trial.Require(output, lse, $"seed {Seed + size}, {(isRowwiseOnly ? "row-wise" : "block-wise")}");
    }
}
