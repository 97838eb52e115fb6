using Stof.Reference.Cuda.Execution;
using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Templates;
using Stof.Reference.Graphs;
using Stof.Reference.Numerics;
using Stof.Reference.Tests;

namespace Stof.Reference.Cuda.Tests.Templates;

/// <summary>Product kernels on the simulator: any finding fails the launch.</summary>
public class GemmTests
{
    private const int Seed = 2027;

    /// <summary>Tiles of both kinds of kernels: every number of stages, both steps, all splits of a block into warps.</summary>
    public static TheoryData<string, DType> Tiles
    {
        get
        {
            var data = new TheoryData<string, DType>();
            foreach (var tile in new[]
            {
                "16x64x128x4-1x4", "16x32x128x3-1x2", "32x64x64x2-1x4", "32x64x128x3-2x2", "64x64x64x3-2x2", "64x128x128x2-2x2", "128x128x128x3-2x2",
                "128x128x64x4-2x4", "128x256x64x3-2x4", "64x64x64x2-1x1", "128x64x64x4-4x1",
            })
            {
                data.Add(tile, DType.F16);
            }

            data.Add("32x64x128x3-2x2", DType.BF16);
            data.Add("16x64x128x4-1x4", DType.BF16);
            data.Add("64x64x64x2-2x2", DType.F32);
            data.Add("128x128x128x2-2x4", DType.F32);
            data.Add("16x32x128x3-2x2", DType.F32);
            data.Add("8x32x128x4-1x4", DType.F32);
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Tiles))]
    public void Shapes_that_no_tile_divides_agree_with_the_oracle(string text, DType type)
    {
        var tile = GemmTile.Parse(text);
        var random = new Random(Seed);
        using var device = new SimulatedKernelDevice(Target.Sm80);
        foreach (var (rows, width, depth) in new[]
        {
            (1, 8, 8), (tile.Rows + 3, tile.Columns + 8, 200), (tile.Rows - 1, 40, tile.Depth(type) * 9), (2 * tile.Rows, tile.Columns, 5 * tile.Depth(type)), (7, 13, 29),
        })
        {
            var trial = new GemmTrial(random, type, rows, width, depth);
            var c = GemmRun.Multiply(device, new GemmChoice(tile, 1), trial.A, trial.Weight);
            trial.Require(c, $"seed {Seed}, {type}, {tile}, {rows}x{width}x{depth}");
            Assert.Equal(0, device.LastReport!.Counters.SharedConflicts);
        }
    }

    [Theory]
    [InlineData(DType.F32)]
    [InlineData(DType.F16)]
    [InlineData(DType.BF16)]
    public void Epilogues_agree_with_the_oracle_fused_and_behind_splits(DType type)
    {
        var random = new Random(Seed);
        using var device = new SimulatedKernelDevice(Target.Sm80);
        foreach (var text in type == DType.F32 ? new[] { "16x64x64x2-1x2" } : ["16x64x64x2-1x2", "64x128x64x3-2x2"])
        {
            var tile = GemmTile.Parse(text);
            foreach (var activation in new ActivationKind?[] { null, ActivationKind.GeluErf, ActivationKind.GeluTanh, ActivationKind.Relu, ActivationKind.SwiGlu })
            {
                foreach (var (hasBias, hasResidual) in new[] { (false, false), (true, false), (false, true), (true, true) })
                {
                    var depth = 6 * tile.Depth(type);
                    var trial = new GemmTrial(random, type, 21, 80, depth, hasBias, activation, hasResidual, InputFamily.Wide);
                    foreach (var splits in new[] { 1, 3 })
                    {
                        var c = GemmRun.Multiply(device, new GemmChoice(tile, splits), trial.A, trial.Weight, trial.Bias, activation, trial.Residual);
                        trial.Require(c, $"seed {Seed}, {type}, {tile}, {activation}, bias {hasBias}, residual {hasResidual}, {splits} splits");
                        Assert.Equal(0, device.LastReport!.Counters.SharedConflicts);
                    }
                }
            }
        }
    }
}
