using Stof.Reference.Verification.Diagnosis;
using Stof.Reference.Verification.Probing;

namespace Stof.Reference.Cli.Rendering;

/// <summary>The effective mask pair by pair: as intended, seen though masked, not seen though allowed.</summary>
internal static class MaskDifferenceImage
{
    private const int Margin = 10;
    private const int MostPanels = 16;
    private const int Side = 384;

    private static readonly int[] Palette = [0xFFFFFF, 0x30343B, 0xE7E9ED, 0x4A7BB7, 0xD14B3D, 0xE8A33A];

    /// <summary>Draws the slices that differ, or the first one where none does.</summary>
    public static IndexedImage Draw(ProbeReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        var p = report.Problem;
        var intended = MaskPlanes.Of(p.BindMask());
        (int Batch, int Head)[] slices = report.Difference.Slices.Count == 0 ? [(0, 0)] : [.. report.Difference.Slices.Take(MostPanels)];
        var scale = Math.Max(1, Side / Math.Max(1, Math.Max(p.QueryLength, p.KvLength)));
        var columns = (int)Math.Ceiling(Math.Sqrt(slices.Length));
        var (panelWidth, panelHeight) = (Math.Max(p.KvLength * scale, 120) + Margin, (p.QueryLength * scale) + Margin + PixelFont.LineHeight);
        var top = Margin + (2 * PixelFont.LineHeight);
        var image = new IndexedImage(
            Math.Max(Margin + (columns * panelWidth), 420), top + ((slices.Length + columns - 1) / columns * panelHeight), Palette);
        var x = Margin;
        foreach (var (text, colour) in (ReadOnlySpan<(string, byte)>)[("masked", 2), ("allowed", 3), ("seen though masked", 4), ("not seen though allowed", 5)])
        {
            image.Fill(x, Margin, 6, 6, colour);
            PixelFont.Draw(image, x + 9, Margin + 1, text, 1, 1);
            x += 17 + PixelFont.Width(text, 1);
        }

        for (var i = 0; i < slices.Length; i++)
        {
            var (batch, head) = slices[i];
            var (left, panelTop) = (Margin + (i % columns * panelWidth), top + (i / columns * panelHeight));
            PixelFont.Draw(image, left, panelTop, $"b{batch} h{head}", 1, 1);
            var (wanted, found) = (intended[batch, head], report.Mask.Mask[batch, head]);
            for (var query = 0; query < p.QueryLength; query++)
            {
                for (var key = 0; key < p.KvLength; key++)
                {
                    var colour = (wanted[query, key], found[query, key]) switch { (false, false) => 2, (true, true) => 3, (false, true) => 4, _ => 5 };
                    image.Fill(left + (key * scale), panelTop + PixelFont.LineHeight + (query * scale), scale, scale, (byte)colour);
                }
            }
        }

        return image;
    }
}
