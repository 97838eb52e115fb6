using Stof.Reference.Cli.Rendering;
using Stof.Reference.Formats;
using Stof.Reference.Masks;

namespace Stof.Reference.Cli.Tests.Masks;

public sealed class MaskImageTests
{
    private const int Margin = 12;
    private const int Top = Margin + (3 * 16);

    [Fact]
    public void Every_pair_has_the_colour_of_its_class()
    {
        // At S = 64 a pair takes 14 pixels and tiles of 16×16 are ruled by lines of one pixel.
        var pattern = MaskText.Parse("causal & sliding(20)");
        var bound = pattern.Bind(new MaskExtent(64, 64));
        var mask = BlockMaskBuilder.Build(bound, new TileShape(16, 16));
        var image = MaskImage.Draw(MaskPicture.Of(mask, 0, "causal"));
        for (var query = 0; query < 64; query++)
        {
            for (var key = 0; key < 64; key++)
            {
                var (x, y) = (Margin + (key * 14) + (key / 16) + 1 + 7, Top + (query * 14) + (query / 16) + 1 + 7);
                var tile = new MaskRect(query & ~15, (query & ~15) + 16, key & ~15, (key & ~15) + 16);
                var expected = mask.AsMask().Classify(0, 0, tile) switch
                {
                    TileClass.Empty => 0xF1F2F4,
                    TileClass.Full => 0x2B5C9E,
                    _ => bound.Allows(0, 0, query, key) ? 0xE0701A : 0xFCE8CF,
                };
                Assert.True(expected == image.Palette[image.Pixels[(y * image.Width) + x]], $"q{query} k{key}");
            }
        }
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 1)]
    [InlineData(1, 3000)]
    [InlineData(3000, 1)]
    [InlineData(5000, 5000)]
    [InlineData(901, 130)]
    public void Every_size_gives_a_picture_of_moderate_size(int queries, int keys)
    {
        var mask = BlockMaskBuilder.Build(MaskText.Parse("longformer(5,3)"), new MaskExtent(queries, keys), TileShape.Default);
        var image = MaskImage.Draw(MaskPicture.Of(mask, 0, new string('x', 500)));
        Assert.InRange(image.Width, 200, 1000);
        Assert.InRange(image.Height, 50, 1100);
        Assert.All(image.Pixels, pixel => Assert.InRange(pixel, 0, image.Palette.Count - 1));
    }

    [Fact]
    public void A_thin_line_does_not_vanish_when_pairs_are_merged()
    {
        var mask = BlockMaskBuilder.Build(new SlidingMask(0), new MaskExtent(9000, 9000), TileShape.Default);
        var image = MaskImage.Draw(MaskPicture.Of(mask, 0, "diagonal"));
        for (var i = 0; i < 900; i++)
        {
            var colour = image.Pixels[((Top + i) * image.Width) + Margin + i];
            Assert.InRange(colour, 6, 11);
        }
    }
}
