using Stof.Reference.Formats;
using Stof.Reference.Operators;

namespace Stof.Reference.Verification.Diagnosis;

/// <summary>The mutations of the loop over tiles: tiles left out or taken from elsewhere, running sums, rows not written.</summary>
internal static class TileMutations
{
    private const int MostWrongTileRows = 2;

    /// <summary>All that can make a difference.</summary>
    /// <param name="p">The problem.</param>
    /// <param name="planes">The right mask.</param>
    /// <param name="tiles">Tilings to try.</param>
    /// <param name="wrong">Rows that are wrong.</param>
    public static IEnumerable<Mutation> Of(AttentionProblem p, MaskPlanes planes, IReadOnlyList<TileShape> tiles, IReadOnlyList<OutputRow> wrong) =>
        Ragged(p, tiles)
            .Concat(Skipped(planes, tiles, wrong))
            .Concat(Routed(tiles))
            .Concat(Running(tiles))
            .Concat(Unwritten(p, planes, tiles, wrong));

    private static IEnumerable<Mutation> Skipped(MaskPlanes planes, IReadOnlyList<TileShape> tiles, IReadOnlyList<OutputRow> wrong)
    {
        foreach (var tile in tiles)
        {
            yield return Skip(Families.ListEndSkipped, $"first, tile {tile}", tile, entry => entry.Place == 0 && entry.Count > 1);
            yield return Skip(Families.ListEndSkipped, $"last, tile {tile}", tile, entry => entry.Place == entry.Count - 1 && entry.Count > 1);
        }

        // One tile leaves its tile row wrong and no other. Where the wrong rows are those of one tile row, try its tiles.
        foreach (var tile in tiles)
        {
            var rows = wrong.Select(row => row.Query / tile.Rows).Distinct().Take(MostWrongTileRows + 1).ToArray();
            var slices = wrong.Select(row => (row.Batch, row.Head)).ToHashSet();
            if (rows.Length is 0 or > MostWrongTileRows)
            {
                continue;
            }

            foreach (var row in rows)
            {
                var (batch, head) = slices.First();
                foreach (var column in planes.Listed(batch, head, tile, row))
                {
                    var where = slices.Count == 1 ? $", batch {batch}, head {head}" : "";
                    yield return Skip(
                        Families.TileSkipped,
                        $"tile ({row}, {column}) of {tile}{where}",
                        tile,
                        entry => entry.Row == row && entry.Column == column && slices.Contains((entry.Batch, entry.Head)));
                }
            }
        }

        foreach (var tile in tiles)
        {
            for (var column = 0; column < planes.TileColumns(tile); column++)
            {
                var skipped = column;
                yield return Skip(Families.TileSkipped, $"tile column {column} of {tile}", tile, entry => entry.Column == skipped);
            }
        }
    }

    private static IEnumerable<Mutation> Ragged(AttentionProblem p, IReadOnlyList<TileShape> tiles)
    {
        foreach (var columns in tiles.Select(tile => tile.Columns).Distinct().Where(columns => p.KvLength % columns != 0))
        {
            var first = p.KvLength / columns * columns;
            yield return new Mutation(
                Families.RaggedTileDropped,
                $"keys from {first} on, tiles of {columns} keys",
                variant => variant with { Edits = [.. variant.Edits, MaskEdits.KeysDropped(first)] })
            { IsMaskOnly = true };
            yield return new Mutation(
                Families.PaddingNotMasked, $"zero keys up to a multiple of {columns}", variant => variant with { PaddedTo = columns });
        }
    }

    private static IEnumerable<Mutation> Routed(IReadOnlyList<TileShape> tiles)
    {
        foreach (var tile in tiles)
        {
            foreach (var descending in (bool[])[true, false])
            {
                foreach (var (keys, values, what) in ((bool, bool, string)[])[(true, false, "K"), (true, true, "K and V"), (false, true, "V")])
                {
                    yield return new Mutation(
                        Families.NeighbourTile,
                        $"{what}, tile {tile}, {(descending ? "n - 1" : "n + 1")}",
                        variant => variant with { Routing = new TileRouting(tile, descending, keys, values) });
                }
            }
        }
    }

    private static IEnumerable<Mutation> Running(IReadOnlyList<TileShape> tiles)
    {
        foreach (var (kind, family, name) in ((SoftmaxKind, string, string)[])[
            (SoftmaxKind.AccumulatorNotRescaled, Families.NotRescaled, "sum rescaled"),
            (SoftmaxKind.NothingRescaled, Families.NotRescaled, "sum neither"),
            (SoftmaxKind.FirstFlagInverted, Families.FirstTileFlag, "maximum and sum of the last tile")])
        {
            foreach (var tile in tiles)
            {
                foreach (var descending in (bool[])[false, true])
                {
                    yield return new Mutation(
                        family,
                        $"{name}, tile {tile}, {(descending ? "last to first" : "first to last")}",
                        variant => variant with { Softmax = kind, SoftmaxTile = tile, Descending = descending });
                }
            }
        }
    }

    private static IEnumerable<Mutation> Unwritten(
        AttentionProblem p, MaskPlanes planes, IReadOnlyList<TileShape> tiles, IReadOnlyList<OutputRow> wrong)
    {
        foreach (var rows in tiles.Select(tile => tile.Rows).Distinct().Where(rows => p.QueryLength % rows != 0))
        {
            var first = p.QueryLength / rows * rows;
            yield return Stale($"queries from {first} on, tiles of {rows} queries", (_, _, query) => query >= first);
        }

        foreach (var tile in tiles)
        {
            yield return Stale($"tile rows without a tile, tile {tile}", (b, h, query) => planes.Listed(b, h, tile, query / tile.Rows).Length == 0);
        }

        foreach (var rows in tiles.Select(tile => tile.Rows).Distinct())
        {
            var tileRows = wrong.Select(row => row.Query / rows).ToHashSet();
            if (tileRows.Count is > 0 and <= MostWrongTileRows)
            {
                var slices = wrong.Select(row => (row.Batch, row.Head)).ToHashSet();
                yield return Stale(
                    $"tile rows {string.Join(", ", tileRows.Order())} of {rows} queries",
                    (b, h, query) => tileRows.Contains(query / rows) && slices.Contains((b, h)));
            }
        }

        if (p.Batch > 1)
        {
            yield return Stale("batch items after the first", (b, _, _) => b > 0);
        }

        if (p.QueryHeads > 1)
        {
            yield return Stale("heads after the first", (_, h, _) => h > 0);
        }
    }

    private static Mutation Skip(string family, string detail, TileShape tile, Func<ListedTile, bool> isSkipped) =>
        new(family, detail, variant => variant with { Edits = [.. variant.Edits, MaskEdits.TilesSkipped(tile, isSkipped)] }) { IsMaskOnly = true };

    private static Mutation Stale(string detail, Func<int, int, int, bool> contains) =>
        new(Families.StaleRows, detail, variant => variant with { Unwritten = new UnwrittenRows(contains) }) { IsWildcard = true };
}
