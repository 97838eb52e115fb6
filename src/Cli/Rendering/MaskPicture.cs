using Stof.Reference.Formats;
using Stof.Reference.Masks;

namespace Stof.Reference.Cli.Rendering;

/// <summary>What is drawn: one or more slices of a mask, whole or a window of them, side by side. PNG and SVG show the same.</summary>
/// <param name="Mask">The mask in two-level form.</param>
/// <param name="Slices">Stored slices to draw, one panel each.</param>
/// <param name="Window">Queries and keys to show; inside the mask.</param>
/// <param name="Title">First line above the panels.</param>
internal sealed record MaskPicture(BlockMask Mask, IReadOnlyList<int> Slices, MaskRect Window, string Title)
{
    /// <summary>All of one slice.</summary>
    public static MaskPicture Of(BlockMask mask, int slice, string title) =>
        new(mask, [slice], new MaskRect(0, mask.Extent.QueryLength, 0, mask.Extent.KeyLength), title);

    /// <summary>Panels of a row, so that the whole is about square.</summary>
    public int PanelColumns => (int)Math.Ceiling(Math.Sqrt(Slices.Count));

    /// <summary>Longer side of the window in pairs, at least 1.</summary>
    public int LongerSide => Math.Max(1, Math.Max(Window.QueryEnd - Window.QueryStart, Window.KeyEnd - Window.KeyStart));

    /// <summary>The lines above the panels: title, size and window, and for a single panel its density.</summary>
    public IReadOnlyList<string> Heading()
    {
        var (queries, keys) = (Mask.Extent.QueryLength, Mask.Extent.KeyLength);
        var size = $"{queries} queries down x {keys} keys, tile {Mask.Tile}";
        var whole = Window == new MaskRect(0, queries, 0, keys);
        List<string> lines = [Title, size];
        if (!whole)
        {
            lines.Add($"queries {Window.QueryStart}-{Window.QueryEnd - 1}, keys {Window.KeyStart}-{Window.KeyEnd - 1}");
        }

        if (Slices.Count == 1)
        {
            var counts = TileCounts.Of(Mask, Slices[0]);
            lines.Add(FormattableString.Invariant($"{100 * counts.Density:0.##}% allowed, {100 * counts.LoadShare:0.##}% of tiles loaded"));
        }

        return lines;
    }

    /// <summary>What stands above one panel of several.</summary>
    public string Caption(int slice)
    {
        var (batch, head) = (slice / Mask.HeadSlices, slice % Mask.HeadSlices);
        var place = (Mask.BatchSlices > 1, Mask.HeadSlices > 1) switch
        {
            (true, true) => $"item {batch} head {head}",
            (true, false) => $"item {batch}",
            _ => $"head {head}",
        };
        return FormattableString.Invariant($"{place}: {100 * TileCounts.Of(Mask, slice).Density:0.##}%");
    }
}
