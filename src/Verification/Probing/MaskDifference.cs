using Stof.Reference.Formats;
using Stof.Reference.Masks;
using Stof.Reference.Operators;
using Stof.Reference.Verification.Diagnosis;

namespace Stof.Reference.Verification.Probing;

/// <summary>How an effective mask differs from the intended one.</summary>
/// <param name="Extra">Pairs that are seen and should not be.</param>
/// <param name="Missing">Pairs that should be seen and are not.</param>
/// <param name="Slices">(batch, head) with a difference.</param>
/// <param name="Causes">Mutations of the catalogue, alone or in pairs, that give exactly the effective mask; likelier first.</param>
/// <param name="Regions">The smallest description found of the wrong pairs of the first such slice.</param>
public sealed record MaskDifference(
    long Extra,
    long Missing,
    IReadOnlyList<(int Batch, int Head)> Slices,
    IReadOnlyList<IReadOnlyList<Mutation>> Causes,
    IReadOnlyList<string> Regions)
{
    private const int MostCauses = 5;
    private const int MostListed = 6;
    private const int MostRuns = 6;
    private const int MostFirsts = 6;
    private const long MostPairsForPairs = 1 << 20; // beyond, two bugs at once take too long to look for

    /// <summary>Whether there is none.</summary>
    public bool IsNone => Extra == 0 && Missing == 0;

    /// <summary>Compares.</summary>
    /// <param name="problem">The problem, whose mask is the intended one.</param>
    /// <param name="effective">The effective mask.</param>
    /// <param name="tile">The kernel's tiling, the first that is tried.</param>
    public static MaskDifference Of(AttentionProblem problem, MaskPlanes effective, TileShape tile)
    {
        ArgumentNullException.ThrowIfNull(problem);
        ArgumentNullException.ThrowIfNull(effective);
        var intended = MaskPlanes.Of(problem.BindMask());
        var slices = new List<(int Batch, int Head)>();
        var (extra, missing) = (0L, 0L);
        for (var b = 0; b < problem.Batch; b++)
        {
            for (var h = 0; h < problem.QueryHeads; h++)
            {
                var (more, less) = (Extras(intended[b, h], effective[b, h]).Count(), Extras(effective[b, h], intended[b, h]).Count());
                (extra, missing) = (extra + more, missing + less);
                if (more + less > 0)
                {
                    slices.Add((b, h));
                }
            }
        }

        if (slices.Count == 0)
        {
            return new MaskDifference(0, 0, [], [], []);
        }

        TileShape[] tiles = [.. new[] { tile }.Concat(Diagnoser.CommonTiles).Distinct()];
        var (batch, head) = slices[0];
        List<string> regions =
        [
            .. Describe("seen, though masked", Extras(intended[batch, head], effective[batch, head]), intended[batch, head], false, tiles),
            .. Describe("not seen, though allowed", Extras(effective[batch, head], intended[batch, head]), intended[batch, head], true, tiles),
        ];
        return new MaskDifference(extra, missing, slices, FindCauses(problem, intended, effective, slices, tiles), regions);
    }

    private static BitPlane Extras(BitPlane less, BitPlane more) => more.Combine(less, (bits, others) => bits & ~others);

    private static List<IReadOnlyList<Mutation>> FindCauses(
        AttentionProblem p, MaskPlanes intended, MaskPlanes effective, List<(int Batch, int Head)> slices, TileShape[] tiles)
    {
        var pattern = p.Mask is DenseMask ? MaskRecognizer.Recognize(intended) ?? p.Mask : p.Mask;
        var wrong = slices.SelectMany(slice =>
        {
            var plane = effective[slice.Batch, slice.Head].Combine(intended[slice.Batch, slice.Head], (a, b) => a ^ b);
            return Enumerable.Range(0, plane.Queries)
                .Where(query => plane.Row(query).ContainsAnyExcept(0UL))
                .Select(query => new OutputRow(slice.Batch, slice.Head, query));
        }).ToArray();
        Mutation[] catalogue =
        [
            .. MaskMutations.Of(p, pattern, tiles),
            .. TileMutations.Of(p, intended, tiles, wrong).Where(mutation => mutation.IsMaskOnly),
        ];
        var order = slices.Concat(AllSlices(p)).Distinct().ToArray();
        var (batch, head) = slices[0];
        var distances = catalogue.AsParallel().AsOrdered().Select(mutation => Distance([mutation])).ToArray();
        var single = Enumerable.Range(0, catalogue.Length)
            .Where(i => distances[i] == 0)
            .Select(i => (IReadOnlyList<Mutation>)[catalogue[i]])
            .Where(Matches)
            .Take(MostCauses)
            .ToList();
        if (single.Count > 0 || (long)p.QueryLength * p.KvLength > MostPairsForPairs)
        {
            return single;
        }

        // The first of two bugs explains a part: those that come nearest, each with everything, in both orders.
        var before = Distance([]);
        return [.. Enumerable.Range(0, catalogue.Length)
            .Where(i => distances[i] < before)
            .OrderBy(i => distances[i])
            .Select(i => catalogue[i])
            .DistinctBy(mutation => mutation.Family)
            .Take(MostFirsts)
            .SelectMany(first => catalogue.Where(second => second.Family != first.Family).SelectMany(
                second => (IReadOnlyList<Mutation>[])[[first, second], [second, first]]))
            .AsParallel()
            .AsOrdered()
            .Where(pair => Distance(pair) == 0 && Matches(pair))
            .Take(MostCauses)];

        MaskPlanes Planes(IReadOnlyList<Mutation> mutations)
        {
            var variant = mutations.Aggregate(AttentionVariant.Defined(p), (current, mutation) => mutation.Apply(current));
            return variant.Edits.Aggregate(MaskPlanes.Of(variant.MaskProblem.BindMask()), (current, edit) => edit.On(current));
        }

        // Pairs that differ in the first slice.
        long Distance(IReadOnlyList<Mutation> mutations) =>
            Planes(mutations)[batch, head].Combine(effective[batch, head], (a, b) => a ^ b).Count();

        bool Matches(IReadOnlyList<Mutation> mutations)
        {
            var planes = Planes(mutations);
            return Array.TrueForAll(order, slice => planes[slice.Batch, slice.Head].SameAs(effective[slice.Batch, slice.Head]));
        }
    }

    private static IEnumerable<(int Batch, int Head)> AllSlices(AttentionProblem p) =>
        Enumerable.Range(0, p.Batch).SelectMany(b => Enumerable.Range(0, p.QueryHeads).Select(h => (b, h)));

    /// <summary>
    /// Describes wrong pairs as everything of one kind inside a union of tiles, rows, columns or diagonals, whichever takes the fewest
    /// words; single pairs where nothing fits.
    /// </summary>
    private static IEnumerable<string> Describe(string what, BitPlane wrong, BitPlane intended, bool allowed, TileShape[] tiles)
    {
        var pairs = Pairs(wrong).ToArray();
        if (pairs.Length == 0)
        {
            yield break;
        }

        var found = new List<(int Words, string Text)>();
        Try("queries", pair => pair.Query);
        Try("keys", pair => pair.Key);
        Try("diagonals k - q =", pair => pair.Key - pair.Query);
        foreach (var tile in tiles)
        {
            var inside = pairs.Select(pair => (pair.Query / tile.Rows, pair.Key / tile.Columns)).ToHashSet();
            if (Covers(pair => inside.Contains((pair.Query / tile.Rows, pair.Key / tile.Columns))))
            {
                found.Add((1 + inside.Count, $"tiles of {tile}: {string.Join(", ", inside.Order().Take(MostListed).Select(at => $"({at.Item1}, {at.Item2})"))}{(inside.Count > MostListed ? $" and {inside.Count - MostListed} more" : "")}"));
            }
        }

        var list = string.Join(", ", pairs.Take(MostListed).Select(pair => $"({pair.Query}, {pair.Key})")) + (pairs.Length > MostListed ? ", ..." : "");
        found.Add((pairs.Length <= 2 ? 0 : int.MaxValue, $"(query, key) {list}"));
        yield return $"{pairs.Length} pairs {what}: {found.MinBy(entry => entry.Words).Text}";

        void Try(string name, Func<(int Query, int Key), int> coordinate)
        {
            var values = pairs.Select(coordinate).ToHashSet();
            if (!Covers(pair => values.Contains(coordinate(pair))))
            {
                return;
            }

            var runs = Runs(values);
            if (runs.Count <= MostRuns)
            {
                found.Add((runs.Count, $"{name} {string.Join(", ", runs)}"));
            }
        }

        bool Covers(Func<(int Query, int Key), bool> contains)
        {
            for (var query = 0; query < intended.Queries; query++)
            {
                for (var key = 0; key < intended.Keys; key++)
                {
                    if (intended[query, key] == allowed && contains((query, key)) && !wrong[query, key])
                    {
                        return false;
                    }
                }
            }

            return true;
        }
    }

    private static List<string> Runs(IEnumerable<int> values)
    {
        var runs = new List<string>();
        var (start, last) = (0, int.MinValue);
        foreach (var value in values.Order())
        {
            if (last != int.MinValue && value != last + 1)
            {
                runs.Add(start == last ? $"{start}" : $"{start}..{last}");
                start = value;
            }

            start = last == int.MinValue ? value : start;
            last = value;
        }

        runs.Add(start == last ? $"{start}" : $"{start}..{last}");
        return runs;
    }

    private static IEnumerable<(int Query, int Key)> Pairs(BitPlane plane)
    {
        for (var query = 0; query < plane.Queries; query++)
        {
            for (var key = 0; key < plane.Keys; key++)
            {
                if (plane[query, key])
                {
                    yield return (query, key);
                }
            }
        }
    }
}
