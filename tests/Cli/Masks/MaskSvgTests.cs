using System.Globalization;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Stof.Reference.Cli.Rendering;
using Stof.Reference.Formats;
using Stof.Reference.Masks;

namespace Stof.Reference.Cli.Tests.Masks;

public sealed partial class MaskSvgTests
{
    private static readonly XNamespace Svg = "http://www.w3.org/2000/svg";

    public static TheoryData<string> Samples => [.. MaskCatalog.Entries.Select(e => e.Sample.Text), "causal & sliding(3)"];

    [Theory]
    [MemberData(nameof(Samples))]
    public void Its_rectangles_cover_every_pair_once_in_the_colour_of_its_class(string text)
    {
        var pattern = MaskText.Parse(text);
        foreach (var extent in new MaskExtent[] { new(64, 64), new(37, 50) }.Select(pattern.Demand.Apply).Distinct())
        {
            var mask = BlockMaskBuilder.Build(pattern, extent, new TileShape(8, 16));
            foreach (var slice in Enumerable.Range(0, mask.Slices))
            {
                Check(mask, slice, new MaskRect(0, extent.QueryLength, 0, extent.KeyLength));
                Check(mask, slice, new MaskRect(extent.QueryLength / 3, extent.QueryLength, extent.KeyLength / 4, (extent.KeyLength + 1) / 2));
            }
        }
    }

    [Fact]
    public void Panels_of_a_grid_do_not_overlap_and_have_captions()
    {
        var mask = BlockMaskBuilder.Build(new StofCellsMask(0.1, 0), new MaskExtent(96, 96, 5), TileShape.Default);
        var document = XDocument.Parse(MaskSvg.Draw(MaskPicture.Of(mask, 0, "a < b") with { Slices = [0, 1, 2, 3, 4] }));
        Assert.Equal("a < b", document.Root!.Element(Svg + "title")!.Value);
        Assert.Equal(5, document.Root.Elements(Svg + "g").Select(g => (string)g.Attribute("transform")!).Distinct().Count());
        Assert.Equal(5, document.Root.Elements(Svg + "text").Count(t => t.Value.StartsWith("item ", StringComparison.Ordinal)));
        Assert.True((double)document.Root.Attribute("width")! <= 700);
    }

    [Fact]
    public void Large_and_empty_masks_stay_small_files()
    {
        var large = BlockMaskBuilder.Build(MaskText.Parse("longformer(50,50)"), new MaskExtent(20_000, 20_000), TileShape.Default);
        Assert.InRange(MaskSvg.Draw(MaskPicture.Of(large, 0, "large")).Length, 1_000, 200_000);
        var nothing = BlockMaskBuilder.Build(new FullMask(), new MaskExtent(0, 0), TileShape.Default);
        Assert.NotNull(XDocument.Parse(MaskSvg.Draw(MaskPicture.Of(nothing, 0, "nothing"))));
    }

    private static void Check(BlockMask mask, int slice, MaskRect window)
    {
        if (window.QueryEnd <= window.QueryStart || window.KeyEnd <= window.KeyStart)
        {
            return;
        }

        var document = XDocument.Parse(MaskSvg.Draw(MaskPicture.Of(mask, slice, "t") with { Window = window }));
        var (height, width) = (window.QueryEnd - window.QueryStart, window.KeyEnd - window.KeyStart);
        var colours = new string?[height, width];
        foreach (var path in document.Root!.Element(Svg + "g")!.Elements(Svg + "path").Where(p => p.Attribute("stroke") is null).Skip(1))
        {
            foreach (Match match in Rectangle().Matches((string)path.Attribute("d")!))
            {
                var (x, y, w, h) = (Number(match, 1), Number(match, 2), Number(match, 3), Number(match, 4));
                Assert.Equal(w, Number(match, 5));
                for (var i = 0; i < w * h; i++)
                {
                    Assert.Null(colours[y + (i / w), x + (i % w)]);
                    colours[y + (i / w), x + (i % w)] = (string)path.Attribute("fill")!;
                }
            }
        }

        var stored = mask.AsMask();
        var (batch, head) = (slice / mask.HeadSlices, slice % mask.HeadSlices);
        for (var q = 0; q < height; q++)
        {
            for (var k = 0; k < width; k++)
            {
                var (query, key) = (window.QueryStart + q, window.KeyStart + k);
                var tile = new MaskRect(
                    query / mask.Tile.Rows * mask.Tile.Rows, Math.Min(((query / mask.Tile.Rows) + 1) * mask.Tile.Rows, mask.Extent.QueryLength),
                    key / mask.Tile.Columns * mask.Tile.Columns, Math.Min(((key / mask.Tile.Columns) + 1) * mask.Tile.Columns, mask.Extent.KeyLength));
                var expected = stored.Classify(batch, head, tile) switch
                {
                    TileClass.Empty => null,
                    TileClass.Full => "#2b5c9e",
                    _ => stored.Allows(batch, head, query, key) ? "#e0701a" : "#fce8cf",
                };
                Assert.True(expected == colours[q, k], $"{window} q{query} k{key}: {colours[q, k]}, expected {expected}");
            }
        }
    }

    private static int Number(Match match, int group) => int.Parse(match.Groups[group].Value, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"M(\d+) (\d+)h(\d+)v(\d+)h-(\d+)z")]
    private static partial Regex Rectangle();
}
