using Stof.Reference.Masks;

namespace Stof.Reference.Formats;

/// <summary>
/// STOF's two-level storage of a mask: lists of outer tiles (full, part, and their union "load"), and for part tiles only a
/// bitmap of 8×8 inner tiles. Source: "Accelerating Sparse Transformer Inference on GPU" (PPoPP'26), section on storage.
/// <para>
/// Tile row r of slice s has list entries <c>[RowPtr[s·TileRows + r], RowPtr[s·TileRows + r + 1])</c>; pointers run on over
/// slices. A slice is one (batch item, head) pair that is stored; where batch items or heads share a mask they share a slice
/// (<see cref="Slice"/>). Columns ascend within a row. Full means that every bit is set; bits beyond the last query or key
/// are 0, so a ragged edge tile is part.
/// </para>
/// <para>
/// Bitmaps: <see cref="TileShape.WordsPerTile"/> words per part tile in the order of <see cref="PartColIdx"/>; element
/// (r, c) of a tile is bit <see cref="TileShape.BitIndex"/> of word <see cref="TileShape.WordIndex"/>.
/// </para>
/// <para>
/// Example: <c>causal</c> at S = 16 in tiles of 8×8. Tile (0,0) and (1,1) hold the diagonal and are part, (1,0) is full, (0,1) is
/// empty: FullRowPtr [0, 0, 1], FullColIdx [0], PartRowPtr [0, 1, 2], PartColIdx [0, 1], LoadRowPtr [0, 1, 3], LoadColIdx
/// [0, 0, 1], LoadPartIdx [0, −1, 1], Bitmaps twice 0xFF7F3F1F0F070301: byte r is row r, whose lowest r + 1 bits are set.
/// </para>
/// </summary>
public sealed class BlockMask
{
    internal BlockMask(MaskExtent extent, TileShape tile, int batchSlices, int headSlices)
    {
        Extent = extent;
        Tile = tile;
        BatchSlices = batchSlices;
        HeadSlices = headSlices;
    }

    /// <summary>The rectangle the mask covers, with batch and heads.</summary>
    public MaskExtent Extent { get; }

    /// <summary>Outer tile size.</summary>
    public TileShape Tile { get; }

    /// <summary>1 where all batch items share one mask, else the batch size.</summary>
    public int BatchSlices { get; }

    /// <summary>1 where all heads share one mask, else the number of query heads.</summary>
    public int HeadSlices { get; }

    /// <summary>Tile rows of a slice: ⌈Sq/BM⌉.</summary>
    public int TileRows => Tiles(Extent.QueryLength, Tile.Rows);

    /// <summary>Tile columns: ⌈Skv/BN⌉.</summary>
    public int TileColumns => Tiles(Extent.KeyLength, Tile.Columns);

    /// <summary>Number of stored slices.</summary>
    public int Slices => BatchSlices * HeadSlices;

    /// <summary>Full tiles: running count per tile row, length slices·TileRows + 1.</summary>
    public required int[] FullRowPtr { get; init; }

    /// <summary>Full tiles: tile columns.</summary>
    public required int[] FullColIdx { get; init; }

    /// <summary>Part tiles: running count per tile row.</summary>
    public required int[] PartRowPtr { get; init; }

    /// <summary>Part tiles: tile columns.</summary>
    public required int[] PartColIdx { get; init; }

    /// <summary>All tiles that are not empty: running count per tile row.</summary>
    public required int[] LoadRowPtr { get; init; }

    /// <summary>All tiles that are not empty: tile columns, ascending within a row.</summary>
    public required int[] LoadColIdx { get; init; }

    /// <summary>
    /// For each load entry the index of its bitmap among part tiles, or −1 for a full tile. Derived from the lists above:
    /// it spares a kernel the merge of two lists.
    /// </summary>
    public required int[] LoadPartIdx { get; init; }

    /// <summary>Inner-tile words of all part tiles.</summary>
    public required ulong[] Bitmaps { get; init; }

    /// <summary>Index of the slice that holds a batch item's and head's mask.</summary>
    public int Slice(int batch, int head) =>
        ((BatchSlices == 1 ? 0 : batch) * HeadSlices) + (HeadSlices == 1 ? 0 : head);

    /// <summary>The words of one part tile.</summary>
    public ReadOnlySpan<ulong> Bitmap(int partIndex) =>
        Bitmaps.AsSpan(partIndex * Tile.WordsPerTile, Tile.WordsPerTile);

    /// <summary>Tiles of <paramref name="side"/> that cover <paramref name="length"/>.</summary>
    internal static int Tiles(int length, int side) => (int)(((long)length + side - 1) / side);

    /// <summary>
    /// The stored form as a mask: whatever takes a <see cref="BoundMask"/> (other tile sizes, row lists, dense bits, pictures)
    /// takes this one.
    /// </summary>
    public BoundMask AsMask() => new StoredMask(this);

    /// <summary>Shape, density and a picture of the first batch item and head in at most 32 lines; see <see cref="BlockMaskPicture"/>.</summary>
    public override string ToString() => BlockMaskPicture.Describe(this);

    /// <summary>Reads one pair back from the stored form.</summary>
    public bool Allows(int batch, int head, int query, int key)
    {
        var row = (Slice(batch, head) * TileRows) + (query / Tile.Rows);
        var entries = LoadColIdx.AsSpan(LoadRowPtr[row], LoadRowPtr[row + 1] - LoadRowPtr[row]);
        var entry = entries.BinarySearch(key / Tile.Columns);
        if (entry < 0)
        {
            return false;
        }

        var part = LoadPartIdx[LoadRowPtr[row] + entry];
        if (part < 0)
        {
            return true;
        }

        var (r, c) = (query % Tile.Rows, key % Tile.Columns);
        return ((Bitmap(part)[Tile.WordIndex(r, c)] >> TileShape.BitIndex(r, c)) & 1) != 0;
    }
}
