using Stof.Reference.Masks;
using Stof.Reference.Tests;

namespace Stof.Reference.Unit.Tests.Masks;

/// <summary>Patterns and extents that the tests of masks and formats walk.</summary>
internal static class MaskCases
{
    /// <summary>Every example text of the catalogue.</summary>
    public static TheoryData<string> Examples => [.. MaskExamples.All];

    /// <summary>Every example text, and algebra over random pairs of them that fit any extent.</summary>
    public static TheoryData<string> ExamplesAndAlgebra
    {
        get
        {
            var random = new Random(20261121);
            var free = MaskExamples.Anywhere;
            var data = Examples;
            for (var i = 0; i < 8; i++)
            {
                var (a, b, c) = (free[random.Next(free.Count)], free[random.Next(free.Count)], free[random.Next(free.Count)]);
                data.Add(i % 2 == 0 ? $"{a} & !({b} | {c})" : $"!{a} & {b} | causal & {c}");
            }

            return data;
        }
    }

    /// <summary>
    /// Small and ragged sizes, one token, nothing at all, more keys than queries and the reverse, both alignments; with what the pattern
    /// demands put in.
    /// </summary>
    public static IEnumerable<MaskExtent> Extents(MaskPattern pattern) =>
        Enum.GetValues<PositionAlignment>().SelectMany(alignment => new MaskExtent[]
        {
            new(0, 0, Alignment: alignment),
            new(1, 1, Alignment: alignment),
            new(1, 150, 2, 1, alignment),
            new(150, 1, Alignment: alignment),
            new(96, 96, 3, 2, alignment),
            new(65, 131, 2, 1, alignment),
            new(131, 65, 1, 2, alignment),
            new(200, 200, 1, 1, alignment),
        }).Select(pattern.Demand.Apply).Distinct();

    /// <summary>Extents small enough to look at every rectangle of them.</summary>
    public static IEnumerable<MaskExtent> SmallExtents(MaskPattern pattern) =>
        Enum.GetValues<PositionAlignment>().SelectMany(alignment => new MaskExtent[]
        {
            new(11, 11, 2, 2, alignment),
            new(5, 13, Alignment: alignment),
            new(13, 6, Alignment: alignment),
            new(1, 17, Alignment: alignment),
        }).Select(pattern.Demand.Apply).Distinct();
}
