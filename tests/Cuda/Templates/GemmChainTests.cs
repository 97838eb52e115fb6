using Stof.Reference.Cuda.Execution;
using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Templates;
using Stof.Reference.Graphs;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;
using Stof.Reference.Tests;

namespace Stof.Reference.Cuda.Tests.Templates;

/// <summary>Chains of two products on the simulator: any finding fails the launch.</summary>
public class GemmChainTests
{
    private const int Seed = 911;

    [Theory]
    [InlineData(DType.F16, 4)]
    [InlineData(DType.BF16, 4)]
    [InlineData(DType.F16, 8)]
    public void A_chain_agrees_with_the_oracle(DType type, int warps)
    {
        var random = new Random(Seed);
        using var device = new SimulatedKernelDevice(Target.Sm80);
        var cases = 0;
        foreach (var (rows, depth, middle, columns) in new[] { (5, 8, 8, 8), (70, 72, 100, 72), (128, 64, 256, 128), (33, 130, 330, 40), (3, 96, 65, 256) })
        {
            foreach (var (activation, norm, hasBias, hasResidual, last) in new (ActivationKind, NormKind?, bool, bool, NormKind?)[]
            {
                (ActivationKind.GeluErf, null, true, true, null), (ActivationKind.GeluTanh, NormKind.Layer, true, true, null),
                (ActivationKind.Relu, NormKind.RootMeanSquare, false, false, null), (ActivationKind.GeluErf, null, true, true, NormKind.Layer),
                (ActivationKind.Relu, null, false, true, NormKind.RootMeanSquare),
            })
            {
                var spec = new GemmChainSpec(type, depth, middle, columns, warps)
                {
                    Activation = activation,
                    HasFirstBias = hasBias,
                    HasBias = hasBias,
                    HasResidual = hasResidual,
                    HasWholeRows = rows % (warps * 16) == 0,
                    Prologue = norm,
                    PrologueHasBeta = norm == NormKind.Layer,
                    PrologueEpsilon = norm is null ? 0 : GemmChainTrial.Epsilon,
                    Norm = last,
                    NormHasBeta = last == NormKind.Layer,
                    NormEpsilon = last is null ? 0 : GemmChainTrial.Epsilon,
                    KeepsSum = last == NormKind.Layer,
                };
                if (spec.Check(device.Target) is not null)
                {
                    continue;
                }

                cases++;
                var trial = new GemmChainTrial(random, type, rows, depth, middle, columns, activation, hasBias, hasResidual, norm, last);
                var operands = new GemmChainOperands(trial.X, trial.FirstWeight, trial.SecondWeight)
                {
                    FirstBias = trial.FirstBias,
                    Bias = trial.Bias,
                    Residual = trial.Residual,
                    Gamma = trial.Gamma,
                    Beta = trial.Beta,
                };
                var sum = spec.KeepsSum ? HostTensor.Uninitialized(type, rows, columns) : null;
                trial.Require(GemmChainRun.Multiply(device, spec, operands, sum), sum, $"seed {Seed}, {spec}");
                Assert.Equal(0, device.LastReport!.Counters.SharedConflicts);
            }
        }

        Assert.True(cases >= 15, $"{cases} cases fit");
    }

    [Fact]
    public void What_does_not_fit_is_refused_with_its_reason()
    {
        var good = new GemmChainSpec(DType.F16, 128, 512, 128, 4) { Activation = ActivationKind.GeluErf };
        Assert.Null(good.Check(Target.Sm80));
        Assert.Equal("chain-dtype", (good with { Type = DType.F32 }).Check(Target.Sm80)?.Code);
        Assert.Equal("chain-gated", (good with { Activation = ActivationKind.SwiGlu }).Check(Target.Sm80)?.Code);
        Assert.Equal("chain-width", (good with { Columns = 768 }).Check(Target.Sm80)?.Code);
        Assert.Equal("chain-width", (good with { Warps = 2 }).Check(Target.Sm80)?.Code);
        Assert.Equal("chain-norms", (good with { Prologue = NormKind.Layer, Norm = NormKind.Layer }).Check(Target.Sm80)?.Code);
        Assert.Equal("chain-norms", (good with { KeepsSum = true }).Check(Target.Sm80)?.Code);
        Assert.Equal("shared-memory", (good with { Depth = 1024 }).Check(Target.Sm80)?.Code);
        Assert.Throws<InvalidInputException>(() => GemmChain.Build(good with { Columns = 768 }, Target.Sm80));
    }
}
