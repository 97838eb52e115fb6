using System.Xml.Linq;
using Stof.Reference.Cli.Rendering;
using Stof.Reference.Masks;
using Stof.Reference.Tests;

namespace Stof.Reference.Cli.Tests.Masks;

public sealed class MaskGalleryTests
{
    private static readonly string Folder = Path.Combine(TestData.RepositoryRoot, "docs", "masks");

    /// <summary>If this fails after a change of the catalogue: <c>stof mask gallery --out docs/masks</c>.</summary>
    [Fact]
    public void The_committed_gallery_is_the_one_that_the_catalogue_gives()
    {
        var files = MaskGallery.Files();
        Assert.Equal(files.Keys.Order(), Directory.GetFiles(Folder).Select(Path.GetFileName).Order());
        Assert.All(files, file => Assert.Equal(file.Value, File.ReadAllText(Path.Combine(Folder, file.Key)).ReplaceLineEndings("\n")));
    }

    [Fact]
    public void Every_pattern_has_a_card_a_section_and_a_picture_of_moderate_size()
    {
        var files = MaskGallery.Files();
        foreach (var entry in MaskCatalog.Entries)
        {
            Assert.Contains($"<article id=\"{entry.Name}\">", files["index.html"]);
            Assert.Contains($"## {entry.Name}\n\n`{entry.Signature}`: {entry.Formula}\n", files["README.md"]);
            Assert.Contains(MaskJson.Print(MaskText.Parse(entry.Examples[0]))[..15], files["README.md"]);
            Assert.InRange(XDocument.Parse(files[$"{entry.Name}.svg"]).ToString().Length, 300, 40_000);
        }
    }
}
