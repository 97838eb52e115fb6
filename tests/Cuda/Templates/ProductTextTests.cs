using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Templates;
using Stof.Reference.Graphs;
using Stof.Reference.Numerics;
using Stof.Reference.Tests;

namespace Stof.Reference.Cuda.Tests.Templates;

/// <summary>The text of each product and row kernel at one small configuration is the committed one: what changes in it is seen in review.</summary>
public sealed class ProductTextTests
{
    private const float Epsilon = 1e-5f;

    [Fact]
    public void Tensor_core_product_text() => GoldenFile.Verify(
        GemmKernel.Build(
            new GemmSpec(DType.F16, 16, 70, GemmTile.Parse("16x16x64x2-1x1")) { HasBias = true, Activation = ActivationKind.GeluErf, HasResidual = true },
            Target.Sm80).ToPtx(),
        "ptx");

    [Fact]
    public void Float_product_text() => GoldenFile.Verify(
        GemmKernel.Build(new GemmSpec(DType.F32, 8, 20, GemmTile.Parse("8x8x64x2-1x1")) { HasBias = true, HasResidual = true }, Target.Sm80).ToPtx(), "ptx");

    [Fact]
    public void Product_of_normalised_rows_text() => GoldenFile.Verify(
        GemmKernel.Build(
            new GemmSpec(DType.F16, 16, 64, GemmTile.Parse("16x32x128x2-1x2"))
            {
                Prologue = NormKind.Layer,
                PrologueHasBeta = true,
                PrologueEpsilon = Epsilon,
            },
            Target.Sm80).ToPtx(),
        "ptx");

    [Fact]
    public void Cluster_that_normalises_rows_text() => GoldenFile.Verify(
        GemmKernel.Build(
            new GemmSpec(DType.F16, 40, 64, GemmTile.Parse("16x32x64x2-1x2"))
            {
                HasBias = true,
                HasResidual = true,
                Norm = NormKind.Layer,
                NormHasBeta = true,
                NormEpsilon = Epsilon,
                KeepsSum = true,
            },
            Target.Sm90).ToPtx(),
        "ptx");

    [Fact]
    public void Chain_text() => GoldenFile.Verify(
        GemmChain.Build(new GemmChainSpec(DType.F16, 64, 64, 16, 4) { Activation = ActivationKind.Relu, HasFirstBias = true, HasBias = true }, Target.Sm80).ToPtx(), "ptx");

    [Fact]
    public void Row_text() => GoldenFile.Verify(
        RowChain.Build(
            new RowChainSpec(DType.F16, 200)
            {
                HasBias = true,
                HasResidual = true,
                Norm = NormKind.Layer,
                HasBeta = true,
                Epsilon = Epsilon,
                StoresSum = true,
                WarpsPerRow = 1,
            },
            Target.Sm80).ToPtx(),
        "ptx");

    [Fact]
    public void Split_sums_text() => GoldenFile.Verify(
        RowChain.Build(
            new RowChainSpec(DType.F16, 64) { Source = RowSource.SplitSums, Splits = 2, SumPitch = 64, HasBias = true, Activation = ActivationKind.GeluTanh, WarpsPerRow = 1 },
            Target.Sm80).ToPtx(),
        "ptx");

    [Fact]
    public void Rotary_text() => GoldenFile.Verify(RotaryRows.Build(new RotarySpec(DType.F16, 2, 1, 16, 128), Target.Sm80).ToPtx(), "ptx");

    [Fact]
    public void Embedding_text() => GoldenFile.Verify(EmbeddingRows.Build(new EmbeddingSpec(DType.F16, 64, 2), Target.Sm80).ToPtx(), "ptx");
}
