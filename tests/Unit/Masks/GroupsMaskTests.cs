using Stof.Reference.Masks;

namespace Stof.Reference.Unit.Tests.Masks;

/// <summary>Equal groups and the order that FlatFormer sorts them by.</summary>
public sealed class GroupsMaskTests
{
    /// <summary>The example of the published code: ten tokens in groups of four are 0–3, 4–7 and 8, 9, 6, 7.</summary>
    [Fact]
    public void The_short_last_group_borrows_the_end_of_the_group_before()
    {
        var mask = new GroupsMask(4).Bind(new MaskExtent(10, 10));
        Assert.Equal([4, 5, 6, 7], Keys(mask, 6));
        Assert.Equal([6, 7, 8, 9], Keys(mask, 8));
        Assert.Equal([6, 7, 8, 9], Keys(mask, 9));
        Assert.Equal([0, 1, 2], Keys(new GroupsMask(4).Bind(new MaskExtent(3, 3)), 1));

        // Token 5 comes first, then 4, 3, 2, 1, 0: groups 5 4 3 2 and 1 0 with 3 2 borrowed.
        var backwards = new GroupsMask(4, [5, 4, 3, 2, 1, 0]).Bind(new MaskExtent(6, 6));
        Assert.Equal([2, 3, 4, 5], Keys(backwards, 3));
        Assert.Equal([0, 1, 2, 3], Keys(backwards, 1));
    }

    [Fact]
    public void Random_orders_are_the_block_diagonal_permuted_and_classified_exactly()
    {
        for (var seed = 0; seed < 40; seed++)
        {
            var random = new Random(seed);
            var (tokens, size) = (random.Next(1, 90), random.Next(1, 30));
            var order = Enumerable.Range(0, tokens).ToArray();
            random.Shuffle(order);
            var mask = new GroupsMask(size, order).Bind(new MaskExtent(tokens, tokens));
            var sorted = new GroupsMask(size).Bind(new MaskExtent(tokens, tokens));
            for (var q = 0; q < tokens; q++)
            {
                for (var k = 0; k < tokens; k++)
                {
                    Assert.True(sorted.Allows(0, 0, q, k) == mask.Allows(0, 0, order[q], order[k]), $"seed {seed}: ranks {q}, {k}");
                }
            }

            for (var trial = 0; trial < 200; trial++)
            {
                // Thin ones either way, so that both sides are looked up.
                var (q, k) = (random.Next(tokens), random.Next(tokens));
                var rect = new MaskRect(q, Math.Min(q + 1 + random.Next(trial % 9 + 1), tokens), k, Math.Min(k + 1 + random.Next(20), tokens));
                var allowed = (from query in Enumerable.Range(rect.QueryStart, rect.QueryEnd - rect.QueryStart)
                               from key in Enumerable.Range(rect.KeyStart, rect.KeyEnd - rect.KeyStart)
                               select mask.Allows(0, 0, query, key)).ToArray();
                var truth = allowed.All(a => a) ? TileClass.Full : allowed.Any(a => a) ? TileClass.Part : TileClass.Empty;
                Assert.True(truth == mask.Classify(0, 0, rect), $"seed {seed}: {rect} of {tokens} tokens in groups of {size}");
            }
        }
    }

    /// <summary>
    /// Windows of 2 × 2 on a grid of 4 × 4, walked by hand. Window row 0 runs forward: in the first window x = 0 upwards in y, then x = 1
    /// downwards; window row 1 runs backwards in everything.
    /// </summary>
    [Fact]
    public void A_small_grid_is_walked_in_a_snake_of_snakes()
    {
        (int, int)[] along =
        [
            (0, 0), (0, 1), (1, 1), (1, 0), (2, 0), (2, 1), (3, 1), (3, 0),
            (3, 2), (3, 3), (2, 3), (2, 2), (1, 2), (1, 3), (0, 3), (0, 2),
        ];
        var cells = Grid(4, 4);
        Assert.Equal(along, FlatFormerOrder.Sort(cells, (2, 2), FlatFormerAxis.X, shifted: false).Select(token => cells[token]));

        // Along y the axes change places.
        var turned = along.Select(cell => (cell.Item2, cell.Item1));
        Assert.Equal(turned, FlatFormerOrder.Sort(cells, (2, 2), FlatFormerAxis.Y, shifted: false).Select(token => cells[token]));

        // Shifted by one cell, (0, 0) is alone in its window, and so is what meets at the other corners.
        (int, int)[] shifted =
        [
            (0, 0), (1, 0), (2, 0), (3, 0),
            (3, 2), (3, 1), (2, 1), (2, 2), (1, 2), (1, 1), (0, 1), (0, 2),
            (0, 3), (1, 3), (2, 3), (3, 3),
        ];
        Assert.Equal(shifted, FlatFormerOrder.Sort(cells, (2, 2), FlatFormerAxis.X, shifted: true).Select(token => cells[token]));
    }

    /// <summary>The key as published, factors of two included: distinct for distinct cells, and sorting by it gives the same order.</summary>
    [Theory]
    [InlineData(FlatFormerAxis.X, false)]
    [InlineData(FlatFormerAxis.X, true)]
    [InlineData(FlatFormerAxis.Y, false)]
    [InlineData(FlatFormerAxis.Y, true)]
    public void The_order_is_that_of_the_published_key(FlatFormerAxis axis, bool shifted)
    {
        foreach (var (grid, window) in new[] { ((30, 41), (9, 9)), ((468, 20), (9, 4)), ((17, 23), (1, 5)), ((6, 6), (40, 3)) })
        {
            const int Seed = 29;
            var cells = Grid(grid.Item1, grid.Item2);
            new Random(Seed).Shuffle(cells);
            var keys = cells.Select(cell => PublishedKey(cell, grid, window, axis, shifted)).ToArray();
            Assert.Equal(cells.Length, keys.Distinct().Count());
            var order = FlatFormerOrder.Sort(cells, window, axis, shifted);
            Assert.Equal(Enumerable.Range(0, cells.Length), order.Order());
            Assert.Equal(keys.Order(), order.Select(token => keys[token]));
            Assert.Equal(cells.Length, new GroupsMask(69, order).Bind(new MaskExtent(1, cells.Length)).Extent.KeyLength);
        }
    }

    [Fact]
    public void Equal_cells_keep_their_order_and_bad_cells_are_refused()
    {
        Assert.Equal([1, 0, 2, 3], FlatFormerOrder.Sort([(5, 5), (0, 0), (5, 5), (5, 5)], (9, 9), FlatFormerAxis.X, shifted: false));
        Assert.Empty(FlatFormerOrder.Sort([], (9, 9), FlatFormerAxis.Y, shifted: true));

        // Both in the second row of windows, which runs backwards: the second window comes first.
        Assert.Equal(
            [0, 1], FlatFormerOrder.Sort([(int.MaxValue, int.MaxValue), (0, int.MaxValue)], (int.MaxValue, int.MaxValue), FlatFormerAxis.X, shifted: true));
        var message = Assert.Throws<InvalidInputException>(() => FlatFormerOrder.Sort([(0, 0), (0, -1)], (9, 9), FlatFormerAxis.X, shifted: false)).Message;
        Assert.Equal("cell of token 1: (0, -1); expected coordinates of 0 or more", message);
        Assert.Throws<InvalidInputException>(() => FlatFormerOrder.Sort([], (0, 9), FlatFormerAxis.X, shifted: false));
        Assert.Throws<InvalidInputException>(() => FlatFormerOrder.Sort([], (9, 9), (FlatFormerAxis)2, shifted: false));
    }

    private static long PublishedKey((int X, int Y) cell, (int X, int Y) grid, (int X, int Y) window, FlatFormerAxis axis, bool shifted)
    {
        var (x, y) = (cell.X + (shifted ? window.X / 2 : 0), cell.Y + (shifted ? window.Y / 2 : 0));
        var (x1, x2, y1, y2) = (x / window.X, x % window.X, y / window.Y, y % window.Y);
        var (n1, m1) = (2 * (((grid.X + window.X - 1) / window.X) + 1), 2 * (((grid.Y + window.Y - 1) / window.Y) + 1));
        var (n2, m2) = (2 * window.X, 2 * window.Y);
        return axis == FlatFormerAxis.X
            ? ((((long)n1 * y1) + (Sign(y1) * x1)) * n2 * m2) + (Sign(y1) * ((m2 * x2) + (Sign(x2) * y2)))
            : ((((long)m1 * x1) + (Sign(x1) * y1)) * m2 * n2) + (Sign(x1) * ((n2 * y2) + (Sign(y2) * x2)));
    }

    private static int Sign(int power) => power % 2 == 0 ? 1 : -1;

    private static (int X, int Y)[] Grid(int columns, int rows) =>
        [.. from y in Enumerable.Range(0, rows) from x in Enumerable.Range(0, columns) select (x, y)];

    private static int[] Keys(BoundMask mask, int query) =>
        [.. Enumerable.Range(0, mask.Extent.KeyLength).Where(key => mask.Allows(0, 0, query, key))];
}
