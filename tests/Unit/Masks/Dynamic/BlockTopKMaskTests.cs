using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;
using Stof.Reference.Tests;

namespace Stof.Reference.Unit.Tests.Masks.Dynamic;

public sealed class BlockTopKMaskTests
{
    [Fact]
    public void Of_equal_scores_the_lowest_blocks_win_and_blocks_seen_anyway_take_no_place()
    {
        // Ten positions in blocks of 2; block 0 is always seen, so is the query's own. The query at 9 chooses among blocks 1, 2 and 3.
        var scores = HostTensor.Zeros(DType.F32, 1, 1, 10, 5);
        scores.Span<float>()[(9 * 5)..].Fill(7);
        var mask = BlockTopKMask.Select(scores, new MaskExtent(10, 10), block: 2, init: 1, local: 1, top: 2);
        Assert.Equal([-1, -1, -1, -1, -1, -1, -1, -1, 1, -1, 1, -1, 1, 2, 1, 2, 1, 2, 1, 2], mask.Selected.ToArray());
        var bound = mask.Bind(new MaskExtent(10, 10));
        Assert.Equal([0, 1, 2, 3, 4, 5, 8, 9], Enumerable.Range(0, 10).Where(k => bound.Allows(0, 0, 9, k)));
        Assert.Equal([0, 1, 2, 3, 4, 5, 8], Enumerable.Range(0, 10).Where(k => bound.Allows(0, 0, 8, k)));

        // Neither an infinite score of a forced block nor one of a later block changes anything; −∞ is never selected.
        scores.Span<float>()[9 * 5] = float.PositiveInfinity;
        scores.Span<float>()[(9 * 5) + 4] = float.PositiveInfinity;
        scores.Span<float>()[(5 * 5) + 4] = float.PositiveInfinity;
        Assert.Equal(mask, BlockTopKMask.Select(scores, new MaskExtent(10, 10), 2, 1, 1, 2));
        scores.Span<float>()[(9 * 5) + 1] = float.NegativeInfinity;
        scores.Span<float>()[(9 * 5) + 2] = float.NegativeInfinity;
        Assert.Equal([3, -1], BlockTopKMask.Select(scores, new MaskExtent(10, 10), 2, 1, 1, 2).Selected[^2..].ToArray());
    }

    [Theory]
    [InlineData(1, 1, 3, 1, 1, 2)]
    [InlineData(2, 4, 3, 0, 0, 1)]
    [InlineData(1, 2, 1, 2, 3, 4)]
    [InlineData(2, 1, 8, 0, 2, 3)]
    [InlineData(1, 4, 5, 1, 0, int.MaxValue)]
    [InlineData(1, 1, 4, 2, 1, 0)]
    public void The_predicate_is_the_definition_over_a_full_sort(int batch, int scoreHeads, int block, int init, int local, int top)
    {
        const int Seed = 51;
        const int Heads = 4;
        var random = new Random(Seed);
        foreach (var (queries, keys) in new[] { (1, 1), (40, 40), (7, 61), (29, 13), (0, 5), (3, 0) })
        {
            foreach (var alignment in Enum.GetValues<PositionAlignment>())
            {
                var blocks = (keys + block - 1) / block;
                var extent = new MaskExtent(queries, keys, 2, Heads, alignment);
                var scores = HostTensor.From<float>(
                    [
                        .. Enumerable.Range(0, batch * scoreHeads * queries * blocks)
                            .Select(_ => random.Next(9) == 0 ? float.NegativeInfinity : random.Next(6)),
                    ],
                    batch, scoreHeads, queries, blocks);
                var pattern = BlockTopKMask.Select(scores, extent, block, init, local, top);
                Assert.Equal(pattern, MaskText.Parse(pattern.ToString()));
                Assert.Equal(pattern, MaskJson.Parse(MaskJson.Print(pattern)));
                Assert.Equal(Math.Min(top, blocks), pattern.Top);
                var mask = pattern.Bind(extent);
                Assert.Equal((batch > 1, scoreHeads > 1), (mask.VariesByBatch, mask.VariesByHead));
                for (var row = 0; row < 2 * Heads * queries; row++)
                {
                    var (b, h, q) = (row / queries / Heads, row / queries % Heads, row % queries);
                    var p = q + extent.QueryOffset;
                    var own = p < 0 ? -1 : p / block;
                    var scoreRow = ((((b % batch) * scoreHeads) + (h * scoreHeads / Heads)) * queries) + q;
                    var best = Enumerable.Range(0, blocks).Where(c => c >= init && c <= own - local)
                        .Where(c => scores.Span<float>()[(scoreRow * blocks) + c] > float.NegativeInfinity)
                        .OrderByDescending(c => scores.Span<float>()[(scoreRow * blocks) + c]).ThenBy(c => c).Take(top).ToHashSet();
                    for (var k = 0; k < keys; k++)
                    {
                        var expected = k <= p && (k / block < init || (k / block > own - local && k / block <= own) || best.Contains(k / block));
                        Assert.True(expected == mask.Allows(b, h, q, k), $"{extent}: b{b} h{h} q{q} k{k}, seed {Seed}");
                    }
                }
            }
        }
    }

    [Fact]
    public void Wide_rectangles_are_classified_exactly()
    {
        const int Seed = 52;
        var random = new Random(Seed);
        var extent = new MaskExtent(90, 170);
        var scores = Seeded.Tensor(random, DType.F32, 1, 1, 90, 22);
        var mask = BlockTopKMask.Select(scores, extent, 8, 1, 2, 9).Bind(extent);
        var seen = new HashSet<TileClass>();
        for (var trial = 0; trial < 2000; trial++)
        {
            var (q, k) = (random.Next(90), random.Next(170));
            var rect = new MaskRect(q, Math.Min(q + 1 + random.Next(12), 90), k, Math.Min(k + 1 + random.Next(trial % 2 == 0 ? 9 : 80), 170));
            var pairs = from i in Enumerable.Range(q, rect.QueryEnd - q) from j in Enumerable.Range(k, rect.KeyEnd - k) select mask.Allows(0, 0, i, j);
            var expected = pairs.All(a => a) ? TileClass.Full : pairs.Any(a => a) ? TileClass.Part : TileClass.Empty;
            seen.Add(expected);
            Assert.True(expected == mask.Classify(0, 0, rect), $"{rect} is {expected}, seed {Seed}");
        }

        Assert.Equal(3, seen.Count);
    }

    [Fact]
    public void As_many_blocks_as_there_are_give_the_causal_mask()
    {
        var extent = new MaskExtent(50, 75);
        var scores = Seeded.Tensor(new Random(53), DType.F32, 1, 1, 50, 10);
        var causal = PackedBits.Rows(new CausalMask().Bind(extent), 0, 0);
        foreach (var (init, local) in new[] { (0, 0), (1, 0), (0, 1), (2, 3) })
        {
            Assert.Equal(causal, PackedBits.Rows(BlockTopKMask.Select(scores, extent, 8, init, local, 10).Bind(extent), 0, 0));
        }
    }

    [Fact]
    public void Lists_hold_no_more_places_than_there_are_blocks_and_grow_with_the_queries_not_with_the_blocks()
    {
        var scores = HostTensor.Zeros(DType.F32, 1, 1, 20, 250);
        Assert.Equal(20 * 3, BlockTopKMask.Select(scores, new MaskExtent(20, 1000), 4, 1, 1, 3).Selected.Length);
        Assert.Equal(20 * 250, BlockTopKMask.Select(scores, new MaskExtent(20, 1000), 4, 1, 1, 9999).Selected.Length);
    }

    [Fact]
    public void What_does_not_fit_is_refused()
    {
        var extent = new MaskExtent(2, 6, 1, 4);
        var scores = HostTensor.Zeros(DType.F32, 1, 2, 2, 3);
        Assert.Equal([-1, -1, -1, -1], BlockTopKMask.Select(scores, extent, 2, 1, 9, 1).Selected[..4].ToArray());
        Assert.Equal("block_topk block: 0; expected 1 or more", Refusal(() => BlockTopKMask.Select(scores, extent, 0, 1, 1, 1)));
        Assert.Equal("block_topk init: -1; expected 0 or more", Refusal(() => BlockTopKMask.Select(scores, extent, 2, -1, 1, 1)));
        Assert.Equal("block_topk local: -1; expected 0 or more", Refusal(() => BlockTopKMask.Select(scores, extent, 2, 1, -1, 1)));
        Assert.Equal("block_topk top: -1; expected 0 or more", Refusal(() => BlockTopKMask.Select(scores, extent, 2, 1, 1, -1)));
        Assert.Equal(
            "scores: F32[1, 2, 2, 3]; expected [1 or 1, a divisor of 3 heads, 2, 3 blocks of 2]",
            Refusal(() => BlockTopKMask.Select(scores, extent with { Heads = 3 }, 2, 1, 1, 1)));
        Assert.Throws<InvalidInputException>(() => BlockTopKMask.Select(scores, extent, 3, 1, 1, 1));
        Assert.Throws<InvalidInputException>(() => BlockTopKMask.Select(scores.To(DType.F64), extent, 2, 1, 1, 1));
        scores.Span<float>()[7] = float.NaN;
        Assert.Equal("scores[0, 1, 0, 1]: NaN; expected a number or an infinity", Refusal(() => BlockTopKMask.Select(scores, extent, 2, 1, 1, 1)));
        Assert.Equal(
            "block_topk selected[0, 0, 0, 1]: 3; expected -1 to 2",
            Refusal(() => BlockTopKMask.From(HostTensor.From([0, 3], 1, 1, 1, 2), 6, 2, 0, 1)));
        Assert.Equal([0, 2], BlockTopKMask.From(HostTensor.From([2, 0], 1, 1, 1, 2), 6, 2, 0, 1).Selected.ToArray());
    }

    private static string Refusal(Action action) => Assert.Throws<InvalidInputException>(action).Message;
}
