using Stof.Reference.Masks;

namespace Stof.Reference.Unit.Tests.Masks;

/// <summary>What must hold for every pattern of the catalogue; a new entry is covered by being listed.</summary>
public sealed class MaskCatalogTests
{
    public static TheoryData<string> Texts => MaskCases.ExamplesAndAlgebra;

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
                    Assert.True(
                        expected == (((bits >> i) & 1) != 0), $"{text} on {extent}: b{batch} h{head} q{query} k{start + i}, seed {Seed}");
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

    [Theory]
    [InlineData("full")]
    [InlineData("empty")]
    [InlineData("causal")]
    [InlineData("sliding(5)")]
    [InlineData("dilated(width=7,gap=2)")]
    [InlineData("dilated(width=20,gap=0)")]
    [InlineData("random_blocks(blocks=2,size=7,seed=3)")]
    [InlineData("!sliding(5)")]
    [InlineData("local(7)")]
    [InlineData("documents(20+5+40)")]
    [InlineData("strided(1)")]
    [InlineData("prefix(0)")]
    public void Patterns_that_can_be_decided_exactly_are(string text)
    {
        const int Seed = 13;
        var random = new Random(Seed);
        foreach (var extent in MaskCases.Extents(new FullMask()).Where(e => e is { QueryLength: > 0, KeyLength: > 0 }))
        {
            var mask = MaskText.Parse(text).Bind(extent);
            for (var trial = 0; trial < 100; trial++)
            {
                var rect = RandomRect(random, extent);
                var (any, all) = Look(mask, 0, 0, rect);
                var expected = all ? TileClass.Full : any ? TileClass.Part : TileClass.Empty;
                Assert.True(expected == mask.Classify(0, 0, rect), $"{text} on {extent}: {rect} is {expected}, seed {Seed}");
            }
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
