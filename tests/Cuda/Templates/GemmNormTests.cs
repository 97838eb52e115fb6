using Stof.Reference.Cuda.Execution;
using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Templates;
using Stof.Reference.Graphs;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;
using Stof.Reference.Tests;

namespace Stof.Reference.Cuda.Tests.Templates;

/// <summary>Products whose rows are normalised where they are computed, by a block and by clusters of blocks, on the simulator: any finding fails the launch.</summary>
public class GemmNormTests
{
    private const int Seed = 6021;

    /// <summary>Tiles, types and columns: whole rows in a warp, in a block, in clusters of up to eight; last blocks with few columns, warps without any.</summary>
    public static TheoryData<string, DType, int> Cases
    {
        get
        {
            var data = new TheoryData<string, DType, int>();
            foreach (var (tile, columns) in new[]
            {
                ("16x64x128x2-1x2", 64), ("16x64x128x2-1x2", 50), ("32x64x64x2-2x2", 20), ("64x32x64x3-1x1", 32), ("32x32x64x2-2x1", 25), ("32x128x128x3-1x4", 100),
                ("16x64x128x2-1x2", 128), ("16x64x128x2-1x2", 150), ("32x64x64x2-2x2", 130), ("16x32x128x2-1x2", 256), ("64x32x64x2-1x1", 70), ("32x32x64x2-2x1", 96),
                ("16x64x128x2-1x4", 384), ("64x64x64x2-2x2", 193),
            })
            {
                data.Add(tile, DType.F16, columns);
            }

            data.Add("16x64x128x2-1x2", DType.BF16, 90);
            data.Add("32x64x64x2-2x2", DType.BF16, 192);
            data.Add("16x32x64x2-2x2", DType.F32, 30);
            data.Add("16x32x128x2-1x2", DType.F32, 70);
            data.Add("8x32x128x2-1x2", DType.F32, 256);
            data.Add("32x16x64x2-2x1", DType.F32, 33);
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Rows_agree_with_the_oracle(string text, DType type, int columns)
    {
        var tile = GemmTile.Parse(text);
        var random = new Random(Seed + columns);
        using var device = new SimulatedKernelDevice(Target.Sm90);
        foreach (var (rows, depth, kind, hasBias, hasResidual, keepsSum) in new[]
        {
            (tile.Rows + 5, 3 * tile.Depth(type), NormKind.Layer, true, true, true), (tile.Rows, 72, NormKind.Layer, false, true, false),
            (3, 40, NormKind.RootMeanSquare, true, false, false), (2 * tile.Rows, 5 * tile.Depth(type), NormKind.RootMeanSquare, false, true, true),
        })
        {
            Require(device, new GemmChoice(tile, 1), new GemmNormTrial(random, type, rows, columns, depth, kind, hasBias, hasResidual), keepsSum, $"seed {Seed}, {type}, {tile}, {rows}x{columns}x{depth}, {kind}");
            Assert.Equal(0, device.LastReport!.Counters.SharedConflicts);
        }
    }

    [Theory]
    [InlineData("16x64x128x2-1x2", DType.F16)]
    [InlineData("16x32x64x2-1x2", DType.F32)]
    public void A_mean_far_from_zero_does_not_cancel(string text, DType type)
    {
        // A variance by squares alone would lose all its digits.
        using var device = new SimulatedKernelDevice(Target.Sm90);
        var trial = new GemmNormTrial(new Random(Seed), type, 9, 100, 96, NormKind.Layer, hasBias: true, hasResidual: false, biasShift: 1000);
        Require(device, new GemmChoice(GemmTile.Parse(text), 1), trial, keepsSum: false, $"seed {Seed}, {type}");
    }

    [Fact]
    public void The_same_bits_in_every_block_and_every_run()
    {
        var random = new Random(Seed);
        using var device = new SimulatedKernelDevice(Target.Sm90);
        var trial = new GemmNormTrial(random, DType.F16, 40, 190, 80, NormKind.Layer, hasBias: true, hasResidual: true);
        byte[] Run() => GemmRun.MultiplyNormalised(
            device, new GemmChoice(GemmTile.Parse("16x64x128x2-1x2"), 1), trial.Product.A, trial.Product.Weight, trial.Product.Bias, trial.Product.Residual, trial.Kind, trial.Gamma, trial.Beta, GemmNormTrial.Epsilon)
            .Bytes.ToArray();
        Assert.Equal(Run(), Run());
    }

    [Fact]
    public void Where_nobody_holds_the_rows_a_row_kernel_does()
    {
        var random = new Random(Seed);
        var tile = GemmTile.Parse("16x64x64x2-1x2");
        foreach (var (target, columns, splits) in new[] { (Target.Sm80, 100, 1), (Target.Sm90, 600, 1), (Target.Sm90, 100, 2) })
        {
            using var device = new SimulatedKernelDevice(target);
            var trial = new GemmNormTrial(random, DType.F16, 11, columns, 128, NormKind.Layer, hasBias: true, hasResidual: true);
            Require(device, new GemmChoice(tile, splits), trial, keepsSum: true, $"seed {Seed}, {target.Name}, {columns} columns, {splits} splits");
            Assert.StartsWith("rows_", device.LastReport!.Kernel, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void What_does_not_fit_is_refused()
    {
        var good = new GemmSpec(DType.F16, 128, 256, GemmTile.Parse("64x64x128x3-2x2")) { Norm = NormKind.Layer, NormHasBeta = true, KeepsSum = true };
        GemmSpec[] bad =
        [
            good with { Columns = 520 }, good with { StoresSums = true }, good with { IsBatched = true }, good with { Prologue = NormKind.Layer },
            good with { Activation = ActivationKind.SwiGlu }, good with { Norm = null },
        ];
        Assert.Equal(2, GemmKernel.Build(good, Target.Sm90).ClusterBlocks);
        Assert.Throws<InvalidInputException>(() => GemmKernel.Build(good, Target.Sm80));
        Assert.Equal(1, GemmKernel.Build(good with { Columns = 64 }, Target.Sm80).ClusterBlocks);
        Assert.All(bad, spec => Assert.Throws<InvalidInputException>(() => GemmKernel.Build(spec, Target.Sm90)));
    }

    private static void Require(SimulatedKernelDevice device, GemmChoice choice, GemmNormTrial trial, bool keepsSum, string label)
    {
        var product = trial.Product;
        var sum = keepsSum ? HostTensor.Uninitialized(product.A.Type, product.A.Shape[0], product.Weight.Shape[0]) : null;
        var y = GemmRun.MultiplyNormalised(device, choice, product.A, product.Weight, product.Bias, product.Residual, trial.Kind, trial.Gamma, trial.Beta, GemmNormTrial.Epsilon, sum);
        trial.Require(y, sum, label);
    }
}
