using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;
using Stof.Reference.Tests;

namespace Stof.Reference.Unit.Tests.Masks.Dynamic;

public sealed class TokenTopKMaskTests
{
    [Fact]
    public void Of_equal_scores_the_lowest_keys_win()
    {
        const float None = float.NegativeInfinity;
        var scores = HostTensor.From(
            [
                1, 1, 1, 1, 1,
                0, 2, 1, 2, 2,
                5, None, None, -1, None,
                0f, -0f, 0f, -0f, float.PositiveInfinity,
            ],
            1, 1, 4, 5);
        Assert.Equal([0, 1, 1, 3, 0, 3, 0, 4], TokenTopKMask.Select(scores, 2).Selected.ToArray());
        Assert.Equal([0, 1, 2, 1, 3, 4, 0, 3, -1, 0, 1, 4], TokenTopKMask.Select(scores, 3).Selected.ToArray());
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 1)]
    [InlineData(1, 3)]
    [InlineData(2, 3)]
    public void Every_row_holds_the_best_of_a_full_sort(int batch, int heads)
    {
        const int Seed = 41;
        var random = new Random(Seed);
        foreach (var (queries, keys) in new[] { (1, 1), (1, 70), (9, 13), (70, 66), (5, 200) })
        {
            // Few distinct values: ties are the rule.
            var scores = HostTensor.From<float>(
                [.. Enumerable.Range(0, batch * heads * queries * keys).Select(_ => random.Next(8) == 0 ? float.NegativeInfinity : random.Next(-4, 5))],
                batch, heads, queries, keys);
            foreach (var top in new[] { 0, 1, 3, 12, int.MaxValue })
            {
                var pattern = TokenTopKMask.Select(scores, top);
                Assert.Equal(pattern, MaskText.Parse(pattern.ToString()));
                Assert.Equal(pattern, MaskJson.Parse(MaskJson.Print(pattern)));
                var mask = pattern.Bind(new MaskExtent(queries, keys, 2, 3));
                Assert.Equal((batch > 1, heads > 1), (mask.VariesByBatch, mask.VariesByHead));
                for (var row = 0; row < 6 * queries; row++)
                {
                    var (b, h, q) = (row / queries / 3, row / queries % 3, row % queries);
                    var start = ((((b % batch) * heads) + (h % heads)) * queries * keys) + (q * keys);
                    var expected = Enumerable.Range(0, keys).Select(k => (Score: scores.Span<float>()[start + k], Key: k))
                        .Where(pair => pair.Score > float.NegativeInfinity).OrderByDescending(pair => pair.Score).ThenBy(pair => pair.Key)
                        .Take(top).Select(pair => pair.Key).Order();
                    Assert.Equal(expected, Enumerable.Range(0, keys).Where(k => mask.Allows(b, h, q, k)));
                }
            }
        }
    }

    [Fact]
    public void Among_the_keys_of_another_mask_the_best_of_those_are_taken_or_all_where_they_are_few()
    {
        const int Seed = 42;
        var random = new Random(Seed);
        var extent = new MaskExtent(23, 40, 2, 2);
        var scores = Seeded.Tensor(random, DType.F32, 1, 1, 23, 40);
        foreach (var text in new[] { "causal & sliding(4)", "stof_cells(fill=0.1,seed=3)", "causal", "empty", "full" })
        {
            var among = MaskText.Parse(text).Bind(extent);
            var pattern = TokenTopKMask.Select(scores, 6, among);
            var mask = pattern.Bind(extent);
            Assert.Equal(among.VariesByBatch, mask.VariesByBatch);
            for (var row = 0; row < 2 * 2 * 23; row++)
            {
                var (b, h, q) = (row / 23 / 2, row / 23 % 2, row % 23);
                var expected = Enumerable.Range(0, 40).Where(k => among.Allows(b, h, q, k))
                    .OrderByDescending(k => scores.Span<float>()[(q * 40) + k]).Take(6).Order();
                Assert.Equal(expected, Enumerable.Range(0, 40).Where(k => mask.Allows(b, h, q, k)));
            }
        }
    }

    [Fact]
    public void As_many_keys_as_there_are_give_the_mask_they_were_chosen_among()
    {
        var extent = new MaskExtent(30, 50);
        var scores = Seeded.Tensor(new Random(43), DType.F32, 1, 1, 30, 50);
        var among = MaskText.Parse("longformer(band=3,global=2) & causal").Bind(extent);
        Assert.Equal(PackedBits.Rows(among, 0, 0), PackedBits.Rows(TokenTopKMask.Select(scores, 50, among).Bind(extent), 0, 0));
    }

    [Fact]
    public void Indices_of_a_kernel_may_come_in_any_order()
    {
        var mask = TokenTopKMask.From(HostTensor.From([4, -1, 2, -1, 0, 3], 1, 1, 2, 3), 5);
        Assert.Equal([2, 4, -1, 0, 3, -1], mask.Selected.ToArray());
        Assert.Equal(
            "token_topk selected[0, 0, 1, 2]: 3 after 3; expected indices that ascend without repetition, then -1 where there are fewer",
            Refusal(() => TokenTopKMask.From(HostTensor.From([4, -1, 2, 3, 0, 3], 1, 1, 2, 3), 5)));
        Assert.Equal("token_topk selected[0, 0, 0, 1]: 5; expected -1 to 4", Refusal(() => TokenTopKMask.From(HostTensor.From([4, 5], 1, 1, 1, 2), 5)));
        Assert.Equal("token_topk selected[0, 1, 0, 0]: -7; expected -1 to 4", Refusal(() => TokenTopKMask.From(HostTensor.From([4, -7], 1, 2, 1, 1), 5)));
    }

    [Fact]
    public void What_does_not_fit_is_refused()
    {
        var scores = HostTensor.From([1f, 2, float.NaN, 4], 1, 2, 1, 2);
        Assert.Equal("scores[0, 1, 0, 0]: NaN; expected a number or an infinity", Refusal(() => TokenTopKMask.Select(scores, 1)));
        scores = HostTensor.From([1f, 2, 3, 4], 1, 2, 1, 2);
        Assert.Equal("token_topk top: -1; expected 0 or more", Refusal(() => TokenTopKMask.Select(scores, -1)));
        Assert.Equal(
            "scores: F32[1, 2, 1, 2]; expected [3 or 1, 4 or 1, 1, 2] as the mask has",
            Refusal(() => TokenTopKMask.Select(scores, 1, new FullMask().Bind(new MaskExtent(1, 2, 3, 4)))));
        Assert.Equal(
            "scores: F32[4]; expected F32 of [B or 1, H or 1, Sq, Skv]", Refusal(() => TokenTopKMask.Select(HostTensor.From([1f, 2, 3, 4], 4), 1)));
        var mask = TokenTopKMask.Select(scores, 1);
        Assert.Equal("token_topk mask: 3 heads; expected the 2 that it is made for", Refusal(() => mask.Bind(new MaskExtent(1, 2, 1, 3))));
        Assert.Equal("token_topk mask: 3 keys; expected the 2 that it is made for", Refusal(() => mask.Bind(new MaskExtent(1, 3, 1, 2))));
    }

    private static string Refusal(Action action) => Assert.Throws<InvalidInputException>(action).Message;
}
