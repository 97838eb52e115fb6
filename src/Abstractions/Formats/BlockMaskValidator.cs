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
        mask.Extent.Validated();
        mask.Tile.Validated();
        Require(mask.BatchSlices == 1 || mask.BatchSlices == mask.Extent.Batch, "slices[0]", mask.BatchSlices, $"1 or the batch of {mask.Extent.Batch}");
        Require(mask.HeadSlices == 1 || mask.HeadSlices == mask.Extent.Heads, "slices[1]", mask.HeadSlices, $"1 or the {mask.Extent.Heads} heads");
        CheckList(mask, "full", mask.FullRowPtr, mask.FullColIdx);
        CheckList(mask, "part", mask.PartRowPtr, mask.PartColIdx);
        CheckList(mask, "load", mask.LoadRowPtr, mask.LoadColIdx);
        CheckUnion(mask);
        CheckBitmaps(mask);
        return mask;
    }

    private static void CheckList(BlockMask mask, string name, int[] rowPtr, int[] colIdx)
    {
        var rows = (long)mask.Slices * mask.TileRows;
        Require(rowPtr.Length == rows + 1, $"{name}_row_ptr", $"{rowPtr.Length} entries", $"{rows + 1}, one a tile row and one more");
        Require(rowPtr[0] == 0, $"{name}_row_ptr[0]", rowPtr[0], "0");
        for (var row = 0; row < rows; row++)
        {
            Require(rowPtr[row + 1] >= rowPtr[row], $"{name}_row_ptr[{row + 1}]", rowPtr[row + 1], $"{rowPtr[row]} or more");
        }

        Require(rowPtr[^1] == colIdx.Length, $"{name}_row_ptr[{rows}]", rowPtr[^1], $"{colIdx.Length}, the length of {name}_col_idx");
        for (var row = 0; row < rows; row++)
        {
            for (var entry = rowPtr[row]; entry < rowPtr[row + 1]; entry++)
            {
                var above = entry == rowPtr[row] ? 0 : colIdx[entry - 1] + 1;
                Require(
                    colIdx[entry] >= above && colIdx[entry] < mask.TileColumns,
                    $"{name}_col_idx[{entry}]", colIdx[entry], $"{above} to {mask.TileColumns - 1}, ascending in tile row {row}");
            }
        }
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
                Require(nextFull != nextPart || nextFull == int.MaxValue, $"part_col_idx[{part}]", nextPart, "a tile that is not in full_col_idx too");
                Require(
                    mask.LoadColIdx[entry] == Math.Min(nextFull, nextPart),
                    $"load_col_idx[{entry}]", mask.LoadColIdx[entry], $"{Describe(Math.Min(nextFull, nextPart))} from the full and part tiles of row {row}");
                if (nextFull < nextPart)
                {
                    var ragged = row % mask.TileRows == mask.TileRows - 1 && mask.Extent.QueryLength % mask.Tile.Rows != 0;
                    ragged |= nextFull == mask.TileColumns - 1 && mask.Extent.KeyLength % mask.Tile.Columns != 0;
                    Require(!ragged, $"full_col_idx[{full}]", nextFull, "a part tile, as the edge cuts it");
                    full++;
                }
                else
                {
                    part++;
                }
            }

            Require(full == fullEnd, $"load_row_ptr[{row + 1}]", mask.LoadRowPtr[row + 1], $"room for full_col_idx[{full}]");
            Require(part == partEnd, $"load_row_ptr[{row + 1}]", mask.LoadRowPtr[row + 1], $"room for part_col_idx[{part}]");
        }

        Require(mask.LoadPartIdx.Length == mask.LoadColIdx.Length, "load_part_idx", $"{mask.LoadPartIdx.Length} entries", $"{mask.LoadColIdx.Length}");
        var expected = PartIndices(mask.LoadRowPtr, mask.LoadColIdx, mask.PartRowPtr, mask.PartColIdx);
        var differs = expected.AsSpan().CommonPrefixLength(mask.LoadPartIdx);
        Require(differs == expected.Length, $"load_part_idx[{differs}]", mask.LoadPartIdx.ElementAtOrDefault(differs), $"{expected.ElementAtOrDefault(differs)}");
    }

    private static string Describe(int column) => column == int.MaxValue ? "no further tile" : $"{column}";

    private static void CheckBitmaps(BlockMask mask)
    {
        var (tile, words) = (mask.Tile, mask.Tile.WordsPerTile);
        Require(
            mask.Bitmaps.LongLength == (long)mask.PartColIdx.Length * words,
            "bitmap_mask", $"{mask.Bitmaps.Length} words", $"{(long)mask.PartColIdx.Length * words}, {words} for each of {mask.PartColIdx.Length} part tiles");
        for (var row = 0; row + 1 < mask.PartRowPtr.Length; row++)
        {
            var queries = mask.Extent.QueryLength - (row % mask.TileRows * tile.Rows);
            for (var part = mask.PartRowPtr[row]; part < mask.PartRowPtr[row + 1]; part++)
            {
                var bitmap = mask.Bitmap(part);
                Require(bitmap.ContainsAnyExcept(0UL), $"bitmap_mask[{part * words}]", "a part tile without a bit", "an empty tile, which is not listed");
                Require(
                    bitmap.ContainsAnyExcept(ulong.MaxValue), $"bitmap_mask[{part * words}]", "a part tile with every bit", "a full tile");
                var keys = mask.Extent.KeyLength - (mask.PartColIdx[part] * tile.Columns);
                if (queries < tile.Rows || keys < tile.Columns)
                {
                    CheckEdge(tile, bitmap, queries, keys, part * words);
                }
            }
        }
    }

    private static void CheckEdge(TileShape tile, ReadOnlySpan<ulong> bitmap, int queries, int keys, int first)
    {
        for (var column = 0; column < tile.Columns; column += TileShape.Inner)
        {
            for (var row = 0; row < tile.Rows; row += TileShape.Inner)
            {
                // Eight bits of a row that are inside, in as many rows as are inside.
                var inRow = keys - column >= TileShape.Inner ? 0xFFUL : (1UL << Math.Max(keys - column, 0)) - 1;
                var inTile = queries - row >= TileShape.Inner ? ulong.MaxValue : (1UL << (TileShape.Inner * Math.Max(queries - row, 0))) - 1;
                var inside = inRow * 0x0101010101010101 & inTile;
                var word = tile.WordIndex(row, column);
                Require((bitmap[word] & ~inside) == 0, $"bitmap_mask[{first + word}]", $"0x{bitmap[word]:X16}", $"no bit outside 0x{inside:X16}, past the last query or key");
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

    private static void Require(bool condition, string name, object found, string expected)
    {
        if (!condition)
        {
            throw new InvalidInputException(name, $"{found}", expected);
        }
    }
}
