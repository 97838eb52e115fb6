using Stof.Reference.Formats;
using Stof.Reference.Masks;
using Stof.Reference.Tests;

namespace Stof.Reference.Unit.Tests.Masks;

/// <summary>docs/masks.md says what the catalogue says.</summary>
public sealed class MaskDocumentTests
{
    private const long LargestPicture = 10 * 1024;

    private static readonly string Folder = Path.Combine(TestData.RepositoryRoot, "docs");

    [Fact]
    public void Every_pattern_has_a_section_with_formula_text_JSON_and_a_picture()
    {
        var page = File.ReadAllText(Path.Combine(Folder, "masks.md")).ReplaceLineEndings("\n");
        foreach (var entry in MaskCatalog.Entries)
        {
            var start = page.IndexOf($"\n### {entry.Name}\n", StringComparison.Ordinal);
            Assert.True(start >= 0, $"docs/masks.md has no section on {entry.Name}");
            var end = page.IndexOf("\n##", start + 1, StringComparison.Ordinal);
            var section = page[start..end];
            Assert.Contains($"`{entry.Signature}`: {entry.Formula}", section);
            Assert.Contains($"`{entry.Examples[0]}`", section);
            Assert.Contains($"`{MaskJson.Print(MaskText.Parse(entry.Examples[0]))}`", section);
            Assert.Contains($"images/masks/{entry.Name}.png", section);
            Assert.InRange(new FileInfo(Path.Combine(Folder, "images", "masks", $"{entry.Name}.png")).Length, 100, LargestPicture);
        }
    }

    [Fact]
    public void The_words_worked_out_by_hand_are_those_of_the_builder()
    {
        var page = File.ReadAllText(Path.Combine(Folder, "masks.md"));
        var extent = new MaskExtent(16, 16);
        var words = BlockMaskBuilder.Build(new CausalMask(), extent, new TileShape(8, 8)).Bitmaps
            .Concat(BlockMaskBuilder.Build(new SlidingMask(1), extent, new TileShape(16, 16)).Bitmaps);
        Assert.All(words, word => Assert.Contains($"`0x{word:X16}`", page));
    }
}
