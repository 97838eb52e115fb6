using Stof.Reference.Masks;
using Stof.Reference.Tensors;

namespace Stof.Reference.Formats.Peers;

/// <summary>
/// The <c>BlockMask</c> of PyTorch's FlexAttention (<c>torch.nn.attention.flex_attention</c>): for every row of tiles how many part tiles
/// and how many full tiles it has and which: <c>kv_num_blocks</c> I32 [B or 1, H or 1, ⌈Sq/BM⌉], <c>kv_indices</c> I32 [B or 1, H or
/// 1, ⌈Sq/BM⌉, C], and <c>full_kv_num_blocks</c>, <c>full_kv_indices</c> alike. Entries past the count of a row are padding without
/// meaning; here, as <c>create_block_mask</c> leaves them, they are the other columns in ascending order.
/// <para>
/// The name hides a trap: <c>kv_num_blocks</c> counts the <em>part</em> tiles only. And what is inside a part tile is not in FlexAttention's
/// arrays at all: it is <c>mask_mod</c>, a function. So that the arrays hold the mask, <c>stof_part_bitmaps</c> U64 [part tiles, words
/// a tile] adds the bits of part tiles in the order of the lists, words and bits as in <see cref="BlockMask"/>. It is ours;
/// FlexAttention knows nothing of it and <c>BlockMask.from_kv_blocks</c> takes the other four. <see cref="AsMask(MaskPattern)"/> reads
/// the lists with a pattern in the role of <c>mask_mod</c> instead.
/// </para>
/// <para>
/// Represents every mask. The lists alone cost four bytes for every tile, empty ones too. FlexAttention's default tile is 128×128, and
/// kernels want multiples of it. Lengths that are no multiple of the tile leave part tiles at the edge, never full ones.
/// </para>
/// <para>
/// Example: <c>causal</c> at S = 16 in tiles of 8×8: kv_num_blocks [1, 1], kv_indices [[0, 1], [1, 0]], full_kv_num_blocks [0, 1],
/// full_kv_indices [[0, 1], [0, 1]], stof_part_bitmaps twice 0xFF7F3F1F0F070301. Only the first entry of each kv_indices row counts.
/// </para>
/// </summary>
public sealed class FlexBlockMask
{
    /// <summary>The names of the arrays.</summary>
    internal static readonly string[] Names =
    [
        "kv_num_blocks", "kv_indices", "full_kv_num_blocks", "full_kv_indices", "stof_part_bitmaps", "block_size", ArrayReader.Extent, ArrayReader.SliceCounts,
    ];

    private FlexBlockMask(MaskSlices slices, TileShape tile, FlexLists part, FlexLists full, ulong[] partBitmaps)
    {
        Slices = slices;
        Tile = tile;
        Part = part;
        Full = full;
        PartBitmaps = partBitmaps;
    }

    /// <summary>The rectangle and the stored slices.</summary>
    public MaskSlices Slices { get; }

    /// <summary>Q_BLOCK_SIZE by KV_BLOCK_SIZE.</summary>
    public TileShape Tile { get; }

    /// <summary>The part tiles: <c>kv_num_blocks</c> and <c>kv_indices</c>.</summary>
    public FlexLists Part { get; }

    /// <summary>The full tiles: <c>full_kv_num_blocks</c> and <c>full_kv_indices</c>.</summary>
    public FlexLists Full { get; }

    /// <summary>The bits of part tiles, our addition.</summary>
    public ulong[] PartBitmaps { get; }

    private int TileRows => BlockMask.Tiles(Slices.Extent.QueryLength, Tile.Rows);

    private int TileColumns => BlockMask.Tiles(Slices.Extent.KeyLength, Tile.Columns);

    /// <summary>Builds the lists for one tile size.</summary>
    /// <exception cref="InvalidInputException">The tile's sides are not positive multiples of 8, or the lists exceed 32 bits.</exception>
    public static FlexBlockMask Build(BoundMask mask, TileShape tile)
    {
        var blocks = BlockMaskBuilder.Build(mask, tile);
        var slices = new MaskSlices(blocks.Extent, blocks.BatchSlices, blocks.HeadSlices);
        return new FlexBlockMask(
            slices, tile,
            FlexLists.Build(blocks.PartRowPtr, blocks.PartColIdx, blocks.TileColumns),
            FlexLists.Build(blocks.FullRowPtr, blocks.FullColIdx, blocks.TileColumns),
            blocks.Bitmaps);
    }

    /// <summary>
    /// Named arrays, ready for an npz: FlexAttention's four, <c>stof_part_bitmaps</c>, <c>block_size</c> I32 [BM, BN], <c>extent</c> and
    /// <c>slices</c>.
    /// </summary>
    public Dictionary<string, HostTensor> ToArrays()
    {
        var arrays = ArrayWriter.Start(Slices);
        foreach (var (prefix, lists) in new[] { ("", Part), ("full_", Full) })
        {
            arrays[prefix + "kv_num_blocks"] = HostTensor.From(lists.Counts, Slices.Batch, Slices.Heads, TileRows);
            arrays[prefix + "kv_indices"] = HostTensor.From(lists.Indices, Slices.Batch, Slices.Heads, TileRows, lists.Width);
        }

        arrays["stof_part_bitmaps"] = HostTensor.From(PartBitmaps, PartBitmaps.Length / Tile.WordsPerTile, Tile.WordsPerTile);
        arrays["block_size"] = ArrayWriter.Vector([Tile.Rows, Tile.Columns]);
        return arrays;
    }

    /// <summary>Reads named arrays back and checks them. A part tile may turn out empty or full: FlexAttention looks at it all the same.</summary>
    /// <exception cref="InvalidInputException">
    /// An array is missing, unknown, or of another dtype or shape; a count exceeds the width of the indices; a listed column is out of
    /// range or not above the one before; a tile is part and full; a full tile is cut by the edge; the bitmaps are not as many as
    /// the part tiles, or have bits past the last query or key.
    /// </exception>
    public static FlexBlockMask FromArrays(IReadOnlyDictionary<string, HostTensor> arrays)
    {
        var reader = new ArrayReader("FlexAttention block mask", arrays, Names);
        var slices = reader.Slices();
        var tile = reader.Tile("block_size");
        var rows = BlockMask.Tiles(slices.Extent.QueryLength, tile.Rows);
        var mask = new FlexBlockMask(slices, tile, Lists(""), Lists("full_"), reader.Values<ulong>("stof_part_bitmaps", -1, tile.WordsPerTile));
        mask.Check();
        return mask;

        FlexLists Lists(string prefix)
        {
            var indices = reader.Tensor<int>(prefix + "kv_indices", slices.Batch, slices.Heads, rows, -1);
            return new FlexLists(
                reader.Values<int>(prefix + "kv_num_blocks", slices.Batch, slices.Heads, rows), indices.Span<int>().ToArray(), indices.Shape[3]);
        }
    }

    /// <summary>The lists and the bits of part tiles as a mask.</summary>
    public BoundMask AsMask()
    {
        var tiles = new TileAssembler(Slices, Tile);
        var bitmap = 0;
        for (var row = 0; row < Slices.Count * TileRows; row++)
        {
            var part = Part.Row(row);
            var full = Full.Row(row);
            var (p, f) = (0, 0);
            while (p < part.Length || f < full.Length)
            {
                if (p == part.Length || (f < full.Length && full[f] < part[p]))
                {
                    tiles.AddFull(full[f++]);
                }
                else
                {
                    tiles.Add(part[p++], PartBitmaps.AsSpan(bitmap, Tile.WordsPerTile));
                    bitmap += Tile.WordsPerTile;
                }
            }

            tiles.EndRow();
        }

        return tiles.ToBlockMask().AsMask();
    }

    /// <summary>
    /// The lists as FlexAttention itself would read them: full tiles whole, part tiles as <paramref name="maskMod"/> says, all else masked.
    /// The bitmaps are not looked at.
    /// </summary>
    /// <exception cref="InvalidInputException">The pattern cannot live on this extent.</exception>
    public BoundMask AsMask(MaskPattern maskMod)
    {
        ArgumentNullException.ThrowIfNull(maskMod);
        return new FlexMask(this, maskMod.Bind(Slices.Extent));
    }

    /// <summary>
    /// The transposed lists that the backward pass walks (<c>q_num_blocks</c>, <c>q_indices</c> and their full twins): for every tile column
    /// the rows that list it, ascending. <c>BlockMask.from_kv_blocks</c> derives them itself, so they are not stored.
    /// </summary>
    /// <param name="full">Of the full tiles instead of the part tiles.</param>
    public FlexLists Transposed(bool full)
    {
        var lists = full ? Full : Part;
        var columns = Slices.Count * TileColumns;
        var (pointers, rows) = (new int[columns + 1], new int[lists.Counts.Sum()]);
        for (var row = 0; row < lists.Counts.Length; row++)
        {
            foreach (var column in lists.Row(row))
            {
                pointers[(row / TileRows * TileColumns) + column + 1]++;
            }
        }

        for (var column = 0; column < columns; column++)
        {
            pointers[column + 1] += pointers[column];
        }

        var next = pointers[..columns];
        for (var row = 0; row < lists.Counts.Length; row++)
        {
            foreach (var column in lists.Row(row))
            {
                rows[next[(row / TileRows * TileColumns) + column]++] = row % TileRows;
            }
        }

        return FlexLists.Build(pointers, rows, TileRows);
    }

    private void Check()
    {
        Part.Check("", TileColumns);
        Full.Check("full_", TileColumns);
        var parts = Part.Counts.Sum(count => (long)count);
        FormatRules.Require(
            PartBitmaps.Length / Tile.WordsPerTile == parts,
            "stof_part_bitmaps", $"{PartBitmaps.Length / Tile.WordsPerTile} tiles", $"{parts}, the sum of kv_num_blocks");
        var bitmap = 0;
        for (var row = 0; row < Slices.Count * TileRows; row++)
        {
            var queries = Slices.Extent.QueryLength - (row % TileRows * Tile.Rows);
            foreach (var column in Full.Row(row))
            {
                if (Part.Row(row).BinarySearch(column) >= 0)
                {
                    throw FormatRules.Wrong("full_kv_indices", $"tile {column} in row {row}", "a tile that is not in kv_indices too");
                }

                if (queries < Tile.Rows || Slices.Extent.KeyLength - (column * Tile.Columns) < Tile.Columns)
                {
                    throw FormatRules.Wrong("full_kv_indices", $"tile {column} in row {row}", "a part tile, as the edge cuts it");
                }
            }

            foreach (var column in Part.Row(row))
            {
                var keys = Slices.Extent.KeyLength - (column * Tile.Columns);
                TileBits.CheckEdge("stof_part_bitmaps", Tile, PartBitmaps.AsSpan(bitmap, Tile.WordsPerTile), queries, keys, bitmap);
                bitmap += Tile.WordsPerTile;
            }
        }
    }
}
