using Stof.Reference.Formats;
using Stof.Reference.Masks;

namespace Stof.Reference.Unit.Tests.Masks;

public sealed class StoredPatternTests
{
    private static BoundMask Tiles(MaskExtent extent, string text = "causal & sliding(9)") =>
        BlockMaskBuilder.Build(MaskText.Parse(text), extent, new TileShape(16, 16)).AsMask();

    [Fact]
    public void It_binds_to_its_own_rectangle_without_a_copy()
    {
        var extent = new MaskExtent(40, 50, 2, 3, PositionAlignment.TopLeft);
        var mask = Tiles(extent);
        Assert.Same(mask, new StoredPattern(mask, "tiles").Bind(extent));
    }

    [Fact]
    public void Shared_items_and_heads_serve_any_number_of_them()
    {
        var mask = Tiles(new MaskExtent(40, 50));
        var bound = new StoredPattern(mask, "tiles").Bind(new MaskExtent(40, 50, 5, 7));
        Assert.Equal((5, 7), (bound.Extent.Batch, bound.Extent.Heads));
        for (var q = 0; q < 40; q++)
        {
            Assert.Equal(mask.Row64(0, 0, q, 0), bound.Row64(4, 6, q, 0));
            Assert.Equal(mask.Allows(0, 0, q, q), bound.Allows(4, 6, q, q));
        }

        Assert.Equal(TileClass.Empty, bound.Classify(4, 6, new MaskRect(0, 8, 40, 50)));
        Assert.False(bound.VariesByBatch || bound.VariesByHead);
    }

    [Theory]
    [InlineData(41, 50, 2, 3, false, "40 queries and 50 keys; expected 41 and 50")]
    [InlineData(40, 49, 2, 3, false, "40 queries and 50 keys; expected 40 and 49")]
    [InlineData(40, 50, 2, 3, true, "positions aligned bottom-right; expected top-left")]
    [InlineData(40, 50, 1, 3, false, "2 batch items that differ; expected 1")]
    public void Another_rectangle_is_refused(int queries, int keys, int batch, int heads, bool topLeft, string message)
    {
        var pattern = new StoredPattern(Tiles(new MaskExtent(40, 50, 2, 3), "stof_cells(fill=0.1,seed=0)"), "tiles");
        var alignment = topLeft ? PositionAlignment.TopLeft : PositionAlignment.BottomRight;
        Assert.Contains(
            message, Assert.Throws<InvalidInputException>(() => pattern.Bind(new MaskExtent(queries, keys, batch, heads, alignment))).Message);
    }

    [Fact]
    public void Differing_heads_are_kept_apart()
    {
        var mask = new PredicateMask("drawn", (_, h, q, k) => k <= q + h, false, true).Bind(new MaskExtent(8, 8, 1, 2));
        var pattern = new StoredPattern(mask, "rows");
        Assert.True(pattern.Bind(new MaskExtent(8, 8, 4, 2)).Allows(3, 1, 0, 1));
        Assert.Contains("2 heads that differ; expected 3", Assert.Throws<InvalidInputException>(() => pattern.Bind(new MaskExtent(8, 8, 1, 3))).Message);
    }

    [Fact]
    public void Square_masks_have_the_same_positions_under_either_alignment() =>
        Assert.True(new StoredPattern(Tiles(new MaskExtent(40, 40)), "tiles").Bind(new MaskExtent(40, 40, Alignment: PositionAlignment.TopLeft)).Allows(0, 0, 9, 9));

    [Fact]
    public void Its_text_says_what_it_is_and_parses_nowhere()
    {
        var pattern = new StoredPattern(Tiles(new MaskExtent(40, 50, 2, 3), "stof_cells(fill=0.1,seed=0)"), "tiles");
        Assert.Equal("stored(tiles,2x1x40x50)", pattern.ToString());
        Assert.Equal("stored(rows,40x50)", new StoredPattern(Tiles(new MaskExtent(40, 50)), "rows").ToString());
        Assert.Throws<InvalidInputException>(() => MaskText.Parse(pattern.ToString()));
        Assert.Contains("StoredPattern", Assert.Throws<InvalidInputException>(() => MaskJson.Print(pattern)).Message);
        Assert.Contains("StoredPattern", Assert.Throws<InvalidInputException>(() => MaskJson.Print(pattern & new CausalMask())).Message);
    }

    [Fact]
    public void It_combines_with_patterns_and_equals_by_what_it_holds()
    {
        var extent = new MaskExtent(40, 40);
        var mask = Tiles(extent, "sliding(9)");
        Assert.Equal(Tiles(extent).ToDense().Bytes, (new StoredPattern(mask, "tiles") & new CausalMask()).Bind(extent).ToDense().Bytes);
        Assert.Equal(new StoredPattern(mask, "tiles"), new StoredPattern(mask, "tiles"));
        Assert.NotEqual(new StoredPattern(mask, "tiles"), new StoredPattern(Tiles(extent, "sliding(9)"), "tiles"));
    }

    [Fact]
    public void Tile_lists_of_131072_tokens_stay_tile_lists()
    {
        var extent = new MaskExtent(1 << 17, 1 << 17);
        var arrays = MaskFormats.Find("tiles").Write(MaskText.Parse("causal & sliding(64)").Bind(extent), new MaskFormatOptions { Tile = new TileShape(128, 128) });
        var bound = new StoredPattern(MaskFormats.Find("tiles").Read(arrays), "tiles").Bind(extent with { Batch = 2 });
        Assert.Equal((1 << 10) + (1 << 10) - 1, BlockMaskBuilder.Build(bound, new TileShape(128, 128)).LoadColIdx.Length);
    }
}
