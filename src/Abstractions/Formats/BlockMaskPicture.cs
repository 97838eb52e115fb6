using System.Text;
using Stof.Reference.Masks;

namespace Stof.Reference.Formats;

/// <summary>
/// Draws the tiles of a mask in characters: <c>██</c> full, <c>░░</c> part, blank empty. Where there are more tiles than lines a
/// cell stands for a square of tiles and is full or empty only if all of them are.
/// </summary>
public static class BlockMaskPicture
{
    /// <summary>Most lines and cells a line of <see cref="BlockMask.ToString"/>.</summary>
    public const int DefaultCells = 32;

    /// <summary>Class of every cell, at most <paramref name="maxCells"/> by <paramref name="maxCells"/>.</summary>
    /// <param name="mask">The mask.</param>
    /// <param name="slice">Which stored slice; see <see cref="BlockMask.Slice"/>.</param>
    /// <param name="maxCells">1 or more.</param>
    public static TileClass[,] Cells(BlockMask mask, int slice, int maxCells)
    {
        ArgumentNullException.ThrowIfNull(mask);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxCells, 1);
        var (rows, columns) = (mask.TileRows, mask.TileColumns);
        var side = Math.Max(1, BlockMask.Tiles(Math.Max(rows, columns), maxCells));
        var loaded = new int[BlockMask.Tiles(rows, side), BlockMask.Tiles(columns, side)];
        var full = new int[loaded.GetLength(0), loaded.GetLength(1)];
        for (var row = 0; row < rows; row++)
        {
            var pointer = (slice * rows) + row;
            for (var entry = mask.LoadRowPtr[pointer]; entry < mask.LoadRowPtr[pointer + 1]; entry++)
            {
                loaded[row / side, mask.LoadColIdx[entry] / side]++;
                full[row / side, mask.LoadColIdx[entry] / side] += mask.LoadPartIdx[entry] < 0 ? 1 : 0;
            }
        }

        var cells = new TileClass[loaded.GetLength(0), loaded.GetLength(1)];
        for (var r = 0; r < cells.GetLength(0); r++)
        {
            for (var c = 0; c < cells.GetLength(1); c++)
            {
                var tiles = Math.Min(side, rows - (r * side)) * Math.Min(side, columns - (c * side));
                cells[r, c] = loaded[r, c] == 0 ? TileClass.Empty : full[r, c] == tiles ? TileClass.Full : TileClass.Part;
            }
        }

        return cells;
    }

    /// <summary>The picture of one slice, one line a row of cells.</summary>
    public static string Draw(BlockMask mask, int slice = 0, int maxCells = DefaultCells)
    {
        var cells = Cells(mask, slice, maxCells);
        var text = new StringBuilder();
        for (var r = 0; r < cells.GetLength(0); r++)
        {
            for (var c = 0; c < cells.GetLength(1); c++)
            {
                text.Append(cells[r, c] switch { TileClass.Full => "██", TileClass.Part => "░░", _ => "  " });
            }

            text.Append('\n');
        }

        return text.ToString();
    }

    /// <summary>One line of facts over all slices, then the picture of the first.</summary>
    internal static string Describe(BlockMask mask)
    {
        var statistics = TileCounts.Of(mask);
        return FormattableString.Invariant(
            $"BlockMask [{mask.BatchSlices}, {mask.HeadSlices}, {mask.Extent.QueryLength}, {mask.Extent.KeyLength}], tile {mask.Tile}, {100 * statistics.Density:0.##} % allowed, tiles {statistics.Full} full, {statistics.Part} part, {statistics.Empty} empty\n")
            + Draw(mask);
    }
}
