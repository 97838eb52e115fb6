using Stof.Reference.Cuda.Execution;
using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Simulator;
using Stof.Reference.Cuda.Templates;
using Stof.Reference.Graphs;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;
using Stof.Reference.Tests;

namespace Stof.Reference.Cuda.Tests.Templates;

/// <summary>Chains of two products on the simulator beside the same two products with the middle stored; each of those is checked by itself.</summary>
public class GemmChainTests
{
    private const int Seed = 911;

    [Theory]
    [InlineData(DType.F16, 4)]
    [InlineData(DType.BF16, 4)]
    [InlineData(DType.F16, 8)]
    public void A_chain_gives_what_its_products_give_apart(DType type, int warps)
    {
        var random = new Random(Seed);
        using var device = new SimulatedKernelDevice(Target.Sm80);
        using var memory = new DeviceMemory(device);
        var kernels = new KernelLibrary(device.Target);
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
                    PrologueEpsilon = norm is null ? 0 : 1e-5f,
                    Norm = last,
                    NormHasBeta = last == NormKind.Layer,
                    NormEpsilon = last is null ? 0 : 1e-5f,
                    KeepsSum = last == NormKind.Layer,
                };
                if (spec.Check(device.Target) is not null)
                {
                    continue;
                }

                cases++;
                var first = new GemmTrial(random, type, rows, middle, depth, hasBias, activation);
                var second = new GemmTrial(random, type, rows, columns, middle, hasBias, null, hasResidual);
                var (w1, w2) = (memory.Upload<byte>(PackedWeight.Pack(first.Weight, isGated: false)), memory.Upload<byte>(PackedWeight.Pack(second.Weight, isGated: false)));
                var x = DeviceMatrix.Upload(memory, first.A);
                RowNorm? NormOf(NormKind? kind, int width) => kind is null
                    ? null
                    : new RowNorm(
                        kind.Value,
                        DeviceMatrix.UploadVector(memory, Seeded.Tensor(random, type, width)),
                        kind == NormKind.Layer ? DeviceMatrix.UploadVector(memory, Seeded.Tensor(random, type, width)) : null,
                        1e-5f);
                DeviceMatrix New(int width) => DeviceMatrix.Allocate(memory, type, rows, width);
                var rowNorm = NormOf(norm, depth);
                var (normalised, stored, apart, fused) = (New(depth), New(middle), New(columns), New(columns));
                var sums = spec.KeepsSum ? (Apart: New(columns), Fused: New(columns)) : ((DeviceMatrix Apart, DeviceMatrix Fused)?)null;
                var end = new ProductEnd
                {
                    Bias = second.Bias is null ? null : DeviceMatrix.UploadVector(memory, second.Bias),
                    Residual = second.Residual is null ? null : DeviceMatrix.Upload(memory, second.Residual),
                    Norm = NormOf(last, columns),
                    Sum = sums?.Apart,
                };
                var bias1 = first.Bias is null ? null : DeviceMatrix.UploadVector(memory, first.Bias);
                var choice = new GemmChoice(GemmTile.Parse("32x64x64x2-1x2"), 1);
                KernelStep[] steps =
                [
                    .. rowNorm is null ? Array.Empty<KernelStep>() : [RowStep.Bind(kernels, x, normalised, new ProductEnd { Norm = rowNorm })],
                    .. Product.Bind(
                        kernels, memory.Allocate, choice, rowNorm is null ? x : normalised, w1, middle, new ProductEnd { Bias = bias1, Activation = activation }, stored),
                    .. Product.Bind(kernels, memory.Allocate, choice, stored, w2, columns, end, apart),
                ];
                var parameters = RowStep.SetEnd(new LaunchParameters(GemmChain.Build(spec, device.Target)), end)
                    .Set("a", x.Buffer).Set("b", w2).Set("c", fused.Buffer).Set("rows", rows).Set("w1", w1);
                if (bias1 is not null)
                {
                    parameters.Set("bias1", bias1);
                }

                RowStep.SetNorm(parameters, end with { Sum = sums?.Fused });
                rowNorm?.SetWeights(parameters);
                foreach (var step in steps)
                {
                    step.Launch(device);
                }

                device.Launch(parameters, new Grid((rows + spec.Rows - 1) / spec.Rows));
                Assert.Equal(0, device.LastReport!.Counters.SharedConflicts);

                // Float sums in another order: an element of the middle may round the other way.
                foreach (var (expected, found) in sums is { } kept ? [(apart, fused), kept] : new[] { (apart, fused) })
                {
                    var error = ErrorMetrics.Compare(expected.Download(device).ToDoubles(), found.Download(device).ToDoubles(), type).RelativeFrobenius;
                    Assert.True(error <= 1.5 * type.UnitRoundoff(), $"seed {Seed}, {spec}: {error:e2}");
                }
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
