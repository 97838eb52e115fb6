using Stof.Reference.Formats;
using Stof.Reference.Verification.Reports;

namespace Stof.Reference.Cli.Rendering;

/// <summary>
/// Where errors are: one column a batch item and head, one row a tile row, coloured by the largest share of a budget; beside it the
/// mask's tiles of the worst column, so that wrong rows can be read against the tiles they meet.
/// </summary>
internal static class ErrorMapImage
{
    private const int Margin = 10;
    private const int MostColumns = 512;
    private const int Side = 360;

    private static readonly int[] Palette =
    [
        0xFFFFFF, 0x30343B, 0xC3C7CE, // paper, ink, not checked
        0x6BA368, 0xE8C547, 0xE58A3A, 0xD14B3D, 0x8E1F2F, 0x2B0A3D, // up to 0.5, 1, 10, 100, more, not finite
        0xE7E9ED, 0xF2B36B, 0x4A7BB7, // tiles: empty, part, full
    ];

    private static readonly (string Text, byte Colour)[] Legend =
        [("<= 0.5", 3), ("<= 1", 4), ("<= 10", 5), ("<= 100", 6), ("> 100", 7), ("NaN", 8)];

    /// <summary>Colour of a share of a budget.</summary>
    public static byte Colour(double used) => used switch
    {
        double.NaN => 2,
        <= 0.5 => 3,
        <= 1 => 4,
        <= 10 => 5,
        <= 100 => 6,
        < double.PositiveInfinity => 7,
        _ => 8,
    };

    /// <summary>Draws the map of a report that has one.</summary>
    public static IndexedImage Draw(VerificationReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        var (map, p) = (report.Map!, report.Case!.Problem);
        var columns = Math.Min(map.Slices, MostColumns);
        var rows = Math.Max(map.TileRows, 1);
        var cellHeight = Math.Clamp(Side / rows, 1, 40);
        var cellWidth = Math.Clamp(Side / columns, 2, 40);
        var blocks = BlockMaskBuilder.Build(p.BindMask(), report.Tile);
        var tileColumns = Math.Max(blocks.TileColumns, 1);
        var tileWidth = Math.Clamp(Side / tileColumns, 1, 40);
        var (top, left) = (Margin + (3 * PixelFont.LineHeight), Margin);
        var right = left + Math.Max(columns * cellWidth, PixelFont.Width("ERROR BY HEAD", 1)) + (3 * Margin);
        var width = Math.Max(right + (tileColumns * tileWidth), PixelFont.Width("ABCDEFGHIJ", 1) * 6) + Margin;
        var image = new IndexedImage(width, top + (rows * cellHeight) + Margin + (2 * PixelFont.LineHeight), Palette);
        PixelFont.Draw(image, left, Margin, $"{report.Verdict.State} tile {report.Tile}", 1, 1);
        PixelFont.Draw(image, left, Margin + PixelFont.LineHeight, "ERROR BY HEAD", 1, 1);
        for (var slice = 0; slice < columns; slice++)
        {
            for (var row = 0; row < map.TileRows; row++)
            {
                var used = map.Used[(slice * map.TileRows) + row];
                image.Fill(left + (slice * cellWidth), top + (row * cellHeight), Gap(cellWidth), Gap(cellHeight), Colour(used));
            }
        }

        var worst = Worst(map);
        PixelFont.Draw(image, right, Margin + PixelFont.LineHeight, $"mask tiles b{worst / p.QueryHeads} h{worst % p.QueryHeads}", 1, 1);
        Tiles(image, blocks, blocks.Slice(worst / p.QueryHeads, worst % p.QueryHeads), right, top, tileWidth, cellHeight);
        var x = left;
        foreach (var (text, colour) in Legend)
        {
            image.Fill(x, image.Height - Margin - 5, 6, 6, colour);
            PixelFont.Draw(image, x + 9, image.Height - Margin - 4, text, 1, 1);
            x += 15 + PixelFont.Width(text, 1);
        }

        return image;
    }

    private static int Gap(int side) => side > 4 ? side - 1 : side;

    private static int Worst(ErrorMap map)
    {
        var (worst, largest) = (0, -1.0);
        for (var i = 0; i < map.Used.Length; i++)
        {
            if (map.Used[i] > largest)
            {
                (worst, largest) = (i / map.TileRows, map.Used[i]);
            }
        }

        return worst;
    }

    private static void Tiles(IndexedImage image, BlockMask blocks, int slice, int left, int top, int tileWidth, int tileHeight)
    {
        for (var row = 0; row < blocks.TileRows; row++)
        {
            image.Fill(left, top + (row * tileHeight), blocks.TileColumns * tileWidth, Gap(tileHeight), 9);
            var at = (slice * blocks.TileRows) + row;
            for (var entry = blocks.LoadRowPtr[at]; entry < blocks.LoadRowPtr[at + 1]; entry++)
            {
                image.Fill(
                    left + (blocks.LoadColIdx[entry] * tileWidth),
                    top + (row * tileHeight),
                    Gap(tileWidth),
                    Gap(tileHeight),
                    (byte)(blocks.LoadPartIdx[entry] < 0 ? 11 : 10));
            }
        }
    }
}
