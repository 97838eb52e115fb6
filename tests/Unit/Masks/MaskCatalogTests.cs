using Stof.Reference.Masks;

namespace Stof.Reference.Unit.Tests.Masks;

/// <summary>What must hold for every pattern of the catalogue; a new entry is covered by being listed.</summary>
public sealed class MaskCatalogTests
{
    public static TheoryData<string> Texts => MaskCases.ExamplesAndAlgebra;

    public static TheoryData<string> Examples => MaskCases.Examples;

    [Theory]
    [MemberData(nameof(Texts))]
    public void Sixty_four_keys_at_once_equal_the_predicate_at_any_start(string text)
    {
        const int Seed = 11;
        var random = new Random(Seed);
        var pattern = MaskText.Parse(text);
        foreach (var extent in MaskCases.Extents(pattern).Where(e => e is { QueryLength: > 0, KeyLength: > 0 }))
        {
            var mask = pattern.Bind(extent);
            for (var trial = 0; trial < 300; trial++)
            {
                var (batch, head) = (random.Next(extent.Batch), random.Next(extent.Heads));
                var (query, start) = (random.Next(extent.QueryLength), random.Next(extent.KeyLength));
                var bits = mask.Row64(batch, head, query, start);
                for (var i = 0; i < BoundMask.RowBits; i++)
                {
                    var expected = start + i < extent.KeyLength && mask.Allows(batch, head, query, start + i);
                    if (expected != (((bits >> i) & 1) != 0))
                    {
                        Assert.Fail($"{text} on {extent}: b{batch} h{head} q{query} k{start + i}, seed {Seed}");
                    }
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Texts))]
    public void Full_means_every_pair_and_empty_means_none(string text)
    {
        const int Seed = 12;
        var random = new Random(Seed);
        var pattern = MaskText.Parse(text);
        foreach (var extent in MaskCases.Extents(pattern).Where(e => e is { QueryLength: > 0, KeyLength: > 0 }))
        {
            var mask = pattern.Bind(extent);
            for (var trial = 0; trial < 60; trial++)
            {
                var (batch, head) = (random.Next(extent.Batch), random.Next(extent.Heads));
                var rect = RandomRect(random, extent);
                var (any, all) = Look(mask, batch, head, rect);
                var claimed = mask.Classify(batch, head, rect);
                Assert.True(
                    claimed switch { TileClass.Full => all, TileClass.Empty => !any, _ => true },
                    $"{text} on {extent} calls {rect} {claimed}, b{batch} h{head}, seed {Seed}");
            }
        }
    }

    /// <summary>
    /// Every rectangle of small extents, for every batch item and head: an answer of full or empty is true, and where the catalogue gives no
    /// reason for loose answers, part is true too.
    /// </summary>
    [Theory]
    [MemberData(nameof(Examples))]
    public void Every_small_rectangle_is_classified_as_the_predicate_says(string text)
    {
        var pattern = (NamedMask)MaskText.Parse(text);
        var exact = MaskCatalog.Find(pattern.Name).Loose is null;
        foreach (var extent in MaskCases.SmallExtents(pattern))
        {
            var mask = pattern.Bind(extent);
            for (var slice = 0; slice < extent.Batch * extent.Heads; slice++)
            {
                CheckRectangles(mask, slice / extent.Heads, slice % extent.Heads, exact, text);
            }
        }
    }

    /// <summary>A reason for loose answers that no example needs is a reason to delete.</summary>
    [Fact]
    public void Patterns_that_are_said_to_answer_loosely_do()
    {
        foreach (var entry in MaskCatalog.Entries.Where(e => e.Loose is not null))
        {
            Assert.Contains(entry.Examples, text => MaskCases.SmallExtents(MaskText.Parse(text)).Any(extent => IsLooseSomewhere(text, extent)));
        }
    }

    [Theory]
    [MemberData(nameof(Texts))]
    public void Masks_that_claim_to_be_shared_are_shared(string text)
    {
        var pattern = MaskText.Parse(text);
        foreach (var extent in MaskCases.Extents(pattern))
        {
            var mask = pattern.Bind(extent);
            for (var query = 0; query < extent.QueryLength; query += 7)
            {
                for (var key = 0; key < extent.KeyLength; key++)
                {
                    for (var b = 1; b < extent.Batch && !mask.VariesByBatch; b++)
                    {
                        Assert.Equal(mask.Allows(0, 0, query, key), mask.Allows(b, 0, query, key));
                    }

                    for (var h = 1; h < extent.Heads && !mask.VariesByHead; h++)
                    {
                        Assert.Equal(mask.Allows(0, 0, query, key), mask.Allows(0, h, query, key));
                    }
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Texts))]
    public void Text_and_JSON_give_back_the_same_pattern(string text)
    {
        var pattern = MaskText.Parse(text);
        var printed = MaskText.Print(pattern);
        Assert.Equal(pattern, MaskText.Parse(printed));
        Assert.Equal(printed, MaskText.Print(MaskText.Parse(printed)));
        var json = MaskJson.Print(pattern);
        Assert.Equal(pattern, MaskJson.Parse(json));
        Assert.Equal(json, MaskJson.Print(MaskJson.Parse(json)));
        Assert.Equal(pattern.GetHashCode(), MaskJson.Parse(json).GetHashCode());
    }

    [Fact]
    public void Every_entry_has_a_unique_name_an_example_of_its_own_and_described_parameters()
    {
        Assert.Equal(MaskCatalog.Entries.Count, MaskCatalog.Entries.Select(e => e.Name).Distinct().Count());
        foreach (var entry in MaskCatalog.Entries)
        {
            Assert.NotEmpty(entry.Examples);
            Assert.NotEmpty(entry.Formula);
            Assert.NotEmpty(entry.Summary);
            var sample = MaskText.Parse(entry.Sample.Text);
            var drawn = new MaskExtent(entry.Sample.Queries, entry.Sample.Keys ?? entry.Sample.Queries);
            Assert.NotNull(sample.Bind(sample.Demand.Apply(drawn)));
            Assert.All(entry.Parameters, p => Assert.NotEmpty(p.Meaning));
            Assert.All(entry.Examples, e => Assert.Equal(entry.Name, Assert.IsType<NamedMask>(MaskText.Parse(e), exactMatch: false).Name));
            Assert.Equal(entry.Examples[0], MaskText.Parse(entry.Examples[0]).ToString());
        }
    }

    [Fact]
    public void Every_named_pattern_of_the_library_is_in_the_catalogue()
    {
        var classes = typeof(NamedMask).Assembly.GetTypes().Where(t => t.IsSubclassOf(typeof(NamedMask))).ToHashSet();
        var listed = MaskCatalog.Entries.Select(e => MaskText.Parse(e.Examples[0]).GetType()).ToHashSet();
        Assert.Equal(classes, listed);
    }

    private static void CheckRectangles(BoundMask mask, int batch, int head, bool exact, string text)
    {
        var sums = Sums(mask, batch, head);
        foreach (var rect in Rectangles(mask.Extent))
        {
            var truth = Truth(sums, rect);
            var claimed = mask.Classify(batch, head, rect);
            if (claimed != truth && (exact || claimed != TileClass.Part))
            {
                Assert.Fail($"{text} on {mask.Extent}, b{batch} h{head}: {rect} is {truth}, called {claimed}");
            }
        }
    }

    private static bool IsLooseSomewhere(string text, MaskExtent extent)
    {
        var mask = MaskText.Parse(text).Bind(extent);
        var sums = Sums(mask, 0, 0);
        return Rectangles(extent).Any(rect => mask.Classify(0, 0, rect) != Truth(sums, rect));
    }

    private static IEnumerable<MaskRect> Rectangles(MaskExtent extent) =>
        from queryStart in Enumerable.Range(0, extent.QueryLength)
        from queryEnd in Enumerable.Range(queryStart + 1, extent.QueryLength - queryStart)
        from keyStart in Enumerable.Range(0, extent.KeyLength)
        from keyEnd in Enumerable.Range(keyStart + 1, extent.KeyLength - keyStart)
        select new MaskRect(queryStart, queryEnd, keyStart, keyEnd);

    /// <summary>Allowed pairs above and left of every corner: a rectangle's count is then four look-ups.</summary>
    private static int[,] Sums(BoundMask mask, int batch, int head)
    {
        var sums = new int[mask.Extent.QueryLength + 1, mask.Extent.KeyLength + 1];
        for (var q = 0; q < mask.Extent.QueryLength; q++)
        {
            for (var k = 0; k < mask.Extent.KeyLength; k++)
            {
                sums[q + 1, k + 1] = sums[q, k + 1] + sums[q + 1, k] - sums[q, k] + (mask.Allows(batch, head, q, k) ? 1 : 0);
            }
        }

        return sums;
    }

    private static TileClass Truth(int[,] sums, MaskRect rect)
    {
        var allowed = sums[rect.QueryEnd, rect.KeyEnd] - sums[rect.QueryStart, rect.KeyEnd]
            - sums[rect.QueryEnd, rect.KeyStart] + sums[rect.QueryStart, rect.KeyStart];
        return allowed == 0 ? TileClass.Empty
            : allowed == (rect.QueryEnd - rect.QueryStart) * (rect.KeyEnd - rect.KeyStart) ? TileClass.Full
            : TileClass.Part;
    }

    private static MaskRect RandomRect(Random random, MaskExtent extent)
    {
        var (q, k) = (random.Next(extent.QueryLength), random.Next(extent.KeyLength));
        var (height, width) = (1 + random.Next(random.Next(2) == 0 ? 4 : 80), 1 + random.Next(random.Next(2) == 0 ? 4 : 80));
        return new MaskRect(q, Math.Min(q + height, extent.QueryLength), k, Math.Min(k + width, extent.KeyLength));
    }

    private static (bool Any, bool All) Look(BoundMask mask, int batch, int head, MaskRect rect)
    {
        var (any, all) = (false, true);
        for (var query = rect.QueryStart; query < rect.QueryEnd; query++)
        {
            for (var key = rect.KeyStart; key < rect.KeyEnd; key++)
            {
                var allowed = mask.Allows(batch, head, query, key);
                any |= allowed;
                all &= allowed;
            }
        }

        return (any, all);
    }
}
