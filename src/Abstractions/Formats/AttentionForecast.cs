using Stof.Reference.Numerics;

namespace Stof.Reference.Formats;

/// <summary>
/// What attention under a mask will compute and move, by counting: no clock, no device. For every slice that <see cref="TileCounts"/>
/// counted (a batch item and head).
/// </summary>
/// <param name="UsefulFlops">Multiplications and additions of both products on allowed pairs: 2·(Dqk + Dv) a pair.</param>
/// <param name="TileFlops">The same for all pairs of loaded tiles: what a block-wise kernel computes.</param>
/// <param name="LeastBytes">Queries, keys and values read once, outputs written once: no kernel moves less.</param>
/// <param name="TileBytes">
/// Queries and outputs once, keys and values once for every loaded tile (as if no cache held them between two tile rows), and the tile lists
/// with their bitmaps.
/// </param>
public sealed record AttentionForecast(double UsefulFlops, double TileFlops, double LeastBytes, double TileBytes)
{
    /// <summary>Useful work as a share of what tiles make a kernel compute, 0 to 1; 1 where there is none.</summary>
    public double TileEfficiency => TileFlops == 0 ? 1 : UsefulFlops / TileFlops;

    /// <summary>Floating-point operations of tiles for each byte that they move.</summary>
    public double Intensity => TileBytes == 0 ? 0 : TileFlops / TileBytes;

    /// <summary>Counts.</summary>
    /// <param name="counts">Tiles and pairs.</param>
    /// <param name="queries">Sq.</param>
    /// <param name="keys">Skv.</param>
    /// <param name="headSize">Dqk, 1 or more.</param>
    /// <param name="valueSize">Dv, 1 or more.</param>
    /// <param name="type">Dtype of queries, keys, values and outputs.</param>
    /// <exception cref="InvalidInputException">A size is below 1.</exception>
    public static AttentionForecast Of(TileCounts counts, int queries, int keys, int headSize, int valueSize, DType type)
    {
        ArgumentNullException.ThrowIfNull(counts);
        if (headSize < 1 || valueSize < 1)
        {
            throw new InvalidInputException("head size", $"{Math.Min(headSize, valueSize)}", "1 or more");
        }

        var flopsPerPair = 2.0 * (headSize + valueSize);
        var bytesPerRow = (double)(headSize + valueSize) * type.Size(); // of a query and its output, or of a key and its value
        var tile = (double)counts.Tile.Rows * counts.Tile.Columns;
        var lists = (sizeof(int) * (2.0 * counts.Loaded)) + ((double)sizeof(ulong) * counts.Part * counts.Tile.WordsPerTile);
        return new AttentionForecast(
            flopsPerPair * counts.Allowed,
            flopsPerPair * tile * counts.Loaded,
            bytesPerRow * counts.Slices * ((double)queries + keys),
            (bytesPerRow * ((counts.Slices * (double)queries) + ((double)counts.Loaded * counts.Tile.Columns))) + lists);
    }
}
