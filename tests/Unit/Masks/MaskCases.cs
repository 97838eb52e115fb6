using Stof.Reference.Masks;

namespace Stof.Reference.Unit.Tests.Masks;

/// <summary>Patterns and extents that the tests of masks and formats walk.</summary>
internal static class MaskCases
{
    /// <summary>Every example text of the catalogue.</summary>
    public static TheoryData<string> Examples => [.. MaskCatalog.Entries.SelectMany(e => e.Examples)];

    /// <summary>Every example text, and algebra over random pairs of them that fit any extent.</summary>
    public static TheoryData<string> ExamplesAndAlgebra
    {
        get
        {
            var random = new Random(20261121);
            var free = MaskCatalog.Entries.Where(e => e.Name != "dense").SelectMany(e => e.Examples).ToArray();
            var data = Examples;
            for (var i = 0; i < 8; i++)
            {
                var (a, b, c) = (free[random.Next(free.Length)], free[random.Next(free.Length)], free[random.Next(free.Length)]);
                data.Add(i % 2 == 0 ? $"{a} & !({b} | {c})" : $"!{a} & {b} | causal & {c}");
            }

            return data;
        }
    }

    /// <summary>Small and ragged sizes, one token, nothing at all, more keys than queries and the reverse, both alignments.</summary>
    public static IEnumerable<MaskExtent> Extents(MaskPattern pattern)
    {
        if (pattern is DenseMask dense)
        {
            var shape = dense.Shape.ToArray();
            yield return new MaskExtent(shape[2], shape[3], shape[0], shape[1]);
            yield return new MaskExtent(shape[2], shape[3], shape[0], 2, PositionAlignment.TopLeft);
            yield break;
        }

        foreach (var alignment in Enum.GetValues<PositionAlignment>())
        {
            yield return new MaskExtent(0, 0, Alignment: alignment);
            yield return new MaskExtent(1, 1, Alignment: alignment);
            yield return new MaskExtent(1, 150, 2, 1, alignment);
            yield return new MaskExtent(150, 1, Alignment: alignment);
            yield return new MaskExtent(96, 96, 3, 2, alignment);
            yield return new MaskExtent(65, 131, 2, 1, alignment);
            yield return new MaskExtent(131, 65, 1, 2, alignment);
            yield return new MaskExtent(200, 200, 1, 1, alignment);
        }
    }

    /// <summary>A mask given by a function: exact answers, nothing analytic.</summary>
    public sealed class Predicate(MaskExtent extent, Func<int, int, int, int, bool> allows, bool byBatch = true, bool byHead = true)
        : BoundMask(extent)
    {
        public override bool VariesByBatch => byBatch;

        public override bool VariesByHead => byHead;

        public override bool Allows(int batch, int head, int query, int key) => allows(batch, head, query, key);

        public override TileClass Classify(int batch, int head, MaskRect rect) => TileClass.Part;
    }
}
