using Stof.Reference.Masks;

namespace Stof.Reference.Formats;

/// <summary>What a person or a kernel selector asks about a mask.</summary>
/// <param name="Extent">The rectangle, with batch and heads.</param>
/// <param name="Tile">Outer tile size of <paramref name="Tiles"/>.</param>
/// <param name="Tiles">Counts at that tile size.</param>
/// <param name="LoadShare16">ρ: loaded 16×16 tiles as a share of all, 0 to 1.</param>
/// <param name="PaperThreshold">τ of <see cref="PaperSelector"/>.</param>
/// <param name="PaperChoice">The kernel that the published rule picks.</param>
public sealed record MaskStatistics(
    MaskExtent Extent, TileShape Tile, TileCounts Tiles, double LoadShare16, double PaperThreshold, KernelKind PaperChoice)
{
    /// <summary>Builds the storage at the tile size and at 16×16 and counts over all stored slices.</summary>
    /// <exception cref="InvalidInputException">The tile size is out of range.</exception>
    public static MaskStatistics Of(BoundMask mask, TileShape tile)
    {
        ArgumentNullException.ThrowIfNull(mask);
        return Of(BlockMaskBuilder.Build(mask, tile), BlockMaskBuilder.Build(mask, PaperSelector.Tile), null);
    }

    /// <summary>As <see cref="Of(BoundMask, TileShape)"/>, for one batch item and head.</summary>
    /// <exception cref="InvalidInputException">The tile size is out of range.</exception>
    public static MaskStatistics Of(BoundMask mask, TileShape tile, int batch, int head)
    {
        ArgumentNullException.ThrowIfNull(mask);
        var tiles = BlockMaskBuilder.Build(mask, tile);
        return Of(tiles, BlockMaskBuilder.Build(mask, PaperSelector.Tile), tiles.Slice(batch, head));
    }

    private static MaskStatistics Of(BlockMask tiles, BlockMask tiles16, int? slice)
    {
        var rho = TileCounts.Of(tiles16, slice).LoadShare;
        var keys = tiles.Extent.KeyLength;
        return new MaskStatistics(
            tiles.Extent, tiles.Tile, TileCounts.Of(tiles, slice), rho, PaperSelector.Threshold(keys), PaperSelector.Choose(rho, keys));
    }
}
