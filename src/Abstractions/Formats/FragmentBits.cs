namespace Stof.Reference.Formats;

/// <summary>
/// Bitmaps as block-wise kernels on matrix units read them: for each part tile and each strip of sixteen queries <see cref="FragmentBitmaps"/>'s
/// words, so that a lane's bits of 32 scores are one load.
/// </summary>
public static class FragmentBits
{
    /// <summary>Tiles of eight keys in a word.</summary>
    public const int TilesPerWord = FragmentBitmaps.ChunkColumns / 8;

    /// <summary>Words of a lane for a tile of keys.</summary>
    public static int WordsPerLane(int keyTile) => FragmentBitmaps.WordsPerBlock(keyTile) / 32;

    /// <summary>The bitmaps of all part tiles.</summary>
    public static uint[] Of(BlockMask mask)
    {
        ArgumentNullException.ThrowIfNull(mask);
        var (rows, columns) = (mask.Tile.Rows, mask.Tile.Columns);
        var words = FragmentBitmaps.WordsPerBlock(columns);
        var strips = rows / FragmentBitmaps.BlockRows;
        var bits = new uint[mask.PartColIdx.Length * strips * words];
        for (var part = 0; part < mask.PartColIdx.Length; part++)
        {
            for (var strip = 0; strip < strips; strip++)
            {
                FragmentBitmaps.ToLanes(mask.Bitmap(part), rows, columns, strip, bits.AsSpan(((part * strips) + strip) * words, words));
            }
        }

        return bits;
    }
}
