using System.Numerics;
using Stof.Reference.Masks;

namespace Stof.Reference.Cli.Rendering;

/// <summary>
/// A window of one slice as shaded cells. A cell is one pair where that fits, else a square of pairs. Cells of full and of empty
/// tiles have a shade of their own; in part tiles the shade grows with the share of allowed pairs.
/// </summary>
internal sealed class MaskRaster
{
    /// <summary>Shade of an empty tile.</summary>
    public const byte Empty = 0;

    /// <summary>Shade of a full tile.</summary>
    public const byte Full = 1;

    /// <summary>Shade of masked pairs in a part tile; those up to <see cref="Allowed"/> are the shades between.</summary>
    public const byte Masked = 2;

    /// <summary>Shade of allowed pairs in a part tile.</summary>
    public const byte Allowed = 8;

    private readonly byte[] _shades;

    private MaskRaster(int rows, int columns, int step)
    {
        Rows = rows;
        Columns = columns;
        Step = step;
        _shades = new byte[checked(rows * columns)];
    }

    /// <summary>Colours of the shades as 0xRRGGBB.</summary>
    public static IReadOnlyList<int> Colours { get; } =
        [0xF1F2F4, 0x2B5C9E, 0xFCE8CF, 0xF9D5A8, 0xF5C07F, 0xF1AA58, 0xEC9638, 0xE78424, 0xE0701A];

    /// <summary>Cells downwards.</summary>
    public int Rows { get; }

    /// <summary>Cells of a row.</summary>
    public int Columns { get; }

    /// <summary>Pairs along a side of a cell.</summary>
    public int Step { get; }

    /// <summary>Shades a window.</summary>
    /// <param name="picture">The mask and the window.</param>
    /// <param name="slice">Which stored slice.</param>
    /// <param name="maxCells">Most cells along the longer side, 1 or more.</param>
    public static MaskRaster Of(MaskPicture picture, int slice, int maxCells)
    {
        var window = picture.Window;
        var step = (int)(((long)picture.LongerSide + maxCells - 1) / maxCells);
        var raster = new MaskRaster(Cells(window.QueryEnd - window.QueryStart, step), Cells(window.KeyEnd - window.KeyStart, step), step);
        var stored = picture.Mask.AsMask();
        var (batch, head) = (slice / picture.Mask.HeadSlices, slice % picture.Mask.HeadSlices);
        for (var row = 0; row < raster.Rows; row++)
        {
            var query = window.QueryStart + (row * step);
            var queryEnd = (int)Math.Min((long)query + step, window.QueryEnd);
            for (var column = 0; column < raster.Columns; column++)
            {
                var key = window.KeyStart + (column * step);
                var keyEnd = (int)Math.Min((long)key + step, window.KeyEnd);
                raster._shades[(row * raster.Columns) + column] = Shade(stored, batch, head, new MaskRect(query, queryEnd, key, keyEnd));
            }
        }

        return raster;
    }

    /// <summary>The shades of one row of cells.</summary>
    public ReadOnlySpan<byte> Row(int row) => _shades.AsSpan(row * Columns, Columns);

    private static int Cells(int pairs, int step) => (int)(((long)pairs + step - 1) / step);

    private static byte Shade(BoundMask stored, int batch, int head, MaskRect rect)
    {
        switch (stored.Classify(batch, head, rect))
        {
            case TileClass.Empty:
                return Empty;
            case TileClass.Full:
                return Full;
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
                return (byte)(Masked + (int)Math.Ceiling(share * (Allowed - Masked)));
        }
    }
}
