namespace Stof.Reference.Formats;

/// <summary>What of a block-wise kernel on matrix units is searched for.</summary>
/// <param name="QueryTile">BM: queries of a block.</param>
/// <param name="KeyTile">BN: keys of a tile.</param>
/// <param name="Stages">Tiles of K and V in shared memory at a time.</param>
/// <param name="WarpRows">Queries of a warp, 16 or 32: with 32 a warp reads K and V half as often, and needs nearly twice the registers.</param>
/// <param name="KeyGroups">Groups of warps that share the tiles of a row out among themselves, 1, 2 or 4.</param>
public sealed record BlockwiseTiling(int QueryTile, int KeyTile, int Stages, int WarpRows = 16, int KeyGroups = 1)
{
    /// <summary>Registers of 255 that what a warp keeps may take; seen to fit at 160, and to spill at 224.</summary>
    public const int MostFragmentRegisters = 165;

    private const int StripRows = 16; // of one matrix product
    private const int WarpLanes = 32;
    private const int OtherRegisters = 48; // addresses and operands
    private const int MultiprocessorRegisters = 65_536;

    /// <summary>The one of F32.</summary>
    public static BlockwiseTiling Exact { get; } = new(64, 32, 2);

    /// <summary>All that the search tries.</summary>
    public static IReadOnlyList<BlockwiseTiling> Space { get; } =
    [
        .. from queries in (int[])[16, 32, 64, 128]
           from keys in (int[])[32, 64, 128]
           from stages in (int[])[2, 3]
           from rows in (int[])[16, 32]
           from groups in (int[])[1, 2, 4]
           where rows <= queries && (groups == 1 || (stages == 2 && queries / rows * groups <= 16))
           select new BlockwiseTiling(queries, keys, stages, rows, groups),
    ];

    /// <summary>The tiling of a plan's tile; null if the kernel has none of that size. Large blocks have warps of 32 queries.</summary>
    public static BlockwiseTiling? Of(int queryTile, int keyTile) =>
        Space.FirstOrDefault(tiling => tiling.QueryTile == queryTile && tiling.KeyTile == keyTile && tiling.WarpRows == (queryTile == 128 ? 32 : 16) && tiling.KeyGroups == 1);

    /// <summary>The mask's storage that it walks.</summary>
    public TileShape Tile => new(QueryTile, KeyTile);

    /// <summary>Warps of a block.</summary>
    public int Warps => KeyGroups * QueryTile / WarpRows;

    /// <summary>
    /// True if O, scores, weights and Q, in 16-bit numbers with float sums, take so many registers that nothing is left for addresses and operands.
    /// </summary>
    /// <param name="headSize">D, in whole steps of sixteen.</param>
    /// <param name="valueSize">Dv, likewise.</param>
    /// <param name="keepsQueries">True if Q stays in registers.</param>
    public bool LikelySpills(int headSize, int valueSize, bool keepsQueries) =>
        WarpRows / StripRows * ((valueSize / 2) + (KeyTile / 2) + (keepsQueries ? headSize / 4 : 0))
            > Math.Min(MostFragmentRegisters, (MultiprocessorRegisters / (Warps * WarpLanes)) - OtherRegisters);

    /// <inheritdoc/>
    public override string ToString() => $"{QueryTile}x{KeyTile}, {Stages} stages, {WarpRows} a warp{(KeyGroups == 1 ? "" : $", {KeyGroups} groups")}";
}
