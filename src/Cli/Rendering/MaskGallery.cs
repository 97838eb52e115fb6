using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using Stof.Reference.Formats;
using Stof.Reference.Masks;

namespace Stof.Reference.Cli.Rendering;

/// <summary>
/// The catalogue as a page for browsers (<c>index.html</c>), the same page for code hosts (<c>README.md</c>) and an SVG picture of every
/// pattern. Everything comes from <see cref="MaskCatalog"/>, so that a new pattern appears by being listed.
/// </summary>
internal static partial class MaskGallery
{
    private const int LongestShown = 200;

    /// <summary>All files by name.</summary>
    public static IReadOnlyDictionary<string, string> Files()
    {
        var cards = MaskCatalog.Entries.Select(Card.Of).ToArray();
        var files = cards.ToDictionary(card => $"{card.Entry.Name}.svg", card => card.Picture);
        files["index.html"] = Html(cards);
        files["README.md"] = Markdown(cards);
        return files;
    }

    private static string Markdown(Card[] cards)
    {
        var page = new StringBuilder(
            """
            # All mask patterns

            Written by `stof mask gallery --out docs/masks` from the catalogue; a test keeps it in step. Queries run down, keys to the right. Blue: full
            tiles; orange: allowed pairs of part tiles; pale: masked pairs of part tiles; grey: empty tiles. p is a query's position, k a key
            (see [masks.md](../masks.md)).


            """.ReplaceLineEndings("\n"));
        page.Append(string.Join(" · ", cards.Select(card => $"[{card.Entry.Name}](#{card.Entry.Name})"))).Append("\n\n");
        foreach (var card in cards)
        {
            page.Append($"## {card.Entry.Name}\n\n`{card.Entry.Signature}`: {card.Entry.Formula}\n\n");
            page.Append($"<img src=\"{card.Entry.Name}.svg\" width=\"320\" alt=\"{WebUtility.HtmlEncode(card.Caption)}\">\n\n");
            page.Append($"{card.Entry.Summary}{(card.Entry.Source is { } source ? $" Source: {source}." : "")}\n\n");
            foreach (var parameter in card.Entry.Parameters)
            {
                page.Append($"- `{parameter.Name}`: {parameter.Meaning}\n");
            }

            page.Append(card.Entry.Parameters.Count > 0 ? "\n" : "");
            page.Append($"Text `{Shortened(card.Entry.Examples[0])}`, JSON `{card.Json}`. {card.Caption}. Tiles are classified {card.Classes}.\n\n");
        }

        return page.ToString().TrimEnd('\n') + "\n";
    }

    private static string Html(Card[] cards)
    {
        var page = new StringBuilder(
            """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width">
            <title>Mask patterns</title>
            <style>
            body { font: 15px/1.45 system-ui, sans-serif; color: #30343b; max-width: 1200px; margin: 2em auto; padding: 0 1em }
            main { display: grid; grid-template-columns: repeat(auto-fill, minmax(340px, 1fr)); gap: 1.5em }
            article { border: 1px solid #c3c7ce; border-radius: 6px; padding: 1em; overflow-wrap: anywhere }
            img { width: 100% }
            h2 { margin: 0 0 .3em }
            code { background: #f1f2f4; padding: 0 .2em }
            .small { font-size: 13px }
            b.full { color: #2b5c9e } b.part { color: #e0701a }
            </style>
            </head>
            <body>
            <h1>Mask patterns</h1>
            <p>Queries run down, keys to the right. <b class="full">Blue</b>: full tiles. <b class="part">Orange</b>: allowed pairs of part tiles, pale:
            masked ones. Grey: empty tiles, never loaded. p is a query's position, k a key.</p>
            <p><input id="filter" type="search" placeholder="filter, such as window or causal" size="40" aria-label="filter"></p>
            <main>

            """.ReplaceLineEndings("\n"));
        foreach (var card in cards)
        {
            page.Append($"<article id=\"{card.Entry.Name}\">\n<h2>{card.Entry.Name}</h2>\n");
            page.Append($"<p><code>{WebUtility.HtmlEncode(card.Entry.Signature)}</code>: {WebUtility.HtmlEncode(card.Entry.Formula)}</p>\n");
            page.Append($"<img src=\"{card.Entry.Name}.svg\" alt=\"{WebUtility.HtmlEncode(card.Caption)}\">\n");
            page.Append($"<p>{Code(card.Entry.Summary)}</p>\n");
            foreach (var parameter in card.Entry.Parameters)
            {
                page.Append($"<p class=\"small\"><code>{parameter.Name}</code>: {Code(parameter.Meaning)}</p>\n");
            }

            page.Append($"<p class=\"small\">{WebUtility.HtmlEncode(card.Caption)}. Tiles are classified {WebUtility.HtmlEncode(card.Classes)}.");
            page.Append(card.Entry.Source is { } source ? $" Source: {WebUtility.HtmlEncode(source)}." : "");
            page.Append($"</p>\n<p class=\"small\">Text <code>{WebUtility.HtmlEncode(Shortened(card.Entry.Examples[0]))}</code><br>JSON <code>{WebUtility.HtmlEncode(card.Json)}</code></p>\n</article>\n");
        }

        page.Append(
            """
            </main>
            <script>
            document.getElementById("filter").addEventListener("input", event => {
              for (const card of document.querySelectorAll("article")) {
                card.hidden = !card.textContent.toLowerCase().includes(event.target.value.toLowerCase());
              }
            });
            </script>
            </body>
            </html>

            """.ReplaceLineEndings("\n"));
        return page.ToString();
    }

    /// <summary>Text between back-ticks becomes code.</summary>
    private static string Code(string markdown) => BackTicks().Replace(WebUtility.HtmlEncode(markdown), "<code>$1</code>");

    [GeneratedRegex("`([^`]*)`")]
    private static partial Regex BackTicks();

    private static string Shortened(string text) => text.Length <= LongestShown ? text : text[..(LongestShown - 3)] + "...";

    /// <summary>What both pages say of one pattern.</summary>
    private sealed record Card(MaskEntry Entry, string Picture, string Caption, string Json, string Classes)
    {
        public static Card Of(MaskEntry entry)
        {
            var pattern = MaskText.Parse(entry.Sample.Text);
            var extent = pattern.Demand.Apply(new MaskExtent(entry.Sample.Queries, entry.Sample.Keys ?? entry.Sample.Queries));
            var mask = BlockMaskBuilder.Build(pattern, extent, new TileShape(8, 8));
            var picture = MaskPicture.Of(mask, 0, entry.Sample.Text) with { Slices = [.. Enumerable.Range(0, mask.Slices)] };
            var counts = TileCounts.Of(mask);
            var size = extent.QueryLength == extent.KeyLength ? $"{extent.QueryLength}" : $"{extent.QueryLength}x{extent.KeyLength}";
            return new Card(
                entry,
                MaskSvg.Draw(picture, bare: true),
                FormattableString.Invariant($"{Shortened(entry.Sample.Text)} at {size}, tiles of 8x8: {100 * counts.Density:0.##} % allowed, {100 * counts.LoadShare:0.##} % of tiles loaded"),
                Shortened(MaskJson.Print(MaskText.Parse(entry.Examples[0]))),
                entry.Loose is { } reason ? $"loosely ({reason})" : "exactly");
        }
    }
}
