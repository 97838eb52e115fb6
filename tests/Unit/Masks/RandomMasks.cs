using Stof.Reference.Masks;

namespace Stof.Reference.Unit.Tests.Masks;

/// <summary>Draws whole trees of patterns: leaves of the catalogue with legal parameters, algebra over them.</summary>
internal static class RandomMasks
{
    // Values at which parameters change their meaning, or overflow if something is careless.
    private static readonly int[] Numbers = [0, 1, 2, 3, 5, 7, 16, 64, -1, -4, int.MaxValue, int.MinValue];

    private static readonly MaskEntry[] Leaves = [.. MaskCatalog.Entries.Where(entry => !entry.Parameters.Any(TakesPatterns))];

    /// <summary>Draws a tree that is at most <paramref name="depth"/> patterns deep.</summary>
    public static MaskPattern Next(Random random, int depth)
    {
        if (depth == 1 || random.Next(5) == 0)
        {
            return Leaf(random);
        }

        MaskPattern Inner() => Next(random, depth - 1);
        MaskPattern[] Several() => [.. Enumerable.Range(0, 1 + random.Next(3)).Select(_ => Inner())];
        int Any() => random.Next(4) == 0 ? Numbers[random.Next(Numbers.Length)] : random.Next(-9, 10);
        (int Start, int End) Range() => random.Next(20) is var start && random.Next(2) == 0 ? (start, int.MaxValue) : (start, start + random.Next(40));
        switch (random.Next(9))
        {
            case 0:
                return Inner() & Inner();
            case 1:
                return Inner() | Inner();
            case 2:
                return !Inner();
            case 3:
                return new ShiftMask(Inner(), Any(), Any());
            case 4:
                return new TransposeMask(Inner());
            case 5:
                var (queries, keys) = (Range(), Range());
                return new RestrictMask(Inner(), queries.Start, queries.End, keys.Start, keys.End);
            case 6:
                return new AlignMask(Inner(), (PositionAlignment)random.Next(2));
            case 7:
                return new HeadsMask(Several());
            default:
                var patterns = Several();
                return new BatchMask(patterns, random.Next(2) == 0 ? null : [.. patterns.Select(_ => 1 + random.Next(3))]);
        }
    }

    /// <summary>All patterns in a tree, by what holds them.</summary>
    public static IEnumerable<MaskPattern> All(MaskPattern pattern) => Held(pattern).SelectMany(All).Prepend(pattern);

    /// <summary>An example with some of its parameters changed, or as it is where the change is not legal.</summary>
    private static MaskPattern Leaf(Random random)
    {
        var entry = Leaves[random.Next(Leaves.Length)];
        NamedMask Example() => (NamedMask)MaskText.Parse(entry.Examples[random.Next(entry.Examples.Count)]);
        var (example, other) = (Example(), Example().Arguments.ToDictionary(a => a.Name, a => a.ValueText));
        var arguments = example.Arguments.Select(a => $"{a.Name}=" + random.Next(4) switch
        {
            0 when other.TryGetValue(a.Name, out var value) => value,
            1 when a.Value is int => $"{Numbers[random.Next(Numbers.Length)]}",
            _ => a.ValueText,
        });
        try
        {
            return MaskText.Parse($"{entry.Name}({string.Join(',', arguments)})");
        }
        catch (InvalidInputException)
        {
            return example;
        }
    }

    private static bool TakesPatterns(MaskParameter parameter) => parameter.Kind is MaskParameterKind.Pattern or MaskParameterKind.Patterns;

    private static IEnumerable<MaskPattern> Held(MaskPattern pattern) => pattern switch
    {
        AndMask and => [and.Left, and.Right],
        OrMask or => [or.Left, or.Right],
        NotMask not => [not.Pattern],
        NamedMask named => named.Arguments.SelectMany(a => a.Value switch
        {
            MaskPattern one => [one],
            IEnumerable<MaskPattern> several => several,
            _ => [],
        }),
        _ => [],
    };
}
