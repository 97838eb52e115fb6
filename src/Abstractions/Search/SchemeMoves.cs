using Stof.Reference.Fusion;
using Stof.Reference.Graphs;

namespace Stof.Reference.Search;

/// <summary>A change of a scheme: segments [First, First + Removed) are replaced by others that cover the same operators.</summary>
/// <param name="Name">What it is called: expand, seize, compete, detach.</param>
/// <param name="First">Index of the first segment replaced.</param>
/// <param name="Removed">Number of segments replaced.</param>
/// <param name="Inserted">What takes their place.</param>
internal sealed record SchemeMove(string Name, int First, int Removed, IReadOnlyList<Segment> Inserted);

/// <summary>
/// STOF's moves around one segment of a scheme, in the order in which they are tried. Expand merges neighbours; seize lets a
/// segment with a product take operators from a neighbour without one; compete settles who may take first where two could.
/// Detach is our addition: it lets the search leave a fusion that a rule proposed and that does not pay.
/// </summary>
internal static class SchemeMoves
{
    /// <summary>Moves that start at segment <paramref name="index"/>.</summary>
    public static IEnumerable<SchemeMove> Around(OperatorGraph graph, IReadOnlyList<Segment> segments, int index)
    {
        foreach (var move in Expand(graph, segments, index).Concat(Seize(graph, segments, index)))
        {
            yield return move;
        }

        if (segments[index].Length > 1)
        {
            yield return new SchemeMove(
                "detach", index, 1, [.. Enumerable.Range(segments[index].Start, segments[index].Length).Select(i => new Segment(i, 1))]);
        }
    }

    private static IEnumerable<SchemeMove> Expand(OperatorGraph graph, IReadOnlyList<Segment> segments, int index)
    {
        if (index + 1 >= segments.Count)
        {
            yield break;
        }

        // An operator between two products is claimed by both. The segment with fewer products extends first; what is left
        // for the other comes up when its turn comes.
        var contested = index + 2 < segments.Count
            && Products(graph, segments[index + 1]) == 0
            && Products(graph, segments[index]) > Products(graph, segments[index + 2])
            && Products(graph, segments[index + 2]) > 0;
        if (contested)
        {
            yield return new SchemeMove("compete", index + 1, 2, [Merge(segments[index + 1], segments[index + 2])]);
        }

        yield return new SchemeMove("expand", index, 2, [Merge(segments[index], segments[index + 1])]);
    }

    private static IEnumerable<SchemeMove> Seize(OperatorGraph graph, IReadOnlyList<Segment> segments, int index)
    {
        var own = segments[index];
        if (Products(graph, own) == 0)
        {
            yield break;
        }

        if (index + 1 < segments.Count && Products(graph, segments[index + 1]) == 0)
        {
            var right = segments[index + 1];
            for (var taken = right.Length - 1; taken >= 1; taken--)
            {
                yield return new SchemeMove(
                    "seize", index, 2, [new Segment(own.Start, own.Length + taken), new Segment(right.Start + taken, right.Length - taken)]);
            }
        }

        if (index > 0 && Products(graph, segments[index - 1]) == 0)
        {
            var left = segments[index - 1];
            for (var taken = left.Length - 1; taken >= 1; taken--)
            {
                yield return new SchemeMove(
                    "seize", index - 1, 2, [new Segment(left.Start, left.Length - taken), new Segment(own.Start - taken, own.Length + taken)]);
            }
        }
    }

    private static Segment Merge(Segment left, Segment right) => new(left.Start, left.Length + right.Length);

    private static int Products(OperatorGraph graph, Segment segment)
    {
        var count = 0;
        for (var i = segment.Start; i < segment.End; i++)
        {
            count += graph.Operators[i].IsComputeIntensive ? 1 : 0;
        }

        return count;
    }
}
