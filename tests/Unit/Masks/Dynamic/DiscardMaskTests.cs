using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Unit.Tests.Masks.Dynamic;

public sealed class DiscardMaskTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 1)]
    [InlineData(1, 3)]
    [InlineData(2, 3)]
    public void A_key_is_seen_from_its_own_position_until_it_leaves_and_never_again(int batch, int heads)
    {
        const int Seed = 71;
        var random = new Random(Seed);
        foreach (var (queries, keys) in new[] { (1, 1), (30, 30), (12, 70), (70, 12), (0, 4), (4, 0) })
        {
            var until = HostTensor.From<int>(
                [.. Enumerable.Range(0, batch * heads * keys).Select(i => Draw(random, i % keys, keys))], batch, heads, keys);
            var pattern = DiscardMask.From(until);
            Assert.Equal(pattern, MaskText.Parse(pattern.ToString()));
            Assert.Equal(pattern, MaskJson.Parse(MaskJson.Print(pattern)));
            foreach (var alignment in Enum.GetValues<PositionAlignment>())
            {
                var extent = new MaskExtent(queries, keys, 2, 3, alignment);
                var mask = pattern.Bind(extent);
                Assert.Equal((batch > 1, heads > 1), (mask.VariesByBatch, mask.VariesByHead));
                for (var i = 0; i < 6 * queries * keys; i++)
                {
                    var (b, h, q, k) = (i / keys / queries / 3, i / keys / queries % 3, i / keys % queries, i % keys);
                    var limit = until.Span<int>()[((((b % batch) * heads) + (h % heads)) * keys) + k];
                    var position = q + extent.QueryOffset;
                    Assert.True((k <= position && position < limit) == mask.Allows(b, h, q, k), $"{extent}: b{b} h{h} q{q} k{k}, seed {Seed}");
                }
            }
        }
    }

    [Fact]
    public void Wide_rectangles_are_classified_exactly()
    {
        const int Seed = 72;
        var random = new Random(Seed);
        var until = HostTensor.From<int>([.. Enumerable.Range(0, 203).Select(k => random.Next(6) == 0 ? Draw(random, k, 203) : k + 50)], 203);
        var extent = new MaskExtent(150, 203);
        var mask = DiscardMask.From(until).Bind(extent);
        var seen = new HashSet<TileClass>();
        for (var trial = 0; trial < 3000; trial++)
        {
            var limit = trial % 3 == 0 ? 150 : 8;
            var (q, k) = (random.Next(150), random.Next(203));
            var rect = new MaskRect(q, Math.Min(q + 1 + random.Next(limit), 150), k, Math.Min(k + 1 + random.Next(limit), 203));
            var pairs = from i in Enumerable.Range(q, rect.QueryEnd - q) from j in Enumerable.Range(k, rect.KeyEnd - k) select mask.Allows(0, 0, i, j);
            var expected = pairs.All(a => a) ? TileClass.Full : pairs.Any(a => a) ? TileClass.Part : TileClass.Empty;
            seen.Add(expected);
            Assert.True(expected == mask.Classify(0, 0, rect), $"{rect} is {expected}, seed {Seed}");
        }

        Assert.Equal(3, seen.Count);
    }

    [Fact]
    public void Keys_that_never_leave_give_the_causal_mask()
    {
        var extent = new MaskExtent(33, 50);
        var until = HostTensor.Zeros(DType.I32, 50);
        until.Span<int>().Fill(50);
        Assert.Equal(PackedBits.Rows(new CausalMask().Bind(extent), 0, 0), PackedBits.Rows(DiscardMask.From(until).Bind(extent), 0, 0));
    }

    [Fact]
    public void What_does_not_fit_is_refused()
    {
        Assert.Equal("discard until[0, 1, 0]: -3; expected 0 or more", Refusal(() => DiscardMask.From(HostTensor.From([1, 2, -3, 4], 1, 2, 2))));
        Assert.Equal(
            "discard until: I64[2]; expected I32 of [Skv] or [B or 1, H or 1, Skv]", Refusal(() => DiscardMask.From(HostTensor.From([1L, 2], 2))));
        Assert.Throws<InvalidInputException>(() => DiscardMask.From(HostTensor.From([1, 2], 1, 2)));
        var mask = DiscardMask.From(HostTensor.From([1, 2, 3, 4], 1, 2, 2));
        Assert.Equal("discard mask: 3 keys; expected the 2 that it is made for", Refusal(() => mask.Bind(new MaskExtent(3, 3, 1, 2))));
        Assert.Equal("discard mask: 1 heads; expected the 2 that it is made for", Refusal(() => mask.Bind(new MaskExtent(3, 2))));
    }

    private static int Draw(Random random, int key, int keys) => random.Next(5) switch
    {
        0 => random.Next(key + 1),
        1 => int.MaxValue,
        _ => random.Next(2 * keys),
    };

    private static string Refusal(Action action) => Assert.Throws<InvalidInputException>(action).Message;
}
