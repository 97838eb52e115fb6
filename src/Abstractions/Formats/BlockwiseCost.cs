using Stof.Reference.Operators;

namespace Stof.Reference.Formats;

/// <summary>
/// What a block-wise launch takes, from counts that the tile lists give: f + merge + ((l·L)^p + ((t·T + i·I)/M)^p)^(1/p) µs with L the tiles
/// of the longest item (of a group's share, where groups share it), T and I all tiles and items, M the multiprocessors. The first term under the
/// root is one block working alone, the second the whole device busy. Constants are fitted to measurements at head size 64; for other head sizes
/// tile and item times grow in proportion.
/// </summary>
/// <param name="Tiling">The tiling.</param>
/// <param name="Launch">f, µs: launch, first tile, result.</param>
/// <param name="Alone">l, µs a tile.</param>
/// <param name="Tile">t, µs of a multiprocessor a tile.</param>
/// <param name="Item">i, µs of a multiprocessor an item.</param>
public sealed record BlockwiseCost(BlockwiseTiling Tiling, double Launch, double Alone, double Tile, double Item)
{
    private const double MeasuredSizes = 128; // D + Dv of the fit

    /// <summary>Predicted time in µs.</summary>
    /// <param name="problem">Head sizes.</param>
    /// <param name="work">Items of this tiling.</param>
    /// <param name="multiprocessors">Multiprocessors of the device.</param>
    /// <param name="merge">What a second launch takes in µs, where rows are cut.</param>
    /// <param name="norm">p: the larger, the better one term hides behind the other.</param>
    public double Microseconds(AttentionProblem problem, TileWork work, int multiprocessors, double merge, double norm)
    {
        ArgumentNullException.ThrowIfNull(problem);
        ArgumentNullException.ThrowIfNull(work);
        var growth = (problem.HeadSize + problem.ValueSize) / MeasuredSizes;
        var (longest, tiles) = (0L, 0L);
        foreach (var item in work.Items)
        {
            var count = item.End - item.First;
            longest = Math.Max(longest, (count + Tiling.KeyGroups - 1) / Tiling.KeyGroups);
            tiles += count;
        }

        var alone = Alone * growth * longest;
        var busy = growth * ((Tile * tiles) + (Item * work.Items.Length)) / Math.Max(1, multiprocessors);
        return Launch + (work.Merges.Length > 0 ? merge : 0) + Math.Pow(Math.Pow(alone, norm) + Math.Pow(busy, norm), 1 / norm);
    }
}
