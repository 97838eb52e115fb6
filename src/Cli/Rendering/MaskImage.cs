using System.Numerics;
using Stof.Reference.Formats;
using Stof.Reference.Masks;

namespace Stof.Reference.Cli.Rendering;

/// <summary>
/// Draws the stored form of a mask: queries downwards, keys to the right. Full tiles have one colour; inside a part tile allowed
/// and masked pairs have two; empty tiles show the background. A pair takes a square of pixels where that fits, else a pixel
/// stands for a square of pairs and takes its shade from their density.
/// </summary>
internal static class MaskImage
{
    private const int TargetSide = 900; // pixels that the longer side of the grid may take before pairs are merged
    private const int LargestPair = 16;
    private const int SmallestRuledTile = 6; // pixels; finer tiles are drawn without lines between them
    private const int Margin = 12;
    private const int TextScale = 2;
    private const int Line = PixelFont.LineHeight * TextScale;

    private const byte Paper = 0;
    private const byte Ink = 1;
    private const byte Rule = 2;
    private const byte EmptyTile = 3;
    private const byte FullTile = 4;
    private const byte Shade = 5; // the masked pairs of a part tile, then six shades up to its allowed pairs
    private const byte Allowed = 11;

    private static readonly int[] Palette =
    [
        0xFFFFFF, 0x30343B, 0xC3C7CE, 0xF1F2F4, 0x2B5C9E,
        0xFCE8CF, 0xF9D5A8, 0xF5C07F, 0xF1AA58, 0xEC9638, 0xE78424, 0xE0701A,
    ];

    /// <summary>Draws one slice.</summary>
    /// <param name="mask">The mask in two-level form.</param>
    /// <param name="slice">Which stored slice.</param>
    /// <param name="title">First line above the picture.</param>
    public static IndexedImage Draw(BlockMask mask, int slice, string title)
    {
        ArgumentNullException.ThrowIfNull(mask);
        var (queries, keys) = (mask.Extent.QueryLength, mask.Extent.KeyLength);
        var longer = Math.Max(Math.Max(queries, keys), 1);
        var pixels = Math.Clamp(TargetSide / longer, 1, LargestPair);
        var pairs = Math.Max(1, (int)(((long)longer + TargetSide - 1) / TargetSide));
        var ruled = pairs == 1 && Math.Min(mask.Tile.Rows, mask.Tile.Columns) * pixels >= SmallestRuledTile;
        var rows = new Axis(queries, mask.Tile.Rows, pixels, pairs, ruled);
        var columns = new Axis(keys, mask.Tile.Columns, pixels, pairs, ruled);

        var counts = TileCounts.Of(mask, slice);
        string[] lines =
        [
            title,
            FormattableString.Invariant($"{queries} queries down x {keys} keys, tile {mask.Tile}"),
            FormattableString.Invariant($"{100 * counts.Density:0.##}% allowed, {100 * counts.LoadShare:0.##}% of tiles loaded"),
        ];
        (byte Colour, string Label)[] legend =
        [
            (FullTile, $"full: {counts.Full}"), (Allowed, $"part: {counts.Part}"), (Shade, "masked in part"), (EmptyTile, $"empty: {counts.Empty}"),
        ];
        var width = Math.Max(columns.Length, lines[1..].Max(line => PixelFont.Width(line, TextScale))); // a long title is cut instead
        var entryWidth = legend.Max(e => PixelFont.Width(e.Label, TextScale)) + (2 * Line);
        var perLine = Math.Clamp(width / entryWidth, 1, legend.Length);
        var top = Margin + (lines.Length * Line);
        var legendTop = top + rows.Length + Margin;
        var image = new IndexedImage(
            width + (2 * Margin), legendTop + ((legend.Length + perLine - 1) / perLine * Line) + Margin, Palette);

        for (var i = 0; i < lines.Length; i++)
        {
            PixelFont.Draw(image, Margin, Margin + (i * Line), Shortened(lines[i], width), Ink, TextScale);
        }

        image.Fill(Margin, top, columns.Length, rows.Length, Rule);
        DrawPairs(image, mask, slice, rows, columns, top);
        for (var i = 0; i < legend.Length; i++)
        {
            var (x, y) = (Margin + (i % perLine * entryWidth), legendTop + (i / perLine * Line));
            image.Fill(x, y, 12, 12, Rule);
            image.Fill(x + 1, y + 1, 10, 10, legend[i].Colour);
            PixelFont.Draw(image, x + Line, y + 1, legend[i].Label, Ink, TextScale);
        }

        return image;
    }

    private static void DrawPairs(IndexedImage image, BlockMask mask, int slice, Axis rows, Axis columns, int top)
    {
        var stored = mask.AsMask();
        var (batch, head) = (slice / mask.HeadSlices, slice % mask.HeadSlices);
        for (var query = 0; query < rows.Pairs; query += rows.Step)
        {
            var queryEnd = Math.Min(query + rows.Step, rows.Pairs);
            for (var key = 0; key < columns.Pairs; key += columns.Step)
            {
                var keyEnd = Math.Min(key + columns.Step, columns.Pairs);
                var colour = Colour(stored, batch, head, new MaskRect(query, queryEnd, key, keyEnd));
                image.Fill(Margin + columns.Start(key), top + rows.Start(query), columns.Pixels, rows.Pixels, colour);
            }
        }
    }

    private static byte Colour(BoundMask stored, int batch, int head, MaskRect rect)
    {
        switch (stored.Classify(batch, head, rect))
        {
            case TileClass.Empty:
                return EmptyTile;
            case TileClass.Full:
                return FullTile;
            default:
                var allowed = 0L;
                for (var query = rect.QueryStart; query < rect.QueryEnd; query++)
                {
                    for (var key = rect.KeyStart; key < rect.KeyEnd; key += BoundMask.RowBits)
                    {
                        var bits = stored.Row64(batch, head, query, key);
                        var inside = rect.KeyEnd - key;
                        allowed += BitOperations.PopCount(inside < BoundMask.RowBits ? bits & ((1UL << inside) - 1) : bits);
                    }
                }

                // Any allowed pair shows: a thin line does not vanish when pairs are merged.
                var share = (double)allowed / ((long)(rect.QueryEnd - rect.QueryStart) * (rect.KeyEnd - rect.KeyStart));
                return (byte)(Shade + (int)Math.Ceiling(share * (Allowed - Shade)));
        }
    }

    private static string Shortened(string text, int width)
    {
        var letters = width / PixelFont.Width(" ", TextScale);
        return text.Length <= letters ? text : text[..(letters - 3)] + "...";
    }

    /// <summary>Where the pairs of one axis lie in the picture, rules between tiles included.</summary>
    private readonly record struct Axis(int Pairs, int Tile, int Pixels, int Step, bool Ruled)
    {
        public int Length => Pairs == 0 ? 1 : Start(Pairs - 1) + Pixels + (Ruled ? 1 : 0);

        public int Start(int pair) => (pair / Step * Pixels) + (Ruled ? (pair / Tile) + 1 : 0);
    }
}
