using System.Globalization;
using System.Net;
using System.Text;

namespace Stof.Reference.Cli.Rendering;

/// <summary>
/// Draws a <see cref="MaskPicture"/> as scalable graphics. Cells of one shade that touch are merged into rectangles and all rectangles of a
/// shade into one path, so that structured masks stay small files.
/// </summary>
internal static class MaskSvg
{
    private const int TargetSide = 480; // units that the longer side of all panels takes
    private const int SmallestPanel = 120;
    private const int MostCells = 512; // cells along a side, beyond which pairs are merged
    private const int Margin = 10;
    private const int Line = 18;
    private const int LetterWidth = 8; // at most, of the 13-unit text
    private const int Swatch = 11;

    /// <summary>The document.</summary>
    /// <param name="picture">What to draw.</param>
    /// <param name="bare">True for the panels alone, without heading and legend.</param>
    public static string Draw(MaskPicture picture, bool bare = false)
    {
        ArgumentNullException.ThrowIfNull(picture);
        var columns = picture.PanelColumns;
        var captionHeight = picture.Slices.Count > 1 ? Line : 0;
        var side = Math.Max(SmallestPanel, TargetSide / columns);
        var rasters = picture.Slices.Select(slice => MaskRaster.Of(picture, slice, MostCells)).ToArray();
        var unit = (double)side / Math.Max(1, Math.Max(rasters[0].Rows, rasters[0].Columns));
        var (panelWidth, panelHeight) = (Math.Max(1, rasters[0].Columns * unit), Math.Max(1, rasters[0].Rows * unit));
        var heading = bare ? [] : picture.Heading();
        var captionWidth = picture.Slices.Count > 1 ? picture.Slices.Max(slice => picture.Caption(slice).Length * LetterWidth) : 0;
        var stepRight = Math.Max(panelWidth, captionWidth) + Margin;
        var stepDown = panelHeight + captionHeight + Margin;
        var top = Margin + (heading.Count * Line);
        var width = Math.Max((columns * stepRight) + Margin, bare ? 0 : heading.Max(line => line.Length * LetterWidth) + (2 * Margin));
        var legendTop = top + (((picture.Slices.Count + columns - 1) / columns) * stepDown);
        var height = legendTop + (bare ? 0 : Line + Margin);

        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture, $"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:0.##} {height:0.##}\" width=\"{width:0.##}\" height=\"{height:0.##}\" font-family=\"system-ui,sans-serif\" font-size=\"13\" fill=\"#30343b\">\n");
        svg.Append(CultureInfo.InvariantCulture, $"<title>{WebUtility.HtmlEncode(picture.Title)}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n");
        for (var i = 0; i < heading.Count; i++)
        {
            Text(svg, Margin, Margin + (i * Line) + Swatch, heading[i]);
        }

        for (var i = 0; i < rasters.Length; i++)
        {
            var (x, y) = (Margin + (i % columns * stepRight), top + (i / columns * stepDown));
            if (captionHeight > 0)
            {
                Text(svg, x, y + Swatch, picture.Caption(picture.Slices[i]));
            }

            Panel(svg, picture, rasters[i], x, y + captionHeight, unit);
        }

        if (!bare)
        {
            Legend(svg, legendTop);
        }

        return svg.Append("</svg>\n").ToString();
    }

    private static void Panel(StringBuilder svg, MaskPicture picture, MaskRaster raster, double left, double top, double unit)
    {
        svg.Append(CultureInfo.InvariantCulture, $"<g transform=\"translate({left:0.##} {top:0.##}) scale({unit:0.####})\" shape-rendering=\"crispEdges\">\n");
        svg.Append(CultureInfo.InvariantCulture, $"<path fill=\"{Colour(MaskRaster.Empty)}\" d=\"M0 0h{raster.Columns}v{raster.Rows}h-{raster.Columns}z\"/>\n");
        var paths = Rectangles(raster);
        for (byte shade = MaskRaster.Full; shade <= MaskRaster.Allowed; shade++)
        {
            if (paths[shade].Length > 0)
            {
                svg.Append(CultureInfo.InvariantCulture, $"<path fill=\"{Colour(shade)}\" d=\"{paths[shade]}\"/>\n");
            }
        }

        if (raster.Step == 1)
        {
            var rules = new StringBuilder();
            Rules(rules, picture.Window.QueryStart, picture.Mask.Tile.Rows, raster.Rows, at => $"M0 {at}h{raster.Columns}");
            Rules(rules, picture.Window.KeyStart, picture.Mask.Tile.Columns, raster.Columns, at => $"M{at} 0v{raster.Rows}");
            svg.Append(CultureInfo.InvariantCulture, $"<path stroke=\"#c3c7ce\" stroke-width=\"{1 / unit:0.####}\" fill=\"none\" d=\"{rules}M0 0h{raster.Columns}v{raster.Rows}h-{raster.Columns}z\"/>\n");
        }

        svg.Append("</g>\n");
    }

    private static void Rules(StringBuilder path, int first, int tile, int cells, Func<int, string> line)
    {
        for (var at = tile - (first % tile); at < cells; at += tile)
        {
            path.Append(line(at));
        }
    }

    /// <summary>A path for each shade. Runs of a row that repeat in the next rows become one rectangle.</summary>
    private static StringBuilder[] Rectangles(MaskRaster raster)
    {
        var paths = Enumerable.Range(0, MaskRaster.Allowed + 1).Select(_ => new StringBuilder()).ToArray();
        var open = new Dictionary<(int Start, int Length, byte Shade), int>(); // runs of the row above, with the row they began in
        for (var row = 0; row <= raster.Rows; row++)
        {
            var runs = new Dictionary<(int Start, int Length, byte Shade), int>();
            var shades = row < raster.Rows ? raster.Row(row) : [];
            for (var start = 0; start < shades.Length;)
            {
                var rest = shades[start..].IndexOfAnyExcept(shades[start]);
                var length = rest < 0 ? shades.Length - start : rest;
                if (shades[start] != MaskRaster.Empty)
                {
                    var run = (start, length, shades[start]);
                    runs[run] = open.Remove(run, out var began) ? began : row;
                }

                start += length;
            }

            foreach (var ((start, length, shade), began) in open.OrderBy(run => run.Key.Start))
            {
                paths[shade].Append(CultureInfo.InvariantCulture, $"M{start} {began}h{length}v{row - began}h-{length}z");
            }

            open = runs;
        }

        return paths;
    }

    private static void Legend(StringBuilder svg, double top)
    {
        var left = (double)Margin;
        foreach (var (shade, label) in new[]
        {
            (MaskRaster.Full, "full tile"), (MaskRaster.Allowed, "allowed in part tile"), (MaskRaster.Masked, "masked in part tile"), (MaskRaster.Empty, "empty tile"),
        })
        {
            svg.Append(CultureInfo.InvariantCulture, $"<rect x=\"{left:0.##}\" y=\"{top:0.##}\" width=\"{Swatch}\" height=\"{Swatch}\" fill=\"{Colour(shade)}\" stroke=\"#c3c7ce\"/>\n");
            Text(svg, left + Line, top + Swatch, label);
            left += (2 * Line) + (label.Length * (LetterWidth - 1));
        }
    }

    private static void Text(StringBuilder svg, double x, double y, string text) =>
        svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{x:0.##}\" y=\"{y:0.##}\">{WebUtility.HtmlEncode(text)}</text>\n");

    private static string Colour(byte shade) => $"#{MaskRaster.Colours[shade]:x6}";
}
