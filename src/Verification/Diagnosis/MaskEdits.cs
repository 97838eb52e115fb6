using Stof.Reference.Formats;
using Stof.Reference.Masks;

namespace Stof.Reference.Verification.Diagnosis;

/// <summary>The changes of mask bits that the catalogue is made of.</summary>
public static class MaskEdits
{
    /// <summary>Every pair of a part tile is allowed: its bitmap is not read.</summary>
    public static MaskEdit PartTilesDense(TileShape tile) => ByPartTile(tile, (plane, result, rect) =>
    {
        for (var query = rect.QueryStart; query < rect.QueryEnd; query++)
        {
            result.Fill(query, rect.KeyStart, rect.KeyEnd);
        }
    });

    /// <summary>Part tiles are masked causally and no other way.</summary>
    /// <param name="tile">The tiling.</param>
    /// <param name="offset">Position of query 0 on the key axis.</param>
    public static MaskEdit PartTilesCausal(TileShape tile, int offset) => ByPartTile(tile, (plane, result, rect) =>
    {
        for (var query = rect.QueryStart; query < rect.QueryEnd; query++)
        {
            result.Clear(query, rect.KeyStart, rect.KeyEnd);
            result.Fill(query, rect.KeyStart, Math.Clamp(query + offset + 1, rect.KeyStart, rect.KeyEnd));
        }
    });

    /// <summary>The words of a part tile's bitmap are taken row by row instead of column by column.</summary>
    public static MaskEdit WordOrderSwapped(TileShape tile)
    {
        var (down, across) = (tile.Rows / TileShape.Inner, tile.Columns / TileShape.Inner);
        return ByPartTile(tile, (plane, result, rect) => Rewrite(plane, result, rect, (row, column) =>
        {
            var word = (row / TileShape.Inner * across) + (column / TileShape.Inner);
            return ((word % down * TileShape.Inner) + (row % TileShape.Inner), (word / down * TileShape.Inner) + (column % TileShape.Inner));
        }));
    }

    /// <summary>Rows and columns of every 8×8 bitmap are exchanged.</summary>
    public static MaskEdit BitmapsTransposed() => ByPartTile(new TileShape(TileShape.Inner, TileShape.Inner), (plane, result, rect) =>
        Rewrite(plane, result, rect, (row, column) => (column, row)));

    /// <summary>Bits are read from the other end: of every byte of eight keys, or of every 8×8 bitmap as one word.</summary>
    public static MaskEdit BitsReversed(bool wholeWord) => ByPartTile(new TileShape(TileShape.Inner, TileShape.Inner), (plane, result, rect) =>
        Rewrite(plane, result, rect, (row, column) => (wholeWord ? TileShape.Inner - 1 - row : row, TileShape.Inner - 1 - column)));

    /// <summary>The mask of one batch item or head serves all.</summary>
    public static MaskEdit Shared(bool batch, bool head) => new((planes, b, h) => planes[batch ? 0 : b, head ? 0 : h]);

    /// <summary>What is allowed is masked, and the reverse.</summary>
    public static MaskEdit Inverted() => new((planes, b, h) => planes[b, h].Combine(planes[b, h], (bits, _) => ~bits));

    /// <summary>No mask at all.</summary>
    public static MaskEdit Ignored() => new((planes, b, h) => planes[b, h].Combine(planes[b, h], (_, _) => ulong.MaxValue));

    /// <summary>Queries and keys are exchanged; for square masks.</summary>
    public static MaskEdit Transposed() => new((planes, b, h) =>
    {
        var plane = planes[b, h];
        return BitPlane.From(plane.Queries, plane.Keys, (query, key) => plane[key, query]);
    });

    /// <summary>k ≤ q + offset is demanded besides.</summary>
    public static MaskEdit CausalBesides(Func<int, int> offsetOfBatch) => new((planes, b, h) =>
    {
        var result = planes[b, h].Copy();
        for (var query = 0; query < result.Queries; query++)
        {
            result.Clear(query, Math.Clamp(query + offsetOfBatch(b) + 1, 0, result.Keys), result.Keys);
        }

        return result;
    });

    /// <summary>Pairs whose mirror image about the diagonal is allowed are allowed too: a one-sided mask becomes two-sided.</summary>
    public static MaskEdit Mirrored() => new((planes, b, h) =>
    {
        var plane = planes[b, h];
        return BitPlane.From(plane.Queries, plane.Keys, (query, key) => plane[query, key] || plane[key, query]);
    });

    /// <summary>Every row's bits moved along the keys.</summary>
    public static MaskEdit Shifted(int keys) => new((planes, b, h) =>
    {
        var plane = planes[b, h];
        return BitPlane.From(plane.Queries, plane.Keys, (query, key) => key - keys >= 0 && key - keys < plane.Keys && plane[query, key - keys]);
    });

    /// <summary>Every row has the bits of the row some queries later, none beyond the last.</summary>
    public static MaskEdit RowsShifted(int queries) => new((planes, b, h) =>
    {
        var plane = planes[b, h];
        return BitPlane.From(
            plane.Queries, plane.Keys, (query, key) => query + queries >= 0 && query + queries < plane.Queries && plane[query + queries, key]);
    });

    /// <summary>
    /// Edges of runs move by one key: a left edge earlier or later, a right edge later or earlier. Runs that touch the first or
    /// last key have no edge there.
    /// </summary>
    public static MaskEdit EdgesMoved(int left, int right) => new((planes, b, h) =>
    {
        var plane = planes[b, h];
        return BitPlane.From(plane.Queries, plane.Keys, (query, key) =>
        {
            bool Is(int at) => at >= 0 && at < plane.Keys && plane[query, at];
            var isLeftEdge = key > 0 && !Is(key - 1);
            var isRightEdge = key < plane.Keys - 1 && !Is(key + 1);
            return Is(key)
                ? !(left < 0 && isLeftEdge) && !(right < 0 && isRightEdge)
                : (left > 0 && Is(key + 1)) || (right > 0 && Is(key - 1));
        });
    });

    /// <summary>Keys from some key on are dropped.</summary>
    public static MaskEdit KeysDropped(int first) => new((planes, b, h) =>
    {
        var result = planes[b, h].Copy();
        for (var query = 0; query < result.Queries; query++)
        {
            result.Clear(query, first, result.Keys);
        }

        return result;
    });

    /// <summary>Tiles are left out.</summary>
    /// <param name="tile">The tiling.</param>
    /// <param name="isSkipped">Whether (batch, head, tile row, place in the row's list, length of the list, tile column) is left out.</param>
    public static MaskEdit TilesSkipped(TileShape tile, Func<ListedTile, bool> isSkipped) => new((planes, b, h) =>
    {
        var result = planes[b, h].Copy();
        for (var tileRow = 0; tileRow < planes.TileRows(tile); tileRow++)
        {
            var listed = planes.Listed(b, h, tile, tileRow);
            for (var place = 0; place < listed.Length; place++)
            {
                if (!isSkipped(new ListedTile(b, h, tileRow, listed[place], place, listed.Length)))
                {
                    continue;
                }

                for (var query = tileRow * tile.Rows; query < Math.Min((tileRow + 1) * tile.Rows, result.Queries); query++)
                {
                    result.Clear(query, listed[place] * tile.Columns, Math.Min((listed[place] + 1) * tile.Columns, result.Keys));
                }
            }
        }

        return result;
    });

    private static MaskEdit ByPartTile(TileShape tile, Action<BitPlane, BitPlane, MaskRect> edit) => new((planes, b, h) =>
    {
        var plane = planes[b, h];
        var result = plane.Copy();
        var classes = planes.Classes(b, h, tile);
        var columns = planes.TileColumns(tile);
        for (var i = 0; i < classes.Length; i++)
        {
            if (classes[i] == TileClass.Part)
            {
                var (row, column) = (i / columns, i % columns);
                edit(plane, result, new MaskRect(
                    row * tile.Rows,
                    Math.Min((row + 1) * tile.Rows, plane.Queries),
                    column * tile.Columns,
                    Math.Min((column + 1) * tile.Columns, plane.Keys)));
            }
        }

        return result;
    });

    // Element (row, column) of the tile is read where another one is stored; what lies beyond the plane is 0.
    private static void Rewrite(BitPlane plane, BitPlane result, MaskRect rect, Func<int, int, (int Row, int Column)> source)
    {
        for (var query = rect.QueryStart; query < rect.QueryEnd; query++)
        {
            for (var key = rect.KeyStart; key < rect.KeyEnd; key++)
            {
                var (row, column) = source(query - rect.QueryStart, key - rect.KeyStart);
                var (fromQuery, fromKey) = (rect.QueryStart + row, rect.KeyStart + column);
                result[query, key] = fromQuery < plane.Queries && fromKey < plane.Keys && plane[fromQuery, fromKey];
            }
        }
    }
}

/// <summary>One tile of a list.</summary>
/// <param name="Batch">Batch item.</param>
/// <param name="Head">Query head.</param>
/// <param name="Row">Tile row.</param>
/// <param name="Column">Tile column.</param>
/// <param name="Place">Place in the row's list.</param>
/// <param name="Count">Length of the row's list.</param>
public readonly record struct ListedTile(int Batch, int Head, int Row, int Column, int Place, int Count);
