using Stof.Reference.Formats;

namespace Stof.Reference.Cli.Rendering;

/// <summary>
/// Draws a <see cref="MaskPicture"/> in pixels: queries downwards, keys to the right. Full tiles have one colour; inside a part tile allowed
/// and masked pairs have two; empty tiles show the background. A pair takes a square of pixels where that fits, else a pixel
/// stands for a square of pairs and takes its shade from their density.
/// </summary>
internal static class MaskImage
{
    private const int TargetSide = 900; // pixels that the longer side of all panels may take before pairs are merged
    private const int SmallestPanel = 96;
    private const int LargestPair = 16;
    private const int SmallestRuledTile = 6; // pixels; finer tiles are drawn without lines between them
    private const int Margin = 12;
    private const int TextScale = 2;
    private const int Line = PixelFont.LineHeight * TextScale;

    private const byte Paper = 0;
    private const byte Ink = 1;
    private const byte Rule = 2;
    private const byte FirstShade = 3;

    private static readonly int[] Palette = [0xFFFFFF, 0x30343B, 0xC3C7CE, .. MaskRaster.Colours];

    /// <summary>Draws the picture.</summary>
    public static IndexedImage Draw(MaskPicture picture)
    {
        ArgumentNullException.ThrowIfNull(picture);
        var columns = picture.PanelColumns;
        var captioned = picture.Slices.Count > 1;
        var side = Math.Max(SmallestPanel, TargetSide / columns);
        var rasters = picture.Slices.Select(slice => MaskRaster.Of(picture, slice, side)).ToArray();
        var pixels = Math.Clamp(side / picture.LongerSide, 1, LargestPair);
        var tile = picture.Mask.Tile;
        var ruled = rasters[0].Step == 1 && Math.Min(tile.Rows, tile.Columns) * pixels >= SmallestRuledTile;
        var down = new Axis(picture.Window.QueryStart, rasters[0].Rows, tile.Rows, pixels, ruled);
        var right = new Axis(picture.Window.KeyStart, rasters[0].Columns, tile.Columns, pixels, ruled);

        var heading = picture.Heading();
        var captions = picture.Slices.Select(picture.Caption).ToArray();
        var panelWidth = captioned ? Math.Max(right.Length, captions.Max(c => PixelFont.Width(c, TextScale))) + Margin : right.Length;
        var panelHeight = captioned ? down.Length + Line + Margin : down.Length;
        var panelRows = (picture.Slices.Count + columns - 1) / columns;
        var width = Math.Max(columns * panelWidth, heading.Skip(1).Max(line => PixelFont.Width(line, TextScale))); // a long title is cut instead
        var top = Margin + (heading.Count * Line);
        var legendTop = top + (panelRows * panelHeight) + Margin;
        var legend = new Legend(picture, width);
        var image = new IndexedImage(width + (2 * Margin), legendTop + legend.Height + Margin, Palette);

        for (var i = 0; i < heading.Count; i++)
        {
            PixelFont.Draw(image, Margin, Margin + (i * Line), Shortened(heading[i], width), Ink, TextScale);
        }

        for (var i = 0; i < rasters.Length; i++)
        {
            var (x, y) = (Margin + (i % columns * panelWidth), top + (i / columns * panelHeight));
            if (captioned)
            {
                PixelFont.Draw(image, x, y, captions[i], Ink, TextScale);
                y += Line;
            }

            image.Fill(x, y, right.Length, down.Length, Rule);
            DrawPanel(image, rasters[i], down, right, x, y);
        }

        legend.Draw(image, legendTop);
        return image;
    }

    private static void DrawPanel(IndexedImage image, MaskRaster raster, Axis down, Axis right, int left, int top)
    {
        for (var row = 0; row < raster.Rows; row++)
        {
            var shades = raster.Row(row);
            for (var column = 0; column < shades.Length; column++)
            {
                image.Fill(
                    left + right.Start(column), top + down.Start(row), right.Pixels, down.Pixels, (byte)(FirstShade + shades[column]));
            }
        }
    }

    private static string Shortened(string text, int width)
    {
        var letters = width / PixelFont.Width(" ", TextScale);
        return text.Length <= letters ? text : text[..(letters - 3)] + "...";
    }

    /// <summary>Where the cells of one axis lie in the picture, rules between tiles included.</summary>
    private readonly record struct Axis(int FirstPair, int Cells, int Tile, int Pixels, bool Ruled)
    {
        public int Length => Cells == 0 ? 1 : Start(Cells - 1) + Pixels + (Ruled ? 1 : 0);

        // One rule before the first cell, and one wherever a tile begins; with rules a cell is a pair.
        public int Start(int cell) => (cell * Pixels) + (Ruled ? ((FirstPair + cell) / Tile) - (FirstPair / Tile) + 1 : 0);
    }

    /// <summary>The colours and how many tiles have them, in as many lines as the width needs.</summary>
    private sealed class Legend
    {
        private readonly (byte Colour, string Label)[] _entries;
        private readonly int _entryWidth;
        private readonly int _perLine;

        public Legend(MaskPicture picture, int width)
        {
            var counts = picture.Slices.Select(slice => TileCounts.Of(picture.Mask, slice)).ToArray();
            _entries =
            [
                (MaskRaster.Full, $"full: {counts.Sum(c => c.Full)}"),
                (MaskRaster.Allowed, $"part: {counts.Sum(c => c.Part)}"),
                (MaskRaster.Masked, "masked in part"),
                (MaskRaster.Empty, $"empty: {counts.Sum(c => c.Empty)}"),
            ];
            _entryWidth = _entries.Max(e => PixelFont.Width(e.Label, TextScale)) + (2 * Line);
            _perLine = Math.Clamp(width / _entryWidth, 1, _entries.Length);
        }

        public int Height => (_entries.Length + _perLine - 1) / _perLine * Line;

        public void Draw(IndexedImage image, int top)
        {
            for (var i = 0; i < _entries.Length; i++)
            {
                var (x, y) = (Margin + (i % _perLine * _entryWidth), top + (i / _perLine * Line));
                image.Fill(x, y, 12, 12, Rule);
                image.Fill(x + 1, y + 1, 10, 10, (byte)(FirstShade + _entries[i].Colour));
                PixelFont.Draw(image, x + Line, y + 1, _entries[i].Label, Ink, TextScale);
            }
        }
    }
}
