using Stof.Reference.Masks;

namespace Stof.Reference.Formats;

/// <summary>What a person or a kernel selector asks about a mask.</summary>
/// <param name="Extent">The rectangle, with batch and heads.</param>
/// <param name="Tiles">Counts at the tile size that was asked for.</param>
/// <param name="Sizes">Counts at the sizes of <see cref="ComparedTiles"/>.</param>
/// <param name="LoadShare16">ρ: loaded 16×16 tiles as a share of all, 0 to 1.</param>
/// <param name="PaperThreshold">τ of <see cref="PaperSelector"/>.</param>
/// <param name="PaperChoice">The kernel that the published rule picks.</param>
public sealed record MaskStatistics(
    MaskExtent Extent, TileCounts Tiles, IReadOnlyList<TileCounts> Sizes, double LoadShare16, double PaperThreshold, KernelKind PaperChoice)
{
    /// <summary>Tile sizes that are counted side by side: how much a finer or coarser tiling would load.</summary>
    public static IReadOnlyList<TileShape> ComparedTiles { get; } = [PaperSelector.Tile, new(32, 32), new(64, 64), new(128, 64), new(128, 128)];

    /// <summary>Builds the storage at all tile sizes and counts over all stored slices.</summary>
    /// <exception cref="InvalidInputException">The tile size is out of range.</exception>
    public static MaskStatistics Of(BoundMask mask, TileShape tile) => Of(mask, tile, null);

    /// <summary>As <see cref="Of(BoundMask, TileShape)"/>, for one batch item and head.</summary>
    /// <exception cref="InvalidInputException">The tile size is out of range.</exception>
    public static MaskStatistics Of(BoundMask mask, TileShape tile, int batch, int head) => Of(mask, tile, (batch, head));

    private static MaskStatistics Of(BoundMask mask, TileShape tile, (int Batch, int Head)? place)
    {
        ArgumentNullException.ThrowIfNull(mask);
        var counts = new Dictionary<TileShape, TileCounts>();
        foreach (var size in ComparedTiles.Prepend(tile).Distinct())
        {
            var lists = BlockMaskBuilder.Build(mask, size);
            counts[size] = TileCounts.Of(lists, place is var (batch, head) ? lists.Slice(batch, head) : null);
        }

        var rho = counts[PaperSelector.Tile].LoadShare;
        var keys = mask.Extent.KeyLength;
        return new MaskStatistics(
            mask.Extent, counts[tile], [.. ComparedTiles.Select(size => counts[size])], rho, PaperSelector.Threshold(keys), PaperSelector.Choose(rho, keys));
    }
}
