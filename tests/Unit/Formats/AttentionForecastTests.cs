using Stof.Reference.Formats;
using Stof.Reference.Masks;
using Stof.Reference.Numerics;

namespace Stof.Reference.Unit.Tests.Formats;

public sealed class AttentionForecastTests
{
    [Fact]
    public void Causal_at_sixteen_in_tiles_of_eight_by_hand()
    {
        // 136 pairs; three loaded tiles of 64 pairs, two of them part with one bitmap word; Dqk = 4, Dv = 2, two bytes a value.
        var counts = TileCounts.Of(BlockMaskBuilder.Build(new CausalMask(), new MaskExtent(16, 16), new TileShape(8, 8)));
        var forecast = AttentionForecast.Of(counts, 16, 16, 4, 2, DType.F16);
        Assert.Equal(136 * 2 * 6, forecast.UsefulFlops);
        Assert.Equal(3 * 64 * 2 * 6, forecast.TileFlops);
        Assert.Equal(136.0 / 192, forecast.TileEfficiency, 1e-15);
        Assert.Equal((16 + 16) * 6 * 2, forecast.LeastBytes);
        Assert.Equal((16 * 6 * 2) + (3 * 8 * 6 * 2) + (3 * 2 * 4) + (2 * 8), forecast.TileBytes);
        Assert.Equal(4.0 / 3, counts.RowImbalance, 1e-15);
    }

    [Fact]
    public void A_mask_without_pairs_has_no_work_and_is_balanced()
    {
        foreach (var extent in new[] { new MaskExtent(0, 0), new MaskExtent(70, 70) })
        {
            var counts = TileCounts.Of(BlockMaskBuilder.Build(new EmptyMask(), extent, TileShape.Default));
            var forecast = AttentionForecast.Of(counts, extent.QueryLength, extent.KeyLength, 64, 64, DType.F32);
            Assert.Equal((0, 0, 1), (forecast.UsefulFlops, forecast.TileFlops, forecast.TileEfficiency));
            Assert.Equal(1, counts.RowImbalance);
            Assert.True(double.IsFinite(forecast.Intensity));
        }
    }

    [Fact]
    public void Tiles_never_make_less_work_than_their_pairs_and_slices_add_up()
    {
        var bound = MaskText.Parse("bigbird(band=20,global=8,fill=0.05,seed=3)").Bind(new MaskExtent(200, 200, 3));
        var lists = BlockMaskBuilder.Build(bound, TileShape.Default);
        var all = AttentionForecast.Of(TileCounts.Of(lists), 200, 200, 64, 64, DType.BF16);
        var sum = Enumerable.Range(0, 3).Sum(slice => AttentionForecast.Of(TileCounts.Of(lists, slice), 200, 200, 64, 64, DType.BF16).TileBytes);
        Assert.True(all.TileFlops > all.UsefulFlops && all.TileBytes > all.LeastBytes);
        Assert.Equal(sum, all.TileBytes);
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 0)]
    public void Sizes_below_one_are_refused(int headSize, int valueSize)
    {
        var counts = TileCounts.Of(BlockMaskBuilder.Build(new CausalMask(), new MaskExtent(8, 8), TileShape.Default));
        Assert.Contains("head size: 0", Assert.Throws<InvalidInputException>(() => AttentionForecast.Of(counts, 8, 8, headSize, valueSize, DType.F32)).Message);
    }

    [Fact]
    public void Statistics_compare_tile_sizes()
    {
        var statistics = MaskStatistics.Of(MaskText.Parse("sliding(32)").Bind(new MaskExtent(512, 512)), new TileShape(64, 64));
        Assert.Equal(MaskStatistics.ComparedTiles, statistics.Sizes.Select(s => s.Tile));
        Assert.Equal((0L, 22L, 42L), (statistics.Tiles.Full, statistics.Tiles.Part, statistics.Tiles.Empty));
        Assert.Equal((94L, 60L), (statistics.Sizes[0].Full, statistics.Sizes[0].Part));
        Assert.All(statistics.Sizes, s => Assert.Equal(statistics.Tiles.Allowed, s.Allowed));
    }
}
