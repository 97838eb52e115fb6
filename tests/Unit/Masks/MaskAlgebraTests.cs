using Stof.Reference.Masks;
using Stof.Reference.Tests;

namespace Stof.Reference.Unit.Tests.Masks;

/// <summary>Laws of the algebra over the catalogue, and trees of everything.</summary>
public sealed class MaskAlgebraTests
{
    private const int Seed = 20261123;

    private static readonly MaskExtent[] Extents =
    [
        new(37, 37, 2, 2), new(19, 70, 2, 2), new(40, 23, 1, 2, PositionAlignment.TopLeft), new(30, 11, 2, 1), new(0, 5), new(5, 0),
    ];

    /// <summary>Every example of the catalogue, demands included.</summary>
    public static TheoryData<string> Examples => MaskCases.Examples;

    [Fact]
    public void And_or_and_not_are_a_Boolean_algebra()
    {
        var random = new Random(Seed);
        var texts = MaskExamples.Anywhere;
        MaskPattern Any() => MaskText.Parse(texts[random.Next(texts.Count)]);
        for (var trial = 0; trial < 120; trial++)
        {
            var (a, b, c) = (Any(), Any(), Any());
            foreach (var extent in Extents)
            {
                void Same(MaskPattern left, MaskPattern right, string law) =>
                    Assert.True(Bits(left, extent).SequenceEqual(Bits(right, extent)), $"{law}: {left} and {right} on {extent}, seed {Seed}");

                Same(!(a & b), !a | !b, "De Morgan");
                Same(!(a | b), !a & !b, "De Morgan");
                Same(!!a, a, "double negation");
                Same(a & a, a, "idempotence");
                Same(a | a, a, "idempotence");
                Same(a & b, b & a, "commutativity");
                Same(a | b, b | a, "commutativity");
                Same(a & b & c, a & (b & c), "associativity");
                Same(a | b | c, a | (b | c), "associativity");
                Same(a & (b | c), (a & b) | (a & c), "distributivity");
                Same(a | (a & b), a, "absorption");
                Same(a & !a, new EmptyMask(), "contradiction");
                Same(a | !a, new FullMask(), "excluded middle");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Examples))]
    public void What_changes_nothing_gives_the_pattern_back(string text)
    {
        var pattern = MaskText.Parse(text);
        foreach (var extent in Extents.Select(pattern.Demand.Apply).Distinct())
        {
            var bits = Bits(pattern, extent);
            Assert.Equal(bits, Bits(new TransposeMask(new TransposeMask(pattern)), extent));
            Assert.Equal(bits, Bits(new ShiftMask(pattern), extent));
            Assert.Equal(bits, Bits(new RestrictMask(pattern), extent));
            Assert.Equal(bits, Bits(new RestrictMask(pattern, 0, extent.QueryLength, 0, extent.KeyLength), extent));
            Assert.Equal(bits, Bits(new AlignMask(pattern, extent.Alignment), extent));
            var heads = new HeadsMask([.. Enumerable.Repeat(pattern, extent.Heads)]);
            Assert.Equal(bits, Bits(heads, extent));
            Assert.Equal(pattern.Bind(extent).VariesByHead, heads.Bind(extent).VariesByHead);
            Assert.Equal(bits, Bits(new BatchMask([pattern], [extent.Batch]), extent));
            if (pattern.Demand.Batch is null && !pattern.Bind(extent).VariesByBatch)
            {
                var batch = new BatchMask([.. Enumerable.Repeat(pattern, extent.Batch)]);
                Assert.Equal(bits, Bits(batch, extent));
                Assert.False(batch.Bind(extent).VariesByBatch);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Examples))]
    public void Shifting_there_and_back_leaves_what_stayed_inside(string text)
    {
        var pattern = MaskText.Parse(text);
        foreach (var (queries, keys) in new[] { (0, 3), (4, 0), (-2, 5), (7, -65), (-100, 1) })
        {
            foreach (var extent in Extents.Select(pattern.Demand.Apply).Distinct())
            {
                var back = new ShiftMask(new ShiftMask(pattern, queries, keys), -queries, -keys);
                var inside = new RestrictMask(
                    pattern,
                    Math.Max(-queries, 0),
                    Math.Max(extent.QueryLength - Math.Max(queries, 0), Math.Max(-queries, 0)),
                    Math.Max(-keys, 0),
                    Math.Max(extent.KeyLength - Math.Max(keys, 0), Math.Max(-keys, 0)));
                Assert.Equal(Bits(inside, extent), Bits(back, extent));
            }
        }
    }

    [Fact]
    public void Random_trees_survive_text_and_JSON()
    {
        var names = new HashSet<string>();
        for (var seed = 0; seed < 500; seed++)
        {
            var pattern = RandomMasks.Next(new Random(seed), 6);
            var (text, json) = (MaskText.Print(pattern), MaskJson.Print(pattern));
            var (fromText, fromJson) = (MaskText.Parse(text), MaskJson.Parse(json));
            Assert.True(pattern == fromText, $"seed {seed}: {text} parses as {fromText}");
            Assert.True(pattern == fromJson, $"seed {seed}: {json} parses as {fromJson}");
            Assert.Equal(text, MaskText.Print(fromText));
            Assert.Equal(json, MaskJson.Print(fromJson));
            Assert.Equal(pattern.GetHashCode(), fromText.GetHashCode());
            Assert.Equal(pattern.GetHashCode(), fromJson.GetHashCode());
            names.UnionWith(RandomMasks.All(pattern).OfType<NamedMask>().Select(named => named.Name));
        }

        Assert.Empty(MaskCatalog.Entries.Select(entry => entry.Name).Except(names));
    }

    /// <summary>Rows of bits and classes of rectangles against the predicate, for trees that find an extent which all their parts accept.</summary>
    [Fact]
    public void Random_trees_answer_all_questions_alike()
    {
        var bound = 0;
        for (var seed = 1000; seed < 1600; seed++)
        {
            var random = new Random(seed);
            var pattern = RandomMasks.Next(random, 4);
            var extent = pattern.Demand.Apply(new MaskExtent(random.Next(1, 30), random.Next(1, 90), 1, 1, (PositionAlignment)random.Next(2)));
            if (extent is { QueryLength: 0 } or { KeyLength: 0 } or { KeyLength: > 10_000 } or { Batch: > 100 } || TryBind(pattern, extent) is not { } mask)
            {
                continue;
            }

            bound++;
            Assert.Equal(extent, mask.Extent);
            for (var trial = 0; trial < 20; trial++)
            {
                var (batch, head) = (random.Next(extent.Batch), random.Next(extent.Heads));
                var (query, key) = (random.Next(extent.QueryLength), random.Next(extent.KeyLength));
                var rect = new MaskRect(query, random.Next(query, extent.QueryLength) + 1, key, random.Next(key, extent.KeyLength) + 1);
                var pairs = (from q in Enumerable.Range(rect.QueryStart, rect.QueryEnd - rect.QueryStart)
                             from k in Enumerable.Range(rect.KeyStart, rect.KeyEnd - rect.KeyStart)
                             select mask.Allows(batch, head, q, k)).ToArray();
                var known = mask.Classify(batch, head, rect);
                Assert.True(
                    known == TileClass.Part || Array.TrueForAll(pairs, allowed => allowed == (known == TileClass.Full)),
                    $"seed {seed}: {pattern} on {extent} calls {rect} {known}");
                var bits = mask.Row64(batch, head, query, key);
                for (var i = 0; i < BoundMask.RowBits; i++)
                {
                    var allowed = key + i < extent.KeyLength && mask.Allows(batch, head, query, key + i);
                    if (allowed != (((bits >> i) & 1) != 0))
                    {
                        Assert.Fail($"seed {seed}: {pattern} on {extent}: b{batch} h{head} q{query} k{key + i}");
                    }
                }
            }

            CheckShared(mask, seed);
        }

        Assert.InRange(bound, 300, 600);
    }

    private static void CheckShared(BoundMask mask, int seed)
    {
        var extent = mask.Extent;
        for (var batch = 0; batch < extent.Batch; batch++)
        {
            for (var head = 0; head < extent.Heads; head++)
            {
                var same = PackedBits.Rows(mask, batch, head)
                    .SequenceEqual(PackedBits.Rows(mask, mask.VariesByBatch ? batch : 0, mask.VariesByHead ? head : 0));
                Assert.True(same, $"seed {seed}: batch item {batch}, head {head} said to be shared");
            }
        }
    }

    private static BoundMask? TryBind(MaskPattern pattern, MaskExtent extent)
    {
        try
        {
            return pattern.Bind(extent);
        }
        catch (InvalidInputException)
        {
            // Parts that demand different things.
            return null;
        }
    }

    private static byte[] Bits(MaskPattern pattern, MaskExtent extent)
    {
        var mask = pattern.Bind(extent);
        return [.. Enumerable.Range(0, extent.Batch * extent.Heads).SelectMany(i => PackedBits.Rows(mask, i / extent.Heads, i % extent.Heads))];
    }
}
