using System.Globalization;
using System.Text.RegularExpressions;
using Stof.Reference.Masks;

namespace Stof.Reference.Verification.Diagnosis;

/// <summary>Patterns that differ from a given one as a slip of the pen would make them.</summary>
internal static partial class PatternRewrites
{
    /// <summary>All rewrites: the bug's family, what was changed, and the pattern.</summary>
    public static IEnumerable<(string Family, string Detail, MaskPattern Pattern)> Of(MaskPattern pattern)
    {
        var text = pattern is DenseMask ? "" : pattern.ToString();
        foreach (var rewrite in OffByOne(text).Concat(Widths(text)))
        {
            yield return rewrite;
        }

        foreach (var (detail, other) in OtherSides(pattern))
        {
            yield return (Families.OtherSides, detail, other);
        }

        foreach (var (part, rest) in Operands(pattern))
        {
            yield return (part is CausalMask ? Families.OtherSides : Families.OperandMissing, $"without {part}", rest);
        }
    }

    private static IEnumerable<(string, string, MaskPattern)> OffByOne(string text)
    {
        foreach (Match number in Number().Matches(text))
        {
            foreach (var step in (int[])[-1, 1])
            {
                if (Replaced(text, number, Value(number) + step) is { } pattern)
                {
                    yield return (Families.OffByOne, $"{pattern}", pattern);
                }
            }
        }

        foreach (Match name in BareCausal().Matches(text))
        {
            foreach (var (offset, family) in new[] { (-1, Families.CausalStrict), (1, Families.OffByOne) })
            {
                var changed = text[..name.Index] + $"causal({offset})" + text[(name.Index + name.Length)..];
                yield return (family, changed, MaskText.Parse(changed));
            }
        }
    }

    private static IEnumerable<(string, string, MaskPattern)> Widths(string text)
    {
        foreach (Match number in Number().Matches(text))
        {
            var value = Value(number);
            foreach (var other in (long[])[value / 2, value * 2])
            {
                if (value > 1 && Replaced(text, number, other) is { } pattern)
                {
                    yield return (Families.WidthDoubledOrHalved, $"{pattern}", pattern);
                }
            }
        }
    }

    private static IEnumerable<(string, MaskPattern)> OtherSides(MaskPattern pattern)
    {
        switch (pattern)
        {
            case SlidingMask:
                yield return ("causal side only", new CausalMask() & pattern);
                break;
            case WindowMask { Left: { } left, Right: 0 }:
                yield return ("both sides", new WindowMask(left, left));
                break;
            case WindowMask { Left: { } left, Right: { } right } when right > 0:
                yield return ("causal side only", new WindowMask(left, 0));
                break;
        }
    }

    private static IEnumerable<(MaskPattern Part, MaskPattern Others)> Operands(MaskPattern pattern)
    {
        var (left, right) = pattern switch
        {
            AndMask and => (and.Left, and.Right),
            OrMask or => (or.Left, or.Right),
            _ => ((MaskPattern?)null, (MaskPattern?)null),
        };
        if (left is null || right is null)
        {
            yield break;
        }

        yield return (left, right);
        yield return (right, left);
        foreach (var (part, rest) in Operands(left))
        {
            yield return (part, pattern is AndMask ? rest & right : rest | right);
        }

        foreach (var (part, rest) in Operands(right))
        {
            yield return (part, pattern is AndMask ? left & rest : left | rest);
        }
    }

    private static long Value(Match number) => long.Parse(number.Value, CultureInfo.InvariantCulture);

    private static MaskPattern? Replaced(string text, Match number, long value)
    {
        try
        {
            return MaskText.Parse(string.Create(CultureInfo.InvariantCulture, $"{text[..number.Index]}{value}{text[(number.Index + number.Length)..]}"));
        }
        catch (InvalidInputException)
        {
            return null; // a width of −1, say
        }
    }

    // Whole numbers that are arguments; a seed off by one is another mask altogether.
    [GeneratedRegex(@"(?<=[(,]|(?<!seed)=)-?\d+(?=[,)])")]
    private static partial Regex Number();

    [GeneratedRegex(@"\bcausal\b(?!\()")]
    private static partial Regex BareCausal();
}
