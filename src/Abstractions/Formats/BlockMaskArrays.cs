using Stof.Reference.Tensors;

namespace Stof.Reference.Formats;

/// <summary>
/// The two-level storage as named arrays, ready for an npz: <c>full_row_ptr</c>, <c>full_col_idx</c>, <c>part_row_ptr</c>,
/// <c>part_col_idx</c>, <c>load_row_ptr</c>, <c>load_col_idx</c> (I32) and <c>bitmap_mask</c> (U64) in the artifact's order and
/// meaning, and what is needed to read them alone (I32): <c>extent</c> [Sq, Skv, B, H, 0 bottom-right or 1 top-left],
/// <c>tile</c> [BM, BN], <c>slices</c> [B or 1, H or 1].
/// </summary>
public static class BlockMaskArrays
{
    /// <summary>The names of the arrays.</summary>
    internal static readonly string[] Names =
    [
        "full_row_ptr", "full_col_idx", "part_row_ptr", "part_col_idx", "load_row_ptr", "load_col_idx", "bitmap_mask",
        "extent", "tile", "slices",
    ];

    /// <summary>Copies the storage into named arrays.</summary>
    public static Dictionary<string, HostTensor> ToArrays(this BlockMask mask)
    {
        ArgumentNullException.ThrowIfNull(mask);
        var arrays = ArrayWriter.Start(new MaskSlices(mask.Extent, mask.BatchSlices, mask.HeadSlices));
        arrays["full_row_ptr"] = ArrayWriter.Vector(mask.FullRowPtr);
        arrays["full_col_idx"] = ArrayWriter.Vector(mask.FullColIdx);
        arrays["part_row_ptr"] = ArrayWriter.Vector(mask.PartRowPtr);
        arrays["part_col_idx"] = ArrayWriter.Vector(mask.PartColIdx);
        arrays["load_row_ptr"] = ArrayWriter.Vector(mask.LoadRowPtr);
        arrays["load_col_idx"] = ArrayWriter.Vector(mask.LoadColIdx);
        arrays["bitmap_mask"] = ArrayWriter.Vector(mask.Bitmaps);
        arrays["tile"] = ArrayWriter.Vector([mask.Tile.Rows, mask.Tile.Columns]);
        return arrays;
    }

    /// <summary>Reads named arrays back and checks them.</summary>
    /// <exception cref="InvalidInputException">An array is missing, unknown, or of another dtype or rank, or the lists are no mask.</exception>
    public static BlockMask FromArrays(IReadOnlyDictionary<string, HostTensor> arrays)
    {
        var reader = new ArrayReader("tile lists", arrays, Names);
        var slices = reader.Slices();
        var (load, loadColumns) = (reader.Vector<int>("load_row_ptr"), reader.Vector<int>("load_col_idx"));
        var (part, partColumns) = (reader.Vector<int>("part_row_ptr"), reader.Vector<int>("part_col_idx"));
        var lists = new BlockMask(slices.Extent, reader.Tile("tile"), slices.Batch, slices.Heads)
        {
            FullRowPtr = reader.Vector<int>("full_row_ptr"),
            FullColIdx = reader.Vector<int>("full_col_idx"),
            PartRowPtr = part,
            PartColIdx = partColumns,
            LoadRowPtr = load,
            LoadColIdx = loadColumns,
            LoadPartIdx = PartIndices(load, loadColumns, part, partColumns),
            Bitmaps = reader.Vector<ulong>("bitmap_mask"),
        };
        return lists.Validated();
    }

    // Lists that are no lists give no indices; the validator then names what is wrong with them.
    private static int[] PartIndices(int[] loadRowPtr, int[] loadColIdx, int[] partRowPtr, int[] partColIdx) =>
        loadRowPtr.Length == partRowPtr.Length && IsPointer(loadRowPtr, loadColIdx) && IsPointer(partRowPtr, partColIdx)
            ? BlockMaskValidator.PartIndices(loadRowPtr, loadColIdx, partRowPtr, partColIdx)
            : [];

    private static bool IsPointer(int[] rowPtr, int[] colIdx)
    {
        var valid = rowPtr.Length > 0 && rowPtr[0] == 0 && rowPtr[^1] == colIdx.Length;
        for (var row = 1; row < rowPtr.Length && valid; row++)
        {
            valid = rowPtr[row] >= rowPtr[row - 1];
        }

        return valid;
    }
}
