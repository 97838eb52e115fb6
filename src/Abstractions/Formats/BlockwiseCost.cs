using Stof.Reference.Operators;

namespace Stof.Reference.Formats;

/// <summary>
/// What a block-wise launch takes, from counts that the tile lists give: f + merge + ((l·L)^p + ((t·T + i·I)/M)^p)^(1/p) µs, p = 2.5, with L the tiles
/// of the longest item (of a group's share, where groups share it), T and I all tiles and items, M the multiprocessors. The first term under the
/// root is one block working alone, the second the whole device busy. The constants were fitted to 1,080 measurements (eighteen tilings, STOF's masks
/// but BigBird, batch 1, 8 and 16, lengths 128 to 4096) on an H100 with F16 and head size 64: root mean square error 7 %, and the tiling chosen is 1.2 %
/// slower than the best on average, 6 % at worst but for one cell of 60 (21 %). For other head sizes tile and item times grow in proportion.
/// </summary>
/// <param name="Tiling">The tiling.</param>
/// <param name="Launch">f, µs: launch, first tile, result.</param>
/// <param name="Alone">l, µs a tile.</param>
/// <param name="Tile">t, µs of a multiprocessor a tile.</param>
/// <param name="Item">i, µs of a multiprocessor an item.</param>
public sealed record BlockwiseCost(BlockwiseTiling Tiling, double Launch, double Alone, double Tile, double Item)
{
    private const double Norm = 2.5;
    private const double MeasuredSizes = 128; // D + Dv of the fit

    /// <summary>The tilings that are best somewhere.</summary>
    public static IReadOnlyList<BlockwiseCost> Table { get; } =
    [
        new(new(16, 32, 2, 16, 2), 2.25, 0.550, 0.198, 0.290),
        new(new(16, 32, 3), 1.75, 0.600, 0.201, 0.226),
        new(new(32, 32, 2), 1.00, 0.800, 0.194, 0.493),
        new(new(32, 32, 2, 16, 2), 1.25, 0.950, 0.212, 0.787),
        new(new(32, 64, 2, 16, 2), 1.75, 1.300, 0.422, 1.156),
        new(new(64, 32, 2), 1.50, 0.600, 0.278, 0.861),
        new(new(64, 64, 2, 16, 2), 2.00, 1.250, 0.777, 2.082),
        new(new(64, 64, 2, 32), 1.75, 1.450, 0.470, 1.251),
        new(new(128, 64, 3, 32), 1.75, 1.450, 0.936, 2.134),
    ];

    /// <summary>Predicted time in µs.</summary>
    /// <param name="problem">Head sizes.</param>
    /// <param name="work">Items of this tiling.</param>
    /// <param name="multiprocessors">Multiprocessors of the device.</param>
    /// <param name="merge">What a second launch takes in µs, where rows are cut.</param>
    public double Microseconds(AttentionProblem problem, TileWork work, int multiprocessors, double merge)
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
        return Launch + (work.Merges.Length > 0 ? merge : 0) + Math.Pow(Math.Pow(alone, Norm) + Math.Pow(busy, Norm), 1 / Norm);
    }
}
