using Stof.Reference.Cuda.Execution;
using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;
using Stof.Reference.Tests;

namespace Stof.Reference.Cuda.Tests.Templates;

/// <summary>The norm kernel on the simulator: any finding fails the launch.</summary>
public class NormRunTests
{
    private const int Seed = 611;

    [Theory]
    [InlineData(DType.F32)]
    [InlineData(DType.F16)]
    [InlineData(DType.BF16)]
    public void Rows_of_every_kind_of_length_agree_with_the_oracle(DType type)
    {
        using var device = new SimulatedKernelDevice(Target.Sm80);
        var random = new Random(Seed);
        foreach (var columns in new[] { 1, 2, 3, 7, 8, 31, 32, 33, 64, 100, 127, 256, 257, 768, 1023, 1024, 2048 })
        {
            foreach (var family in Seeded.Families)
            {
                var trial = new NormTrial(random, type, 3, columns, family);
                var sum = HostTensor.Uninitialized(type, 3, columns);
                var y = NormRun.BiasResidualLayerNorm(device, trial.X, trial.Bias, trial.Residual, trial.Gamma, trial.Beta, NormTrial.Epsilon, sum);
                trial.Require(y, sum, $"seed {Seed}, {type}, {columns} columns, {family}");
                var silent = NormRun.BiasResidualLayerNorm(device, trial.X, trial.Bias, trial.Residual, trial.Gamma, trial.Beta, NormTrial.Epsilon);
                Assert.True(silent.Bytes.SequenceEqual(y.Bytes), $"seed {Seed}: storing the sum changed bits");
            }
        }
    }

    [Fact]
    public void What_does_not_fit_is_refused()
    {
        using var device = new SimulatedKernelDevice(Target.Sm80);
        var trial = new NormTrial(new Random(Seed), DType.F32, 2, 8, InputFamily.UnitNormal);
        Assert.Throws<InvalidInputException>(() => NormRun.BiasResidualLayerNorm(device, trial.X, trial.X, trial.Residual, trial.Gamma, trial.Beta, 0));
        Assert.Throws<InvalidInputException>(
            () => NormRun.BiasResidualLayerNorm(device, trial.X, trial.Bias, trial.Residual.To(DType.F16), trial.Gamma, trial.Beta, 0));
    }
}
