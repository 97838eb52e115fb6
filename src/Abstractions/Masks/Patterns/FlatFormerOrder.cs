namespace Stof.Reference.Masks;

/// <summary>The axis along which FlatFormer walks through windows and cells.</summary>
public enum FlatFormerAxis
{
    /// <summary>Windows row by row, each along x.</summary>
    X,

    /// <summary>Windows column by column, each along y.</summary>
    Y,
}

/// <summary>
/// The orders in which FlatFormer (Liu et al. 2023) groups the occupied cells of a grid for <see cref="GroupsMask"/>: windows of n₂ × m₂
/// cells in a snake, and the cells of a window in a snake, so that neighbours in the order are near each other. The four layers of a block
/// take x, x shifted, y, y shifted.
/// <para>
/// With the window x₁ = ⌊x/n₂⌋, y₁ = ⌊y/m₂⌋ and the cell x₂ = x mod n₂, y₂ = y mod m₂, all after the shift, the published key along x is
/// (N₁y₁ + (−1)^y₁ x₁)·N₂M₂ + (−1)^y₁ (M₂x₂ + (−1)^x₂ y₂). Along y the two axes change places. N₁ is twice the number of windows along x,
/// N₂ and M₂ are twice the window's sides: without the factor of two, which only the code shows, rows of windows that run in opposite
/// directions would share keys. Such a key sorts as the four numbers y₁, ±x₁, ±x₂, ±y₂ do one after the other, which is what is compared
/// here: no extent of the grid is needed and nothing can overflow. Note what the formula says: rows of windows with an odd y₁ run backwards
/// in everything, cells included.
/// </para>
/// </summary>
public static class FlatFormerOrder
{
    /// <summary>Sorts cells.</summary>
    /// <param name="cells">Cell (x, y) of each token, coordinates 0 or more; equal cells keep the order of their tokens.</param>
    /// <param name="window">Cells of a window along x and y (n₂, m₂), each 1 or more; the authors use (9, 9).</param>
    /// <param name="axis">The axis to walk along.</param>
    /// <param name="shifted">True to move the cells by half a window, ⌊n₂/2⌋ and ⌊m₂/2⌋, first.</param>
    /// <returns>The tokens by rank: the order that <see cref="GroupsMask(int, ReadOnlySpan{int})"/> takes.</returns>
    /// <exception cref="InvalidInputException">A coordinate is negative or a window has no cells.</exception>
    public static int[] Sort(ReadOnlySpan<(int X, int Y)> cells, (int X, int Y) window, FlatFormerAxis axis, bool shifted)
    {
        if (window.X < 1 || window.Y < 1)
        {
            throw new InvalidInputException("window", $"{window.X}x{window.Y} cells", "1 or more along x and y");
        }

        if (!Enum.IsDefined(axis))
        {
            throw new InvalidInputException("axis", $"{axis}", "X or Y");
        }

        var keys = new (long, long, long, long)[cells.Length];
        for (var token = 0; token < cells.Length; token++)
        {
            var (x, y) = cells[token];
            if (x < 0 || y < 0)
            {
                throw new InvalidInputException($"cell of token {token}", $"({x}, {y})", "coordinates of 0 or more");
            }

            var (shiftX, shiftY) = shifted ? (window.X / 2, window.Y / 2) : (0, 0);
            var (alongX, alongY) = (((long)x + shiftX, window.X), ((long)y + shiftY, window.Y));
            keys[token] = axis == FlatFormerAxis.X ? Key(alongX, alongY) : Key(alongY, alongX);
        }

        // Sorting by key, then by token, makes equal cells keep their order.
        var order = Enumerable.Range(0, cells.Length).ToArray();
        Array.Sort(order, (a, b) => keys[a].CompareTo(keys[b]) is var byKey && byKey != 0 ? byKey : a.CompareTo(b));
        return order;
    }

    /// <summary>The four numbers to compare one after the other, for the axis walked along and the one across.</summary>
    private static (long, long, long, long) Key((long Cell, int Window) along, (long Cell, int Window) across)
    {
        var (window, cell) = Math.DivRem(along.Cell, along.Window);
        var (windowAcross, cellAcross) = Math.DivRem(across.Cell, across.Window);
        var direction = windowAcross % 2 == 0 ? 1 : -1;
        var directionAcross = cell % 2 == 0 ? direction : -direction;
        return (windowAcross, direction * window, direction * cell, directionAcross * cellAcross);
    }
}
