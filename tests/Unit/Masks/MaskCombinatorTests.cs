using Stof.Reference.Masks;

namespace Stof.Reference.Unit.Tests.Masks;

/// <summary>Patterns that take patterns: each against its definition, and what they demand and refuse.</summary>
public sealed class MaskCombinatorTests
{
    private static readonly MaskExtent[] Extents =
        [new(12, 12), new(7, 75), new(20, 9), new(9, 20, Alignment: PositionAlignment.TopLeft), new(20, 9, Alignment: PositionAlignment.TopLeft)];

    [Theory]
    [InlineData(0, 0)]
    [InlineData(3, -2)]
    [InlineData(-4, 66)]
    [InlineData(int.MinValue, 0)]
    [InlineData(0, int.MaxValue)]
    public void Shift_moves_the_pairs(int queries, int keys)
    {
        var of = new SlidingMask(3);
        Each(new ShiftMask(of, queries, keys), (extent, q, k) =>
        {
            var (fromQuery, fromKey) = ((long)q - queries, (long)k - keys);
            return fromQuery >= 0 && fromQuery < extent.QueryLength && fromKey >= 0 && fromKey < extent.KeyLength
                && Math.Abs(fromQuery + extent.QueryOffset - fromKey) <= 3;
        });
    }

    [Fact]
    public void Transpose_swaps_queries_and_keys()
    {
        // The offset changes sign with the rectangle: k' = q, p' = k + (Sq − Skv) bottom-right.
        Each(new TransposeMask(new WindowMask(2, 5)), (extent, q, k) =>
        {
            var position = k + (extent.Alignment == PositionAlignment.TopLeft ? 0 : extent.QueryLength - extent.KeyLength);
            return q >= position - 2 && q <= position + 5;
        });
        var demand = new TransposeMask(MaskText.Parse("documents(4+5) & tree(-1+0) & dense(2x2,AQI)")).Demand;
        Assert.Equal(new MaskDemand(Queries: 9, Keys: 2, LeastQueries: 2), demand);
    }

    [Fact]
    public void Restrict_cuts_a_rectangle_out() =>
        Each(
            new RestrictMask(new CausalMask(), 2, 8, 1, 70),
            (extent, q, k) => q is >= 2 and < 8 && k is >= 1 and < 70 && k <= q + extent.QueryOffset);

    [Fact]
    public void Align_puts_both_alignments_into_one_mask()
    {
        var both = MaskText.Parse("align(of=causal,to=top-left) | align(of=sliding(1),to=bottom-right)");
        Each(both, (extent, q, k) => k <= q || Math.Abs(q + extent.KeyLength - extent.QueryLength - k) <= 1);
        foreach (var extent in Extents)
        {
            Assert.Equal(extent, both.Bind(extent).Extent);
        }
    }

    [Fact]
    public void Heads_asks_pattern_h_for_head_h()
    {
        var mask = MaskText.Parse("heads([causal,empty,stof_cells(fill=0.3,seed=1),head_switch(0+0+0+1)])").Bind(new MaskExtent(40, 40, 2, 4));
        var cells = new StofCellsMask(0.3, 1).Bind(new MaskExtent(40, 40, 2, 4));
        Assert.True(mask.VariesByHead);
        Assert.True(mask.VariesByBatch);
        for (var query = 0; query < 40; query++)
        {
            for (var key = 0; key < 40; key++)
            {
                Assert.Equal(key <= query, mask.Allows(1, 0, query, key));
                Assert.False(mask.Allows(1, 1, query, key));
                Assert.Equal(cells.Allows(1, 2, query, key), mask.Allows(1, 2, query, key));
                Assert.True(mask.Allows(1, 3, query, key));
            }
        }

        Assert.Equal(TileClass.Full, mask.Classify(0, 3, new MaskRect(0, 40, 0, 40)));
        Assert.Equal(TileClass.Empty, mask.Classify(0, 1, new MaskRect(0, 40, 0, 40)));
    }

    [Fact]
    public void Batch_numbers_the_items_of_each_pattern_from_zero()
    {
        var cells = new StofCellsMask(0.3, 1);
        var extent = new MaskExtent(64, 64, 6, 2);
        var mask = new BatchMask([cells, new CausalMask(), cells], [2, 1, 3]).Bind(extent);
        var alone = cells.Bind(extent with { Batch = 3 });
        foreach (var (item, inner) in new[] { (0, 0), (1, 1), (3, 0), (4, 1), (5, 2) })
        {
            Assert.Equal(PackedBits.Rows(alone, inner, 1), PackedBits.Rows(mask, item, 1));
        }

        Assert.Equal(PackedBits.Rows(new CausalMask().Bind(extent), 0, 0), PackedBits.Rows(mask, 2, 1));
        Assert.True(mask.VariesByBatch);
    }

    [Theory]
    [InlineData("heads([sliding(3),sliding(3)])", 1, 2, false, false)]
    [InlineData("heads([sliding(3),sliding(4)])", 1, 2, false, true)]
    [InlineData("heads([head_switch(0+1),head_switch(0+1)])", 1, 2, false, true)]
    [InlineData("heads([head_switch(1+1),head_switch(1+1)])", 1, 2, false, false)]
    [InlineData("batch(of=[sliding(3),sliding(3)],items=1+2)", 3, 1, false, false)]
    [InlineData("batch([sliding(3),sliding(4)])", 2, 1, true, false)]
    [InlineData("batch([heads([full,empty]),heads([full,empty])])", 2, 2, false, true)]
    [InlineData("batch(of=[stof_cells(fill=0.1,seed=1)],items=2)", 2, 1, true, false)]
    [InlineData("bottleneck(modalities=3+4,bottleneck=1,present=10+10)", 2, 1, false, false)]
    [InlineData("bottleneck(modalities=3+4,bottleneck=1,present=10+11)", 2, 1, true, false)]
    public void What_is_shared_is_said_to_be_shared(string text, int batch, int heads, bool byBatch, bool byHead)
    {
        var mask = MaskText.Parse(text).Bind(new MaskExtent(8, 8, batch, heads));
        Assert.Equal((byBatch, byHead), (mask.VariesByBatch, mask.VariesByHead));
    }

    [Fact]
    public void Demands_of_parts_are_merged()
    {
        Assert.Equal(new MaskDemand(4, 4, null, 2), MaskText.Parse("heads([causal,dense(4x4,AQMHDw)])").Demand);
        Assert.Equal(new MaskDemand(Keys: 9, Batch: 5), MaskText.Parse("batch(of=[full,bottleneck(3+4,2,10+01)],items=3+2)").Demand);
        Assert.Equal(new MaskDemand(Heads: 3, LeastKeys: 4), MaskText.Parse("shift(restrict(tree(-1+0) & head_switch(1+0+1) | tree(-1+0+1+2)))").Demand);
        Assert.Equal(new MaskExtent(7, 9, 2, 3), new MaskDemand(Keys: 9, Heads: 3, LeastQueries: 7, LeastKeys: 2).Apply(new MaskExtent(5, 5, 2)));
        Assert.Equal(new MaskExtent(5, 5), new MaskDemand(LeastQueries: 5, LeastKeys: 4).Apply(new MaskExtent(5, 5)));
    }

    [Theory]
    [InlineData("heads([causal,full])", "heads mask: 3 heads; expected the 2 that it is made for")]
    [InlineData("batch([causal,full])", "batch mask: 4 batch items; expected the 2 that it is made for")]
    [InlineData("heads([causal,full,head_switch(1+0)])", "head_switch mask: 3 heads; expected the 2 that it is made for")]
    [InlineData("batch(of=[full,bottleneck(8,4,1+0)],items=3+1)", "bottleneck mask: 1 batch items; expected the 2 that it is made for")]
    [InlineData("bottleneck(8,3)", "bottleneck mask: 12 keys; expected the 11 that it is made for")]
    [InlineData("groups(2,1+0)", "groups mask: 12 keys; expected the 2 that it is made for")]
    [InlineData("tree(-1+0+1+2+3+4+5+6+7+8+9+10+11)", "tree mask: 12 keys; expected 13 or more")]
    [InlineData("transpose(tree(-1+0+1+2+3+4+5+6+7+8))", "tree mask: 9 keys; expected 10 or more")]
    public void Extents_that_do_not_fit_are_refused(string text, string message)
    {
        var pattern = MaskText.Parse(text);
        Assert.Equal(message, Assert.Throws<InvalidInputException>(() => pattern.Bind(new MaskExtent(9, 12, 4, 3))).Message);
    }

    [Fact]
    public void Nothing_to_combine_is_refused()
    {
        Assert.Contains("no pattern", Assert.Throws<InvalidInputException>(() => new HeadsMask([])).Message);
        Assert.Contains("no pattern", Assert.Throws<InvalidInputException>(() => new BatchMask([])).Message);
        Assert.Contains("top-left", Assert.Throws<InvalidInputException>(() => new AlignMask(new FullMask(), (PositionAlignment)7)).Message);
    }

    private static void Each(MaskPattern pattern, Func<MaskExtent, int, int, bool> formula)
    {
        foreach (var extent in Extents)
        {
            var mask = pattern.Bind(extent);
            for (var query = 0; query < extent.QueryLength; query++)
            {
                for (var key = 0; key < extent.KeyLength; key++)
                {
                    Assert.True(formula(extent, query, key) == mask.Allows(0, 0, query, key), $"{pattern} on {extent}: q{query} k{key}");
                }
            }
        }
    }
}
