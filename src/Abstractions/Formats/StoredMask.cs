using Stof.Reference.Masks;

namespace Stof.Reference.Formats;

/// <summary>Reads the two-level storage back as a mask.</summary>
internal sealed class StoredMask(BlockMask stored)
    : SlicedMask(new MaskSlices(stored.Extent, stored.BatchSlices, stored.HeadSlices))
{
    public override bool Allows(int batch, int head, int query, int key) => stored.Allows(batch, head, query, key);

    public override TileClass Classify(int batch, int head, MaskRect rect)
    {
        var (firstColumn, lastColumn) = (rect.KeyStart / stored.Tile.Columns, (rect.KeyEnd - 1) / stored.Tile.Columns);
        var slice = stored.Slice(batch, head);
        var (any, all) = (false, true);
        for (var row = rect.QueryStart / stored.Tile.Rows; row <= (rect.QueryEnd - 1) / stored.Tile.Rows; row++)
        {
            any |= Count(stored.LoadRowPtr, stored.LoadColIdx, (slice * stored.TileRows) + row, firstColumn, lastColumn) > 0;
            all &= Count(stored.FullRowPtr, stored.FullColIdx, (slice * stored.TileRows) + row, firstColumn, lastColumn)
                == lastColumn - firstColumn + 1;
            if (any && !all)
            {
                return TileClass.Part;
            }
        }

        return any ? TileClass.Full : TileClass.Empty;
    }

    public override ulong Row64(int batch, int head, int query, int keyStart)
    {
        var tileRow = (stored.Slice(batch, head) * stored.TileRows) + (query / stored.Tile.Rows);
        var columns = stored.LoadColIdx.AsSpan(
            stored.LoadRowPtr[tileRow], stored.LoadRowPtr[tileRow + 1] - stored.LoadRowPtr[tileRow]);
        var entry = FirstFrom(columns, keyStart / stored.Tile.Columns);
        var end = (int)Math.Min((long)keyStart + RowBits, Extent.KeyLength);
        var bits = 0UL;
        for (; entry < columns.Length && columns[entry] * stored.Tile.Columns < end; entry++)
        {
            var tileStart = columns[entry] * stored.Tile.Columns;
            var part = stored.LoadPartIdx[stored.LoadRowPtr[tileRow] + entry];
            if (part < 0)
            {
                bits |= KeysBetween(keyStart, tileStart, (long)tileStart + stored.Tile.Columns);
                continue;
            }

            // Eight keys of a row are one byte of a word; the first one may begin before keyStart.
            var row = query % stored.Tile.Rows;
            var words = stored.Bitmap(part);
            for (var column = Math.Max(keyStart - tileStart, 0) & ~7; column < stored.Tile.Columns && tileStart + column < end; column += 8)
            {
                var eight = (words[stored.Tile.WordIndex(row, column)] >> TileShape.BitIndex(row, 0)) & 0xFF;
                var shift = tileStart + column - keyStart;
                bits |= shift < 0 ? eight >> -shift : eight << shift;
            }
        }

        return bits;
    }

    private static int Count(int[] rowPtr, int[] colIdx, int row, int firstColumn, int lastColumn)
    {
        var columns = colIdx.AsSpan(rowPtr[row], rowPtr[row + 1] - rowPtr[row]);
        return FirstFrom(columns, lastColumn + 1) - FirstFrom(columns, firstColumn);
    }
}
