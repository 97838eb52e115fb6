using System.Collections.Immutable;
using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Numerics;

namespace Stof.Reference.Cuda.Templates;

/// <summary>The tiles that a search may try.</summary>
public static class GemmTiles
{
    private static readonly ImmutableArray<GemmTile> Matrix =
    [
        .. new[]
        {
            "128x256x64x3-2x4", "128x256x64x4-2x4", "128x256x128x2-2x4", "128x256x128x3-2x4",
            "256x128x64x3-4x2", "256x128x64x4-4x2", "256x128x128x3-4x2",
            "128x128x64x3-2x2", "128x128x64x4-2x2", "128x128x128x2-2x2", "128x128x128x3-2x2", "128x128x64x4-2x4", "128x128x128x3-2x4",
            "64x256x64x4-1x4", "64x256x128x3-1x4", "64x128x64x4-1x4", "64x128x128x3-1x4", "64x128x128x3-2x2",
            "64x64x128x4-2x2", "64x64x128x3-1x2", "32x128x128x4-1x4", "32x64x128x4-1x4", "32x64x128x4-1x2",
            "32x256x128x3-1x4", "16x256x128x3-1x4", "16x128x128x4-1x4", "16x64x128x4-1x4", "16x64x128x4-1x2", "16x32x128x4-1x2",
        }.Select(GemmTile.Parse),
    ];

    private static readonly ImmutableArray<GemmTile> Float =
    [
        .. new[] { "128x128x64x3-2x4", "128x64x64x3-2x2", "64x64x64x3-2x2", "32x64x128x3-2x2", "16x64x128x4-1x4", "8x64x128x4-1x4" }.Select(GemmTile.Parse),
    ];

    /// <summary>Tiles of a type that fit a target.</summary>
    public static IEnumerable<GemmTile> For(DType type, Target target) =>
        (type == DType.F32 ? Float : Matrix).Where(tile => tile.Check(type, target) is null);
}
