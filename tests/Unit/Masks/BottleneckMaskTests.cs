using Stof.Reference.Masks;

namespace Stof.Reference.Unit.Tests.Masks;

/// <summary>Bottleneck tokens with missing modalities, and switched heads, item by item and head by head.</summary>
public sealed class BottleneckMaskTests
{
    [Fact]
    public void Random_ones_follow_the_definition_token_by_token_and_are_classified_exactly()
    {
        for (var seed = 0; seed < 60; seed++)
        {
            var random = new Random(seed);
            var lengths = Enumerable.Range(0, random.Next(1, 6)).Select(_ => random.Next(4) == 0 ? 0 : random.Next(25)).ToArray();
            var bottleneck = random.Next(3) == 0 ? 0 : random.Next(9);
            var present = Enumerable.Range(0, random.Next(1, 4)).Select(_ => string.Concat(lengths.Select(_ => random.Next(3) == 0 ? '0' : '1'))).ToArray();
            var pattern = new BottleneckMask(lengths, bottleneck, present);

            // The modality of each token, −1 for the bottleneck.
            int[] tokens = [.. lengths.SelectMany((length, modality) => Enumerable.Repeat(modality, length)), .. Enumerable.Repeat(-1, bottleneck)];
            var extent = new MaskExtent(random.Next(1, tokens.Length + 5), tokens.Length, present.Length, 1, (PositionAlignment)random.Next(2));
            var mask = pattern.Bind(extent);
            bool Sees(int item, int query, int key)
            {
                var position = query + extent.QueryOffset;
                if (position < 0 || position >= tokens.Length)
                {
                    return false;
                }

                var (one, other) = (tokens[position], tokens[key]);
                bool IsThere(int modality) => modality < 0 || present[item][modality] == '1';
                return IsThere(one) && IsThere(other) && (one == other || one < 0 || other < 0);
            }

            for (var trial = 0; trial < 150 && tokens.Length > 0; trial++)
            {
                var (item, q, k) = (random.Next(present.Length), random.Next(extent.QueryLength), random.Next(tokens.Length));
                var rect = new MaskRect(q, random.Next(q, extent.QueryLength) + 1, k, random.Next(k, tokens.Length) + 1);
                var allowed = (from query in Enumerable.Range(rect.QueryStart, rect.QueryEnd - rect.QueryStart)
                               from key in Enumerable.Range(rect.KeyStart, rect.KeyEnd - rect.KeyStart)
                               select Sees(item, query, key)).ToArray();
                var truth = allowed.All(a => a) ? TileClass.Full : allowed.Any(a => a) ? TileClass.Part : TileClass.Empty;
                Assert.True(truth == mask.Classify(item, 0, rect), $"seed {seed}: {pattern} on {extent}: {rect}, item {item}");
                Assert.True(Sees(item, q, k) == mask.Allows(item, 0, q, k), $"seed {seed}: {pattern} on {extent}: q{q} k{k}, item {item}");
            }
        }
    }

    [Fact]
    public void A_missing_modality_is_as_good_as_none()
    {
        var with = MaskText.Parse("bottleneck(modalities=4+3+5,bottleneck=2,present=101)").Bind(new MaskExtent(14, 14));
        var without = MaskText.Parse("bottleneck(modalities=4+5,bottleneck=2)").Bind(new MaskExtent(11, 11));
        int[] kept = [0, 1, 2, 3, 7, 8, 9, 10, 11, 12, 13];
        for (var query = 0; query < 14; query++)
        {
            for (var key = 0; key < 14; key++)
            {
                var (q, k) = (Array.IndexOf(kept, query), Array.IndexOf(kept, key));
                Assert.Equal(q >= 0 && k >= 0 && without.Allows(0, 0, q, k), with.Allows(0, 0, query, key));
            }
        }
    }

    [Fact]
    public void With_nothing_present_the_bottleneck_sees_itself()
    {
        var extent = new MaskExtent(9, 9);
        var mask = MaskText.Parse("bottleneck(modalities=4+3,bottleneck=2,present=00)").Bind(extent);
        Assert.Equal(PackedBits.Rows(new RestrictMask(new FullMask(), 7, 9, 7, 9).Bind(extent), 0, 0), PackedBits.Rows(mask, 0, 0));
    }

    [Fact]
    public void Heads_are_switched_whole()
    {
        var mask = new HeadSwitchMask(1, 0, 0, 1).Bind(new MaskExtent(5, 70, 2, 4));
        Assert.True(mask.VariesByHead);
        for (var head = 0; head < 4; head++)
        {
            var on = head is 0 or 3;
            Assert.Equal(on ? TileClass.Full : TileClass.Empty, mask.Classify(1, head, new MaskRect(0, 5, 0, 70)));
            Assert.Equal(on, mask.Allows(1, head, 4, 69));
            Assert.Equal(on ? 63UL : 0, mask.Row64(1, head, 0, 64));
        }

        Assert.Equal("head_switch on: no heads; expected 1 or 0 for each query head", Assert.Throws<InvalidInputException>(() => new HeadSwitchMask()).Message);
        Assert.Contains("one or more", Assert.Throws<InvalidInputException>(() => new BottleneckMask([], 3)).Message);
    }
}
