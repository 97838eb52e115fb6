using Stof.Reference.Masks;

namespace Stof.Reference.Formats.Peers;

/// <summary>FlexAttention's lists with a mask in the role of <c>mask_mod</c>.</summary>
internal sealed class FlexMask(FlexBlockMask lists, BoundMask maskMod) : BoundMask(lists.Slices.Extent)
{
    private readonly TileShape _tile = lists.Tile;
    private readonly int _tileRows = BlockMask.Tiles(lists.Slices.Extent.QueryLength, lists.Tile.Rows);

    public override bool VariesByBatch => lists.Slices.Batch > 1 || maskMod.VariesByBatch;

    public override bool VariesByHead => lists.Slices.Heads > 1 || maskMod.VariesByHead;

    public override bool Allows(int batch, int head, int query, int key) => ClassOf(batch, head, query / _tile.Rows, key / _tile.Columns) switch
    {
        TileClass.Full => true,
        TileClass.Part => maskMod.Allows(batch, head, query, key),
        _ => false,
    };

    public override TileClass Classify(int batch, int head, MaskRect rect)
    {
        var (any, all) = (false, true);
        for (var row = rect.QueryStart / _tile.Rows; row <= (rect.QueryEnd - 1) / _tile.Rows; row++)
        {
            for (var column = rect.KeyStart / _tile.Columns; column <= (rect.KeyEnd - 1) / _tile.Columns; column++)
            {
                var known = ClassOf(batch, head, row, column);
                if (known == TileClass.Part)
                {
                    known = maskMod.Classify(batch, head, new MaskRect(
                        Math.Max(rect.QueryStart, row * _tile.Rows), (int)Math.Min(rect.QueryEnd, (row + 1L) * _tile.Rows),
                        Math.Max(rect.KeyStart, column * _tile.Columns), (int)Math.Min(rect.KeyEnd, (column + 1L) * _tile.Columns)));
                }

                any |= known != TileClass.Empty;
                all &= known == TileClass.Full;
                if (any && !all)
                {
                    return TileClass.Part;
                }
            }
        }

        return any ? TileClass.Full : TileClass.Empty;
    }

    public override ulong Row64(int batch, int head, int query, int keyStart)
    {
        var (full, part) = (0UL, 0UL);
        var end = (int)Math.Min((long)keyStart + RowBits, Extent.KeyLength);
        for (var column = keyStart / _tile.Columns; column * _tile.Columns < end; column++)
        {
            var keys = KeysBetween(keyStart, (long)column * _tile.Columns, (column + 1L) * _tile.Columns);
            switch (ClassOf(batch, head, query / _tile.Rows, column))
            {
                case TileClass.Full:
                    full |= keys;
                    break;
                case TileClass.Part:
                    part |= keys;
                    break;
            }
        }

        return part == 0 ? full : full | (part & maskMod.Row64(batch, head, query, keyStart));
    }

    private TileClass ClassOf(int batch, int head, int tileRow, int tileColumn)
    {
        var row = (lists.Slices.Index(batch, head) * _tileRows) + tileRow;
        return lists.Full.Row(row).BinarySearch(tileColumn) >= 0 ? TileClass.Full
            : lists.Part.Row(row).BinarySearch(tileColumn) >= 0 ? TileClass.Part
            : TileClass.Empty;
    }
}
