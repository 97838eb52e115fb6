using Stof.Reference.Formats;
using Stof.Reference.Masks;
using Stof.Reference.Tests;

namespace Stof.Reference.Unit.Tests.Formats;

/// <summary>docs/formats.md says what the list of formats says.</summary>
public sealed class FormatDocumentTests
{
    private static readonly string[] Everywhere = ["extent", "slices"];

    [Fact]
    public void Every_format_has_a_row_and_a_section_that_names_its_arrays_and_its_key()
    {
        var page = File.ReadAllText(Path.Combine(TestData.RepositoryRoot, "docs", "formats.md")).ReplaceLineEndings("\n");
        foreach (var format in MaskFormats.Entries)
        {
            Assert.Contains($"\n| `{format.Name}` | {(format.CannotHold.Length == 0 ? "every mask" : "")}", page);
            var start = page.IndexOf($"\n## {format.Name}\n", StringComparison.Ordinal);
            Assert.True(start >= 0, $"docs/formats.md has no section on {format.Name}");
            var section = page[start..page.IndexOf("\n## ", start + 1, StringComparison.Ordinal)];
            Assert.Contains($"**`{format.Key}`**", section);
            Assert.Equal(format.CannotHold.Length > 0, section.Contains("Refused", StringComparison.Ordinal));

            // What a format shares with tiles is named there.
            var shared = format.Name == "stof_blocks" ? MaskFormats.Find("tiles").Arrays : [];
            Assert.All(format.Arrays.Except(Everywhere).Except(shared), array => Assert.Contains($"`{array}`", section));
        }
    }

    [Fact]
    public void The_words_worked_out_by_hand_are_those_of_the_builder()
    {
        var page = File.ReadAllText(Path.Combine(TestData.RepositoryRoot, "docs", "masks.md"));
        var extent = new MaskExtent(16, 16);
        var words = BlockMaskBuilder.Build(new CausalMask(), extent, new TileShape(8, 8)).Bitmaps
            .Concat(BlockMaskBuilder.Build(new SlidingMask(1), extent, new TileShape(16, 16)).Bitmaps);
        Assert.All(words, word => Assert.Contains($"`0x{word:X16}`", page));
    }
}
