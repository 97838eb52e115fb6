namespace Stof.Reference.Masks;

/// <summary>
/// A mask over the cells of an H×W grid in row-major order that looks at rows and columns separately: position p is the cell
/// (⌊p/W⌋, p mod W), and a pair is allowed iff its rows are and its columns are. Positions outside [0, H·W) attend to nothing and are
/// attended by nothing.
/// <para>
/// Classes are exact where those of both axes are. An interval of positions is at most three rectangles of cells: the end of its first
/// row, whole rows, the start of its last row. On a range of rows times a range of columns the two axes are independent, so the class of
/// a pair of rectangles is the <see cref="TileClasses.And"/> of the axes' classes.
/// </para>
/// </summary>
/// <param name="extent">The rectangle of queries and keys.</param>
/// <param name="rows">Which rows see which, a square mask of side H.</param>
/// <param name="columns">Which columns see which, a square mask of side W.</param>
internal sealed class GridBound(MaskExtent extent, BoundMask rows, BoundMask columns) : BoundMask(extent)
{
    private readonly int _width = columns.Extent.KeyLength;
    private readonly long _cells = (long)rows.Extent.KeyLength * columns.Extent.KeyLength;

    public override bool Allows(int batch, int head, int query, int key)
    {
        var position = query + QueryOffset;
        return position >= 0 && position < _cells && key < _cells
            && rows.Allows(0, 0, position / _width, key / _width)
            && columns.Allows(0, 0, position % _width, key % _width);
    }

    public override TileClass Classify(int batch, int head, MaskRect rect)
    {
        var (first, end) = (rect.QueryStart + QueryOffset, rect.QueryEnd + QueryOffset);
        var (firstInside, endInside) = (Math.Max(first, 0), (int)Math.Min(end, _cells));
        var keyEndInside = (int)Math.Min(rect.KeyEnd, _cells);
        if (firstInside >= endInside || rect.KeyStart >= keyEndInside)
        {
            return TileClass.Empty;
        }

        Span<Cells> queryParts = stackalloc Cells[3];
        Span<Cells> keyParts = stackalloc Cells[3];
        queryParts = queryParts[..Split(firstInside, endInside, queryParts)];
        keyParts = keyParts[..Split(rect.KeyStart, keyEndInside, keyParts)];

        // What lies outside the grid is one more part, an empty one.
        TileClass? known = firstInside > first || endInside < end || keyEndInside < rect.KeyEnd ? TileClass.Empty : null;
        foreach (var q in queryParts)
        {
            foreach (var k in keyParts)
            {
                var part = rows.Classify(0, 0, new MaskRect(q.Row, q.RowEnd, k.Row, k.RowEnd))
                    .And(columns.Classify(0, 0, new MaskRect(q.Column, q.ColumnEnd, k.Column, k.ColumnEnd)));
                if (part == TileClass.Part || (known ?? part) != part)
                {
                    return TileClass.Part;
                }

                known = part;
            }
        }

        return known!.Value;
    }

    public override ulong Row64(int batch, int head, int query, int keyStart)
    {
        var position = query + QueryOffset;
        if (position < 0 || position >= _cells)
        {
            return 0;
        }

        var bits = 0UL;
        var (row, column) = Math.DivRem(position, _width);
        var end = Math.Min(keyStart + (long)RowBits, Math.Min(Extent.KeyLength, _cells));
        for (long key = keyStart; key < end;)
        {
            // One run of keys inside one row of the grid.
            var (keyRow, keyColumn) = ((int)(key / _width), (int)(key % _width));
            if (rows.Allows(0, 0, row, keyRow))
            {
                bits |= (columns.Row64(0, 0, column, keyColumn) << (int)(key - keyStart)) & KeysBetween(keyStart, key, end);
            }

            key += _width - keyColumn;
        }

        return bits;
    }

    /// <summary>The rectangles of cells that the positions [start, end) cover.</summary>
    /// <returns>How many there are, one to three.</returns>
    private int Split(int start, int end, Span<Cells> parts)
    {
        var (row, column) = Math.DivRem(start, _width);
        var (lastRow, lastColumn) = Math.DivRem(end - 1, _width);
        if (row == lastRow)
        {
            parts[0] = new Cells(row, row + 1, column, lastColumn + 1);
            return 1;
        }

        parts[0] = new Cells(row, row + 1, column, _width);
        parts[1] = new Cells(lastRow, lastRow + 1, 0, lastColumn + 1);
        if (row + 1 == lastRow)
        {
            return 2;
        }

        parts[2] = new Cells(row + 1, lastRow, 0, _width);
        return 3;
    }

    /// <summary>Rows [Row, RowEnd) times columns [Column, ColumnEnd).</summary>
    private readonly record struct Cells(int Row, int RowEnd, int Column, int ColumnEnd);
}
