namespace Stof.Reference.Formats;

/// <summary>
/// Checks that arrays are a two-level mask: what a kernel may trust. Each violation is named with its array and index.
/// </summary>
public static class BlockMaskValidator
{
    /// <summary>Checks everything.</summary>
    /// <returns>The mask.</returns>
    /// <exception cref="InvalidInputException">
    /// A pointer array has the wrong length, does not start at 0, decreases or does not end at the length of its columns; a column is
    /// out of range or not above the one before; load is not the union of full and part; a tile is both; the bitmaps have the wrong
    /// length; a part tile is empty, or every bit of it is set, or it has bits past the last query or key; a tile cut by the edge is
    /// called full.
    /// </exception>
    public static BlockMask Validated(this BlockMask mask)
    {
        ArgumentNullException.ThrowIfNull(mask);
        mask.Tile.Validated();
        new MaskSlices(mask.Extent, mask.BatchSlices, mask.HeadSlices).Validated();
        CheckList(mask, "full", mask.FullRowPtr, mask.FullColIdx);
        CheckList(mask, "part", mask.PartRowPtr, mask.PartColIdx);
        CheckList(mask, "load", mask.LoadRowPtr, mask.LoadColIdx);
        CheckUnion(mask);
        CheckBitmaps(mask);
        return mask;
    }

    private static void CheckList(BlockMask mask, string name, int[] rowPtr, int[] colIdx)
    {
        FormatRules.CheckPointers(
            $"{name}_row_ptr", rowPtr, (long)mask.Slices * mask.TileRows, "tile row", $"{name}_col_idx", colIdx.Length);
        FormatRules.CheckAscending($"{name}_col_idx", colIdx, rowPtr, mask.TileColumns, "tile row");
    }

    private static void CheckUnion(BlockMask mask)
    {
        var (full, part) = (0, 0);
        for (var row = 0; row + 1 < mask.LoadRowPtr.Length; row++)
        {
            var (fullEnd, partEnd) = (mask.FullRowPtr[row + 1], mask.PartRowPtr[row + 1]);
            for (var entry = mask.LoadRowPtr[row]; entry < mask.LoadRowPtr[row + 1]; entry++)
            {
                var nextFull = full < fullEnd ? mask.FullColIdx[full] : int.MaxValue;
                var nextPart = part < partEnd ? mask.PartColIdx[part] : int.MaxValue;
                if (nextFull == nextPart && nextFull != int.MaxValue)
                {
                    throw FormatRules.Wrong($"part_col_idx[{part}]", nextPart, "a tile that is not in full_col_idx too");
                }

                if (mask.LoadColIdx[entry] != Math.Min(nextFull, nextPart))
                {
                    throw FormatRules.Wrong(
                        $"load_col_idx[{entry}]", mask.LoadColIdx[entry], $"{Describe(Math.Min(nextFull, nextPart))} from the full and part tiles of row {row}");
                }

                if (nextFull < nextPart)
                {
                    var ragged = row % mask.TileRows == mask.TileRows - 1 && mask.Extent.QueryLength % mask.Tile.Rows != 0;
                    ragged |= nextFull == mask.TileColumns - 1 && mask.Extent.KeyLength % mask.Tile.Columns != 0;
                    if (ragged)
                    {
                        throw FormatRules.Wrong($"full_col_idx[{full}]", nextFull, "a part tile, as the edge cuts it");
                    }

                    full++;
                }
                else
                {
                    part++;
                }
            }

            if (full != fullEnd || part != partEnd)
            {
                var left = full != fullEnd ? $"full_col_idx[{full}]" : $"part_col_idx[{part}]";
                throw FormatRules.Wrong($"load_row_ptr[{row + 1}]", mask.LoadRowPtr[row + 1], $"room for {left}");
            }
        }

        FormatRules.Require(mask.LoadPartIdx.Length == mask.LoadColIdx.Length, "load_part_idx", $"{mask.LoadPartIdx.Length} entries", $"{mask.LoadColIdx.Length}");
        var expected = PartIndices(mask.LoadRowPtr, mask.LoadColIdx, mask.PartRowPtr, mask.PartColIdx);
        var differs = expected.AsSpan().CommonPrefixLength(mask.LoadPartIdx);
        FormatRules.Require(differs == expected.Length, $"load_part_idx[{differs}]", mask.LoadPartIdx.ElementAtOrDefault(differs), $"{expected.ElementAtOrDefault(differs)}");
    }

    private static string Describe(int column) => column == int.MaxValue ? "no further tile" : $"{column}";

    private static void CheckBitmaps(BlockMask mask)
    {
        var (tile, words) = (mask.Tile, mask.Tile.WordsPerTile);
        FormatRules.Require(
            mask.Bitmaps.LongLength == (long)mask.PartColIdx.Length * words,
            "bitmap_mask", $"{mask.Bitmaps.Length} words", $"{(long)mask.PartColIdx.Length * words}, {words} for each of {mask.PartColIdx.Length} part tiles");
        for (var row = 0; row + 1 < mask.PartRowPtr.Length; row++)
        {
            var queries = mask.Extent.QueryLength - (row % mask.TileRows * tile.Rows);
            for (var part = mask.PartRowPtr[row]; part < mask.PartRowPtr[row + 1]; part++)
            {
                var bitmap = mask.Bitmap(part);
                if (!bitmap.ContainsAnyExcept(0UL))
                {
                    throw FormatRules.Wrong($"bitmap_mask[{part * words}]", "a part tile without a bit", "an empty tile, which is not listed");
                }

                if (!bitmap.ContainsAnyExcept(ulong.MaxValue))
                {
                    throw FormatRules.Wrong($"bitmap_mask[{part * words}]", "a part tile with every bit", "a full tile");
                }

                var keys = mask.Extent.KeyLength - (mask.PartColIdx[part] * tile.Columns);
                TileBits.CheckEdge("bitmap_mask", tile, bitmap, queries, keys, part * words);
            }
        }
    }

    /// <summary>Derives <see cref="BlockMask.LoadPartIdx"/> from the lists of checked length.</summary>
    internal static int[] PartIndices(int[] loadRowPtr, int[] loadColIdx, int[] partRowPtr, int[] partColIdx)
    {
        var indices = new int[loadColIdx.Length];
        indices.AsSpan().Fill(-1);
        for (var row = 0; row + 1 < loadRowPtr.Length; row++)
        {
            var part = partRowPtr[row];
            for (var entry = loadRowPtr[row]; entry < loadRowPtr[row + 1] && part < partRowPtr[row + 1]; entry++)
            {
                if (loadColIdx[entry] == partColIdx[part])
                {
                    indices[entry] = part++;
                }
            }
        }

        return indices;
    }
}
