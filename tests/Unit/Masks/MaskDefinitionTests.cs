using Stof.Reference.Masks;
using Stof.Reference.Tests;

namespace Stof.Reference.Unit.Tests.Masks;

/// <summary>Each pattern against its formula, written out a second time over plain integers.</summary>
public sealed class MaskDefinitionTests
{
    // p is the query's position, k the key, n the number of keys.
    private static readonly Dictionary<string, Func<int, int, int, bool>> Formulas = new()
    {
        ["full"] = (p, k, n) => true,
        ["empty"] = (p, k, n) => false,
        ["causal"] = (p, k, n) => k <= p,
        ["sliding(5)"] = (p, k, n) => p - k <= 5 && k - p <= 5,
        ["sliding(0)"] = (p, k, n) => p == k,
        ["causal & sliding(64)"] = (p, k, n) => k <= p && p - k <= 64,
        ["dilated(width=7,gap=2)"] = (p, k, n) => new[] { -9, -6, -3, 0, 3, 6, 9 }.Contains(k - p),
        ["dilated(width=4,gap=1)"] = (p, k, n) => new[] { -5, -3, -1, 1, 3, 5 }.Contains(k - p),
        ["dilated(width=3,gap=0)"] = (p, k, n) => Math.Abs(k - p) <= 3,
        ["longformer(band=4,global=9)"] = (p, k, n) => Math.Abs(p - k) <= 4 || (p >= 0 && p < 9) || k < 9,
        ["longformer(band=4,global=9,second=half)"] = (p, k, n) =>
            Math.Abs(p - k) <= 4 || (p >= 0 && p < 9) || k < 9 || (p >= n / 2 && p < (n / 2) + 9) || (k >= n / 2 && k < (n / 2) + 9),
        ["strided(8)"] = (p, k, n) => k <= p && (p - k < 8 || (p - k) % 8 == 0),
        ["fixed(block=8,summary=2)"] = (p, k, n) => k <= p && (k / 8 == p / 8 || k % 8 >= 6),
        ["log_sparse(6)"] = (p, k, n) => k <= p && (p - k < 6 || new[] { 1, 2, 4, 8, 16, 32, 64, 128, 256 }.Contains(p - k)),
        ["local(7)"] = (p, k, n) => p >= 0 && p / 7 == k / 7,
        ["causal & local(32)"] = (p, k, n) => k <= p && p / 32 == k / 32,
        ["neighbourhood(height=7,width=9,radius=2)"] = (p, k, n) =>
            p >= 0 && p < 63 && k < 63 && Math.Abs((p / 9) - (k / 9)) <= 2 && Math.Abs((p % 9) - (k % 9)) <= 2,
        ["neighbourhood(height=7,width=9,radius=3,edge=shift)"] = (p, k, n) =>
            p >= 0 && p < 63 && k < 63 && Math.Abs((k % 9) - new[] { 3, 3, 3, 3, 4, 5, 5, 5, 5 }[p % 9]) <= 3,
        ["neighbourhood(height=12,width=5,radius=1,edge=shift)"] = (p, k, n) =>
            p >= 0 && p < 60 && k < 60
            && Math.Abs((k / 5) - Math.Min(Math.Max(p / 5, 1), 10)) <= 1 && Math.Abs((k % 5) - new[] { 1, 1, 2, 3, 3 }[p % 5]) <= 1,
        ["dilated_2d(height=9,width=8,radius=2,gap=1)"] = (p, k, n) =>
            p >= 0 && p < 72 && k < 72 && new[] { -4, -2, 0, 2, 4 }.Contains((p / 8) - (k / 8)) && new[] { -4, -2, 0, 2, 4 }.Contains((p % 8) - (k % 8)),
        ["dilated_2d(height=3,width=20,radius=9,gap=4)"] = (p, k, n) =>
            p >= 0 && p < 60 && k < 60 && p / 20 == k / 20 && ((p % 20) - (k % 20)) % 5 == 0,
        ["swin(height=6,width=9,window=3,shift=1)"] = (p, k, n) =>
            p >= 0 && p < 54 && k < 54 && new[] { 0, 1, 1, 1, 2, 2 }[p / 9] == new[] { 0, 1, 1, 1, 2, 2 }[k / 9]
            && new[] { 0, 1, 1, 1, 2, 2, 2, 3, 3 }[p % 9] == new[] { 0, 1, 1, 1, 2, 2, 2, 3, 3 }[k % 9],
        ["token_topk(top=2,shape=4x4,selected=AAAAAP____8AAAAAAQAAAAAAAAABAAAAAAAAAAMAAAA)"] = (p, k, n) =>
            new[] { new[] { 0 }, [0, 1], [0, 1], [0, 3] }[p].Contains(k),
        ["block_topk(block=2,init=1,local=1,top=1,shape=8x8,selected=_____________________wEAAAABAAAAAgAAAAIAAAA)"] = (p, k, n) =>
            k <= p && (k < 2 || k / 2 == p / 2 || k / 2 == new[] { -1, -1, -1, -1, 1, 1, 2, 2 }[p]),
        ["discard(shape=4,until=BAAAAAIAAAAEAAAA____fw)"] = (p, k, n) => k <= p && (k == 3 || p < new[] { 4, 2, 4 }[k]),
        ["prefix(16)"] = (p, k, n) => k <= p || k < 16,
        ["documents(20+5+40)"] = (p, k, n) =>
            new[] { (0, 20), (20, 25), (25, 65) }.Any(d => p >= d.Item1 && p < d.Item2 && k >= d.Item1 && k < d.Item2),
        ["window(left=8,right=2)"] = (p, k, n) => k >= p - 8 && k <= p + 2,
        ["window(left=3,right=0)"] = (p, k, n) => new[] { p - 3, p - 2, p - 1, p }.Contains(k),
        ["window(4)"] = (p, k, n) => k >= p - 4,
        ["window(right=1)"] = (p, k, n) => k <= p + 1,
        ["window"] = (p, k, n) => true,
        ["streaming(sinks=4,window=16)"] = (p, k, n) => k <= p && (k < 4 || k > p - 16),
        ["streaming(sinks=1,window=1)"] = (p, k, n) => (k == 0 && p >= 0) || k == p,
        ["streaming(sinks=3,window=0)"] = (p, k, n) => k <= p && k < 3,
        ["block_prefix(prefix=2,block=4)"] = (p, k, n) => p >= 0 && p / 6 == k / 6 && (k % 6 < 2 || k % 6 <= p % 6),
        ["block_prefix(prefix=0,block=3)"] = (p, k, n) => p >= 0 && p / 3 == k / 3 && k <= p,
        ["bottleneck(modalities=20+30+10,bottleneck=5)"] = (p, k, n) =>
            p >= 0 && p < 65 && (p >= 60 || k >= 60 || (p < 20 && k < 20) || (p >= 20 && p < 50 && k >= 20 && k < 50) || (p >= 50 && k >= 50)),
        ["bottleneck(modalities=3+0+4+2,bottleneck=2,present=1101)"] = (p, k, n) =>
            new[] { (0, 3), (7, 9), (9, 11) }.Any(d => p >= d.Item1 && p < d.Item2 && k >= d.Item1 && k < d.Item2)
            || (p is 9 or 10 && k is < 3 or 7 or 8) || (k is 9 or 10 && p is 0 or 1 or 2 or 7 or 8),
        ["groups(4)"] = (p, k, n) => p >= 0 && p < n && (p / 4 == k / 4 || (p >= n / 4 * 4 && k >= n - 4)),
        ["groups(69)"] = (p, k, n) => p >= 0 && p < n && (p / 69 == k / 69 || (p >= n / 69 * 69 && k >= n - 69)),
        ["groups(size=3,order=10+9+8+7+6+5+4+3+2+1+0)"] = (p, k, n) =>
            p >= 0 && p < 11 && ((10 - p) / 3 == (10 - k) / 3 || (p < 2 && k < 3)),
        ["groups(size=9,order=2+0+1)"] = (p, k, n) => p is 0 or 1 or 2,
        ["tree(-1+0+0+1+1+2)"] = (p, k, n) => p < n && (p < n - 6
            ? k <= p
            : k < n - 6 || new[] { "0", "01", "02", "013", "014", "025" }[p - n + 6].Contains((char)('0' + k - n + 6))),
        ["tree(3+0+-1+-1+2+0+1)"] = (p, k, n) => p < n && (p < n - 7
            ? k <= p
            : k < n - 7 || new[] { "03", "103", "2", "3", "42", "503", "6103" }[p - n + 7].Contains((char)('0' + k - n + 7))),
        ["causal | sliding(3)"] = (p, k, n) => k <= p + 3,
        ["!causal"] = (p, k, n) => k > p,
        ["!(causal & sliding(3)) | sliding(0)"] = (p, k, n) => !(k <= p && p - k <= 3) || p == k,
    };

    public static TheoryData<string> Texts => [.. Formulas.Keys];

    [Theory]
    [MemberData(nameof(Texts))]
    public void The_predicate_is_the_formula_on_positions(string text)
    {
        var formula = Formulas[text];
        foreach (var extent in MaskCases.Extents(MaskText.Parse(text)))
        {
            var offset = extent.Alignment == PositionAlignment.BottomRight ? extent.KeyLength - extent.QueryLength : 0;
            var mask = MaskText.Parse(text).Bind(extent);
            for (var query = 0; query < extent.QueryLength; query++)
            {
                for (var key = 0; key < extent.KeyLength; key++)
                {
                    Assert.True(
                        formula(query + offset, key, extent.KeyLength) == mask.Allows(0, 0, query, key), $"{text} on {extent}: q{query} k{key}");
                }
            }
        }
    }

    [Fact]
    public void A_decoding_step_sees_the_last_row_of_the_square_mask()
    {
        // Patterns of positions, that is: some of the algebra speaks of query indices or of an alignment.
        foreach (var text in MaskExamples.Anywhere.Where(t => MaskText.Parse(t) is not (ShiftMask or TransposeMask or RestrictMask or AlignMask)))
        {
            var pattern = MaskText.Parse(text);
            var square = pattern.Bind(new MaskExtent(160, 160, 2));
            var step = pattern.Bind(new MaskExtent(1, 160, 2));
            for (var key = 0; key < 160; key++)
            {
                Assert.True(square.Allows(1, 0, 159, key) == step.Allows(1, 0, 0, key), $"{text}, key {key}");
            }
        }
    }

    [Fact]
    public void Causal_dilation_with_an_odd_reach_leaves_query_zero_without_a_key()
    {
        var mask = MaskText.Parse("causal & dilated(width=64,gap=1)").Bind(new MaskExtent(128, 128));
        Assert.DoesNotContain(Enumerable.Range(0, 128), key => mask.Allows(0, 0, 0, key));
        Assert.False(mask.Allows(0, 0, 77, 77));
        Assert.True(mask.Allows(0, 0, 77, 76));
    }

    [Fact]
    public void The_widest_band_covers_everything_and_does_not_overflow()
    {
        var extent = new MaskExtent(70, 90);
        foreach (var text in new[] { "sliding(2147483647)", "dilated(width=2147483647,gap=0)", "longformer(band=2147483647,global=2147483647,second=half)" })
        {
            Assert.Equal(TileClass.Full, MaskText.Parse(text).Bind(extent).Classify(0, 0, new MaskRect(0, 70, 0, 90)));
        }

        // From the edge at −(2³² − 2) in steps of 2³¹ the offsets are −(2³² − 2), −(2³¹ − 2), 2, …: here only k = p + 2 = q + 22.
        var sparse = MaskText.Parse("dilated(width=2147483647,gap=2147483647)").Bind(extent);
        Assert.Equal(68, Enumerable.Range(0, 70).Sum(q => Enumerable.Range(0, 90).Count(k => sparse.Allows(0, 0, q, k))));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(100)]
    public void Random_blocks_are_distinct_whole_blocks_as_many_as_asked(int blocks)
    {
        const int Size = 16;
        var extent = new MaskExtent(200, 200, 2, 2);
        var mask = new RandomBlocksMask(blocks, Size, 9).Bind(extent);
        for (var query = 0; query < 200; query++)
        {
            var taken = Enumerable.Range(0, 13).Where(block => mask.Allows(1, 1, query, block * Size)).ToArray();
            Assert.Equal(Math.Min(blocks, 13), taken.Length);
            for (var key = 0; key < 200; key++)
            {
                Assert.Equal(taken.Contains(key / Size), mask.Allows(0, 0, query, key));
                Assert.Equal(mask.Allows(0, 0, query / Size * Size, key), mask.Allows(0, 0, query, key));
            }
        }
    }

    [Fact]
    public void Random_blocks_reach_every_column_about_equally()
    {
        var mask = new RandomBlocksMask(4, 8, 1).Bind(new MaskExtent(8 * 4000, 8 * 32));
        var counts = new int[32];
        for (var row = 0; row < 4000; row++)
        {
            for (var block = 0; block < 32; block++)
            {
                // Rows below position 0 take no part: aligned bottom-right only the last 32 block rows would.
                counts[block] += mask.Allows(0, 0, row * 8, block * 8) ? 1 : 0;
            }
        }

        Assert.Equal(32 * 4, counts.Sum());
        var topLeft = new RandomBlocksMask(4, 8, 1).Bind(new MaskExtent(8 * 4000, 8 * 32, Alignment: PositionAlignment.TopLeft));
        var spread = Enumerable.Range(0, 32).Select(b => Enumerable.Range(0, 4000).Count(r => topLeft.Allows(0, 0, r * 8, b * 8))).ToArray();

        // 4,000 rows × 4 of 32 blocks: 500 expected in each, standard deviation 21.
        Assert.All(spread, count => Assert.InRange(count, 500 - 105, 500 + 105));
    }

    [Fact]
    public void Seeds_and_batch_items_give_other_cells()
    {
        var extent = new MaskExtent(256, 256, 3);
        var first = new StofCellsMask(0.1, 0).Bind(extent);
        var other = new StofCellsMask(0.1, 1).Bind(extent);
        Assert.NotEqual(PackedBits.Rows(first, 0, 0), PackedBits.Rows(first, 1, 0));
        Assert.NotEqual(PackedBits.Rows(first, 1, 0), PackedBits.Rows(first, 2, 0));
        Assert.NotEqual(PackedBits.Rows(first, 0, 0), PackedBits.Rows(other, 0, 0));
        Assert.Equal(PackedBits.Rows(first, 1, 0), PackedBits.Rows(new StofCellsMask(0.1, 0).Bind(extent with { Batch = 2 }), 1, 0));
    }
}
