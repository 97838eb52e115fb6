using Stof.Reference.Formats;
using Stof.Reference.Numerics;

namespace Stof.Reference.Cuda.Templates;

/// <summary>What a block-wise attention kernel is built for; everything else comes with the launch.</summary>
/// <param name="Type">F16 or BF16 for <see cref="BlockwiseAttention"/>, F32 for <see cref="FmaAttention"/>.</param>
/// <param name="HeadSize">D, a multiple of 8; of 4 in F32.</param>
/// <param name="ValueSize">Dv, likewise.</param>
public sealed record BlockwiseAttentionSpec(DType Type, int HeadSize, int ValueSize)
{
    private const int HalfBytes = 2;

    /// <summary>BM: queries of a block.</summary>
    public int QueryTile { get; init; } = 64;

    /// <summary>BN: keys of a tile, 32, 64 or 128.</summary>
    public int KeyTile { get; init; } = 64;

    /// <summary>Tiles of K and V in shared memory at a time, 2 to 4.</summary>
    public int Stages { get; init; } = 2;

    /// <summary>Queries of a warp, 16 or 32.</summary>
    public int WarpRows { get; init; } = 16;

    /// <summary>
    /// Groups of warps that compute the same queries, 1, 2 or 4: the listed tiles go to them in turn, and their states are merged at the end. More
    /// warps on few queries: for launches that do not fill the device.
    /// </summary>
    public int KeyGroups { get; init; } = 1;

    /// <summary>
    /// True if the kernel behind may begin while tiles are computed, false for at the end. Early is faster where all blocks have as much to do: where
    /// some end long before others, blocks of the kernel behind would lie where places are free, not where its work is even.
    /// </summary>
    public bool LetsNextStartEarly { get; init; }

    /// <summary>What is added to a scaled score.</summary>
    public BiasForm Bias { get; init; }

    /// <summary>True if scores are capped.</summary>
    public bool HasSoftcap { get; init; }

    /// <summary>True if the scale is above 0: the largest product is then the largest score, and the scale costs nothing.</summary>
    public bool HasPositiveScale { get; init; } = true;

    /// <summary>True if a sink takes part in each row's softmax.</summary>
    public bool HasSinks { get; init; }

    /// <summary>True if LSE is stored.</summary>
    public bool StoresLogSumExp { get; init; }

    /// <summary>True if heavy tile rows are cut into ranges whose states are stored apart, for <see cref="SplitMerge"/>.</summary>
    public bool IsSplit { get; init; }

    /// <summary>
    /// True if Q stays in registers. With larger heads O needs them, and a warp reads its queries from shared memory again for every tile.
    /// </summary>
    public bool KeepsQueries => HeadSize <= 128;

    /// <summary>True if O, scores, weights and Q take so many registers that nothing is left for addresses and operands.</summary>
    public bool LikelySpills => IsExact
        ? (ValueRow.PaddedBytes / 8) + (2 * FmaAttention.Queries * FmaAttention.Keys) > BlockwiseTiling.MostFragmentRegisters
        : new BlockwiseTiling(QueryTile, KeyTile, Stages, WarpRows, KeyGroups).LikelySpills(KeyRow.PaddedBytes / HalfBytes, ValueRow.PaddedBytes / HalfBytes, KeepsQueries);

    /// <summary>
    /// Blocks that a multiprocessor shall hold: two of eight warps, where that many registers suffice, for with one block nobody computes while its
    /// first tile comes. 0 for no wish.
    /// </summary>
    internal int MinimumBlocks => !IsExact && Warps == 8 && KeyTile == 32 && WarpRows == 16 && Math.Max(HeadSize, ValueSize) <= 64 ? 2 : 0;

    /// <summary>Warps of a block.</summary>
    public int Warps => KeyGroups * GroupWarps;

    /// <summary>Warps of a group: they have all queries of the block.</summary>
    public int GroupWarps => QueryTile / WarpRows;

    /// <summary>Strips of sixteen queries of a warp.</summary>
    public int Strips => WarpRows / MmaShape.Rows;

    /// <summary>Shared memory of a block in bytes.</summary>
    public int SharedBytes => TileBytes
        + (IsExact ? (QueryTile * KeyRow.Pitch) + FmaAttention.WeightBytes(QueryTile) : QueryTile * Math.Max(KeyRow.Pitch, ValueRow.Pitch));

    /// <summary>Tiles of K and V in shared memory; later the states of all groups but the first.</summary>
    internal int TileBytes => Math.Max(KeyGroups * GroupTileBytes, (KeyGroups - 1) * StateBytes);

    /// <summary>Tiles of K and V of a group.</summary>
    internal int GroupTileBytes => Stages * KeyTile * (KeyRow.Pitch + ValueRow.Pitch);

    /// <summary>
    /// True if weights are added as floats: where LSE is stored, and where rows are cut, whose l must be the same with LSE and without.
    /// </summary>
    internal bool AddsWeights => IsSplit || StoresLogSumExp;

    /// <summary>A group's states: for each lane and strip largest scores, both forms of sums and outputs.</summary>
    internal int StateBytes => GroupWarps * 32 * Strips * (2 + (IsSplit ? 0 : 2) + (AddsWeights ? 2 : 0) + (ValueRow.PaddedBytes / 4)) * sizeof(float);

    /// <summary>True for F32.</summary>
    internal bool IsExact => Type == DType.F32;

    /// <summary>A row of Q or K in shared memory: whole steps of the product.</summary>
    internal TileRow KeyRow => TileRow.Of(HeadSize * Type.Size(), IsExact ? 16 : MmaShape.Depth * 2);

    /// <summary>A row of V in shared memory: whole steps, or four floats of each thread that shares a query.</summary>
    internal TileRow ValueRow => TileRow.Of(ValueSize * Type.Size(), IsExact ? FmaAttention.Sharers * 16 : MmaShape.Depth * 2);
}
