using Stof.Reference.Masks;
using Stof.Reference.Numerics;
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
    private static readonly string[] Names =
    [
        "full_row_ptr", "full_col_idx", "part_row_ptr", "part_col_idx", "load_row_ptr", "load_col_idx", "bitmap_mask",
        "extent", "tile", "slices",
    ];

    /// <summary>Copies the storage into named arrays.</summary>
    public static Dictionary<string, HostTensor> ToArrays(this BlockMask mask)
    {
        ArgumentNullException.ThrowIfNull(mask);
        var extent = mask.Extent;
        return new Dictionary<string, HostTensor>
        {
            ["full_row_ptr"] = Vector(mask.FullRowPtr),
            ["full_col_idx"] = Vector(mask.FullColIdx),
            ["part_row_ptr"] = Vector(mask.PartRowPtr),
            ["part_col_idx"] = Vector(mask.PartColIdx),
            ["load_row_ptr"] = Vector(mask.LoadRowPtr),
            ["load_col_idx"] = Vector(mask.LoadColIdx),
            ["bitmap_mask"] = Vector(mask.Bitmaps),
            ["extent"] = Vector([extent.QueryLength, extent.KeyLength, extent.Batch, extent.Heads, (int)extent.Alignment]),
            ["tile"] = Vector([mask.Tile.Rows, mask.Tile.Columns]),
            ["slices"] = Vector([mask.BatchSlices, mask.HeadSlices]),
        };
    }

    /// <summary>Reads named arrays back and checks them.</summary>
    /// <exception cref="InvalidInputException">An array is missing, unknown, or of another dtype or rank, or the lists are no mask.</exception>
    public static BlockMask FromArrays(IReadOnlyDictionary<string, HostTensor> arrays)
    {
        ArgumentNullException.ThrowIfNull(arrays);
        foreach (var name in arrays.Keys)
        {
            if (!Names.Contains(name))
            {
                throw new InvalidInputException("tile lists", $"unknown array '{name}'", string.Join(", ", Names));
            }
        }

        var extent = Read<int>(arrays, "extent", 5);
        var tile = Read<int>(arrays, "tile", 2);
        var slices = Read<int>(arrays, "slices", 2);
        if (extent[4] is not (0 or 1))
        {
            throw new InvalidInputException("extent[4]", $"{extent[4]}", "0 for bottom-right or 1 for top-left");
        }

        if (slices[0] < 1 || slices[1] < 1)
        {
            throw new InvalidInputException("slices", $"{slices[0]}, {slices[1]}", "1 or more");
        }

        var checkedExtent = new MaskExtent(extent[0], extent[1], extent[2], extent[3], (PositionAlignment)extent[4]).Validated();
        var (load, loadColumns) = (Read<int>(arrays, "load_row_ptr"), Read<int>(arrays, "load_col_idx"));
        var (part, partColumns) = (Read<int>(arrays, "part_row_ptr"), Read<int>(arrays, "part_col_idx"));
        var lists = new BlockMask(checkedExtent, new TileShape(tile[0], tile[1]).Validated(), slices[0], slices[1])
        {
            FullRowPtr = Read<int>(arrays, "full_row_ptr"),
            FullColIdx = Read<int>(arrays, "full_col_idx"),
            PartRowPtr = part,
            PartColIdx = partColumns,
            LoadRowPtr = load,
            LoadColIdx = loadColumns,
            LoadPartIdx = PartIndices(load, loadColumns, part, partColumns),
            Bitmaps = Read<ulong>(arrays, "bitmap_mask"),
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

    private static HostTensor Vector<T>(T[] values)
        where T : unmanaged => HostTensor.From(values, values.Length);

    private static T[] Read<T>(IReadOnlyDictionary<string, HostTensor> arrays, string name, int? length = null)
        where T : unmanaged
    {
        if (!arrays.TryGetValue(name, out var tensor))
        {
            throw new InvalidInputException("tile lists", $"no array '{name}'", string.Join(", ", Names));
        }

        var fits = tensor.Type == DTypes.Of<T>() && tensor.Rank == 1 && (length is null || tensor.Count == length);
        return fits ? tensor.Span<T>().ToArray() : throw new InvalidInputException(
            name, tensor.ToString(), $"{DTypes.Of<T>()}[{length?.ToString() ?? "n"}]");
    }
}
