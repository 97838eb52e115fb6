using Stof.Reference.Masks;

namespace Stof.Reference.Unit.Tests.Masks;

/// <summary>Patterns over the cells of a grid, against constructions that know nothing of their formulas.</summary>
public sealed class GridMaskTests
{
    /// <summary>
    /// Swin as its code does it: pad to whole windows, number the nine regions of the rolled grid by slices, cut it into windows, compare
    /// the numbers inside each window, and look up by where the roll takes a cell.
    /// </summary>
    [Theory]
    [InlineData(8, 8, 4, 2)]
    [InlineData(8, 8, 4, 0)]
    [InlineData(6, 9, 3, 1)]
    [InlineData(6, 9, 3, 2)]
    [InlineData(14, 7, 7, 3)]
    [InlineData(4, 4, 4, 2)]
    [InlineData(3, 5, 1, 0)]
    [InlineData(7, 10, 4, 2)]
    [InlineData(5, 3, 4, 3)]
    [InlineData(2, 2, 7, 3)]
    public void Shifted_windows_are_those_of_rolled_region_numbers(int height, int width, int window, int shift)
    {
        var (paddedHeight, paddedWidth) = ((height + window - 1) / window * window, (width + window - 1) / window * window);
        var regions = new int[paddedHeight, paddedWidth];
        var number = 0;
        foreach (var (top, bottom) in Slices(paddedHeight))
        {
            foreach (var (left, right) in Slices(paddedWidth))
            {
                for (var row = top; row < bottom; row++)
                {
                    for (var column = left; column < right; column++)
                    {
                        regions[row, column] = shift == 0 ? 0 : number;
                    }
                }

                number++;
            }
        }

        Assert.Equal(9, number);
        var mask = new SwinMask(height, width, window, shift).Bind(new MaskExtent(height * width, height * width));
        for (var p = 0; p < height * width; p++)
        {
            for (var k = 0; k < height * width; k++)
            {
                var (q, s) = (Rolled(p), Rolled(k));
                var expected = q.Row / window == s.Row / window && q.Column / window == s.Column / window
                    && regions[q.Row, q.Column] == regions[s.Row, s.Column];
                Assert.True(expected == mask.Allows(0, 0, p, k), $"{height}x{width}, window {window}, shift {shift}: {p} and {k}");
            }
        }

        (int Start, int End)[] Slices(int side) => [(0, side - window), (side - window, side - shift), (side - shift, side)];

        (int Row, int Column) Rolled(int cell) =>
            (((cell / width) - shift + paddedHeight) % paddedHeight, ((cell % width) - shift + paddedWidth) % paddedWidth);
    }

    [Theory]
    [InlineData(7, 7, 3)]
    [InlineData(9, 12, 2)]
    [InlineData(5, 40, 1)]
    [InlineData(4, 6, 0)]
    public void A_window_moved_inside_has_as_many_keys_everywhere_and_is_the_plain_one_away_from_the_edge(int height, int width, int radius)
    {
        var extent = new MaskExtent(height * width, height * width);
        var shifted = new NeighbourhoodMask(height, width, radius, NeighbourhoodEdge.Shift).Bind(extent);
        var clipped = new NeighbourhoodMask(height, width, radius).Bind(extent);
        for (var p = 0; p < height * width; p++)
        {
            var keys = Enumerable.Range(0, height * width).Where(k => shifted.Allows(0, 0, p, k)).ToArray();
            var plain = Enumerable.Range(0, height * width).Where(k => clipped.Allows(0, 0, p, k)).ToArray();
            Assert.Equal(((2 * radius) + 1) * ((2 * radius) + 1), keys.Length);
            Assert.Empty(plain.Except(keys));
            var (row, column) = Math.DivRem(p, width);
            var inside = row >= radius && row < height - radius && column >= radius && column < width - radius;
            Assert.Equal(inside, plain.Length == keys.Length);
        }
    }

    [Theory]
    [InlineData("neighbourhood(height=20,width=11,radius=2)")]
    [InlineData("neighbourhood(height=11,width=20,radius=4,edge=shift)")]
    [InlineData("dilated_2d(height=13,width=17,radius=3,gap=1)")]
    [InlineData("swin(height=18,width=14,window=5,shift=2)")]
    [InlineData("neighbourhood(height=3,width=100,radius=1)")]
    public void Wide_rectangles_of_large_grids_are_classified_exactly(string text)
    {
        const int Seed = 31;
        var random = new Random(Seed);
        var seen = new HashSet<TileClass>();
        foreach (var extent in new[] { new MaskExtent(230, 260), new MaskExtent(260, 200) })
        {
            var mask = MaskText.Parse(text).Bind(extent);
            for (var trial = 0; trial < 1500; trial++)
            {
                var limit = random.Next(3) switch { 0 => 4, 1 => 30, _ => 200 };
                var (q, k) = (random.Next(extent.QueryLength), random.Next(extent.KeyLength));
                var rect = new MaskRect(
                    q, Math.Min(q + 1 + random.Next(limit), extent.QueryLength), k, Math.Min(k + 1 + random.Next(limit), extent.KeyLength));
                var (any, all) = (false, true);
                for (q = rect.QueryStart; q < rect.QueryEnd; q++)
                {
                    for (k = rect.KeyStart; k < rect.KeyEnd; k++)
                    {
                        var allowed = mask.Allows(0, 0, q, k);
                        any |= allowed;
                        all &= allowed;
                    }
                }

                var expected = all ? TileClass.Full : any ? TileClass.Part : TileClass.Empty;
                seen.Add(expected);
                Assert.True(expected == mask.Classify(0, 0, rect), $"{text} on {extent}: {rect} is {expected}, seed {Seed}");
            }
        }

        Assert.Equal(3, seen.Count);
    }

    [Fact]
    public void The_largest_grids_do_not_overflow()
    {
        // One row of the grid is longer than all keys: it is a band, or one window, of that row.
        var extent = new MaskExtent(200, 2_000_000_000, Alignment: PositionAlignment.BottomRight);
        var all = new MaskRect(0, 200, 0, 2_000_000_000);
        var widest = MaskText.Parse("neighbourhood(height=2147483647,width=2147483647,radius=2147483647)").Bind(extent);
        Assert.Equal(TileClass.Full, widest.Classify(0, 0, all));
        Assert.Equal(ulong.MaxValue, widest.Row64(0, 0, 199, 1_999_999_000));
        var far = MaskText.Parse("dilated_2d(height=2147483647,width=2147483647,radius=1,gap=1999999899)").Bind(extent);
        Assert.True(far.Allows(0, 0, 150, 50) && far.Allows(0, 0, 150, 1_999_999_950));
        Assert.False(far.Allows(0, 0, 150, 51));
        Assert.Equal(TileClass.Part, far.Classify(0, 0, all));
        Assert.Equal(TileClass.Empty, far.Classify(0, 0, all with { KeyStart = 1000, KeyEnd = 1_999_999_000 }));
        var windows = MaskText.Parse("swin(height=2147483647,width=2147483647,window=2147483647,shift=1999999900)").Bind(extent);
        Assert.Equal(TileClass.Full, windows.Classify(0, 0, new MaskRect(100, 200, 1_999_999_900, 2_000_000_000)));
        Assert.Equal(TileClass.Empty, windows.Classify(0, 0, new MaskRect(100, 200, 0, 1_999_999_900)));
    }
}
