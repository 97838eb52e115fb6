using Stof.Reference.Formats;
using Stof.Reference.Operators;

namespace Stof.Reference.Cuda.Execution;

/// <summary>
/// What a block-wise launch takes, from counts that the tile lists give: f + merge + √((l·L)² + ((t·T + i·I)/M)²) µs, with L the tiles of the longest
/// item, T and I all tiles and items, M the multiprocessors. The first term under the root is one block working alone, the second the whole device
/// busy. The constants were fitted to 460 measurements (twenty tilings, STOF's five masks, batch 1 and 16, lengths 256 to 4096) on an H100 with
/// F16 and head size 64: mean error 4 %, and the tiling chosen is 1.4 % slower than the best on average, 10 % at worst. For other head sizes tile
/// and item times grow in proportion.
/// </summary>
/// <param name="Tiling">The tiling.</param>
/// <param name="Launch">f, µs: launch, first tile, result.</param>
/// <param name="Alone">l, µs a tile.</param>
/// <param name="Tile">t, µs of a multiprocessor a tile.</param>
/// <param name="Item">i, µs of a multiprocessor an item.</param>
internal sealed record BlockwiseCost(BlockwiseTiling Tiling, double Launch, double Alone, double Tile, double Item)
{
    private const double Merge = 1.5; // µs of a second launch
    private const double MeasuredSizes = 128; // D + Dv of the fit

    /// <summary>The tilings that are best somewhere.</summary>
    public static IReadOnlyList<BlockwiseCost> Table { get; } =
    [
        new(new(64, 64, 2), 1.5, 1.225, 0.523, 1.073),
        new(new(64, 32, 2), 2.5, 0.625, 0.276, 0.908),
        new(new(32, 32, 2), 2.5, 0.625, 0.206, 0.414),
        new(new(32, 32, 3), 2.25, 0.625, 0.199, 0.468),
        new(new(16, 32, 3), 2.5, 0.55, 0.202, 0.202),
        new(new(32, 64, 2), 2.5, 0.85, 0.400, 0.455),
        new(new(64, 128, 2), 2.5, 1.425, 1.064, 1.423),
        new(new(64, 64, 2, 32), 2.75, 1.3, 0.480, 1.119),
        new(new(128, 64, 3, 32), 2.75, 1.325, 0.907, 2.133),
    ];

    /// <summary>Predicted time in µs.</summary>
    /// <param name="problem">Head sizes.</param>
    /// <param name="work">Items of this tiling.</param>
    /// <param name="multiprocessors">Multiprocessors of the device.</param>
    public double Microseconds(AttentionProblem problem, TileWork work, int multiprocessors)
    {
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
        return Launch + (work.Merges.Length > 0 ? Merge : 0) + Math.Sqrt((alone * alone) + (busy * busy));
    }
}
