using Stof.Reference.Formats;
using Stof.Reference.Masks;
using Stof.Reference.Unit.Tests.Masks;

namespace Stof.Reference.Unit.Tests.Formats;

public sealed class MaskStatisticsTests
{
    public static TheoryData<string> Texts => MaskCases.ExamplesAndAlgebra;

    [Theory]
    [MemberData(nameof(Texts))]
    public void Counts_equal_those_of_the_dense_mask(string text)
    {
        var pattern = MaskText.Parse(text);
        foreach (var extent in MaskCases.Extents(pattern))
        {
            var mask = pattern.Bind(extent);
            var dense = mask.ToDense();
            var perQuery = new List<long>();
            for (var start = 0; start < dense.Count; start += extent.KeyLength)
            {
                perQuery.Add(dense.Bytes.Slice(start, extent.KeyLength).Count((byte)1));
            }

            var counts = MaskStatistics.Of(mask, new TileShape(16, 32)).Tiles;
            Assert.Equal(perQuery.Sum(), counts.Allowed);
            Assert.Equal(dense.Count, counts.Pairs);
            if (perQuery.Count > 0)
            {
                Assert.Equal((perQuery.Min(), perQuery.Max()), (counts.MinRowKeys, counts.MaxRowKeys));
                Assert.Equal(perQuery.Count(c => c == 0), counts.EmptyRows);
            }

            var perSlice = Enumerable.Range(0, extent.Batch).SelectMany(b => Enumerable.Range(0, extent.Heads).Select(h => (b, h)))
                .Where(s => (s.b == 0 || mask.VariesByBatch) && (s.h == 0 || mask.VariesByHead))
                .Select(s => MaskStatistics.Of(mask, new TileShape(16, 32), s.b, s.h).Tiles).ToArray();
            Assert.Equal(counts.Allowed, perSlice.Sum(s => s.Allowed));
            Assert.Equal(counts.Full, perSlice.Sum(s => s.Full));
            Assert.Equal(counts.Part, perSlice.Sum(s => s.Part));
            Assert.Equal(counts.Empty, perSlice.Sum(s => s.Empty));
            Assert.Equal(counts.MaxRowTiles, perSlice.Max(s => s.MaxRowTiles));
        }
    }

    [Fact]
    public void Density_is_divided_by_the_batch()
    {
        var mask = BlockMaskBuilder.Build(
            new PredicateMask("causal", (_, _, q, k) => k <= q, DiffersByHead: false), new MaskExtent(128, 128, 8), TileShape.Default);
        Assert.Equal(8, TileCounts.Of(mask).Slices);
        Assert.Equal(0.50390625, TileCounts.Of(mask).Density);
    }

    [Theory]
    [InlineData(0, 1.0, KernelKind.RowWise)]
    [InlineData(1, 1.0, KernelKind.RowWise)]
    [InlineData(16, 1.0, KernelKind.RowWise)]
    [InlineData(17, 1.0, KernelKind.RowWise)]
    [InlineData(32, 1.0, KernelKind.RowWise)]
    [InlineData(64, 0.29, KernelKind.RowWise)]
    [InlineData(64, 0.30, KernelKind.BlockWise)]
    [InlineData(4096, 0.0187, KernelKind.RowWise)]
    [InlineData(4096, 0.0194, KernelKind.BlockWise)]
    public void The_published_rule_is_row_wise_below_its_threshold_and_for_sixteen_keys_or_fewer(int keys, double rho, KernelKind expected)
    {
        Assert.Equal(expected, PaperSelector.Choose(rho, keys));
    }

    [Fact]
    public void Tiles_a_row_and_empty_rows_are_found()
    {
        var counts = TileCounts.Of(BlockMaskBuilder.Build(MaskText.Parse("causal & dilated(width=64,gap=1)"), new MaskExtent(256, 256), TileShape.Default));
        Assert.Equal((1, 3), (counts.MinRowTiles, counts.MaxRowTiles));
        Assert.Equal((1, 0L), (counts.EmptyRows, counts.MinRowKeys));
    }
}
