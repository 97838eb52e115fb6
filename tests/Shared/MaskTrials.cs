using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;

namespace Stof.Reference.Tests;

/// <summary>Masks and rectangles on which every attention is tried.</summary>
internal static class MaskTrials
{
    /// <summary>Every example of the catalogue, and compositions.</summary>
    public static IReadOnlyList<string> Texts { get; } =
    [
        .. MaskExamples.All,
        "causal & sliding(9)",
        "!causal",
        "!full | local(5)",
        "longformer(band=2,global=3) & !(dilated(width=20,gap=1) | prefix(4))",
        "bigbird(band=3,global=5,fill=0.05,seed=3) & causal",
        "!(sliding(40) | stof_cells(fill=0.2,seed=9))",
        "sliding(70) & !sliding(60)",
        "local(16) & strided(3) | random_blocks(blocks=1,size=8,seed=2) & !prefix(30)",
    ];

    /// <summary>One token, one query, one key, ragged around edges of 8, 16 and 64, more keys than queries and the reverse.</summary>
    public static IReadOnlyList<MaskExtent> Extents { get; } =
    [
        new(1, 1, 1, 2),
        new(1, 130, 2, 2),
        new(130, 1, 1, 2, PositionAlignment.TopLeft),
        new(63, 63, 2, 2),
        new(65, 65, 1, 2, PositionAlignment.TopLeft),
        new(17, 127, 2, 2),
        new(33, 96, 2, 2, PositionAlignment.TopLeft),
        new(129, 40, 1, 2),
        new(100, 31, 1, 2, PositionAlignment.TopLeft),
        new(8, 16, 2, 2),
    ];

    /// <summary>The dtypes that kernels run in.</summary>
    public static IReadOnlyList<DType> Types { get; } = [DType.F32, DType.F16, DType.BF16];

    /// <summary>A trial of heads of 16 on a rectangle, with what the mask demands put into it.</summary>
    /// <param name="seed">Of the inputs, together with the lengths.</param>
    /// <param name="rectangle">Lengths, batch, heads and alignment, where the mask does not demand others.</param>
    /// <param name="type">Dtype.</param>
    /// <param name="family">Place in <see cref="Seeded.Families"/>.</param>
    /// <param name="mask">The mask.</param>
    /// <param name="kvHeads">KV heads; all query heads share one by default.</param>
    public static AttentionTrial Trial(int seed, MaskExtent rectangle, DType type, int family, MaskPattern mask, int kvHeads = 1)
    {
        var extent = mask.Demand.Apply(rectangle);
        var problem = new AttentionProblem
        {
            Batch = extent.Batch,
            QueryHeads = extent.Heads,
            KvHeads = kvHeads,
            QueryLength = extent.QueryLength,
            KvLength = extent.KeyLength,
            HeadSize = 16,
            Type = type,
            Mask = mask,
            Alignment = extent.Alignment,
        };
        return AttentionTrial.Of(
            problem, Seeded.Families[family], new Random(seed + (rectangle.QueryLength * 1000) + rectangle.KeyLength));
    }

    /// <summary>A dense mask of one slice a batch item and head, of which the random numbers clear every eighth bit.</summary>
    /// <param name="random">Draws what is cleared.</param>
    /// <param name="extent">Batch and heads are those stored: 1 where they share.</param>
    /// <param name="allows">Query, key and batch item.</param>
    public static DenseMask Dense(Random random, MaskExtent extent, Func<int, int, int, bool> allows)
    {
        var (queries, keys) = (extent.QueryLength, extent.KeyLength);
        var bits = HostTensor.Zeros(DType.Bool, extent.Batch, extent.Heads, queries, keys);
        for (var i = 0; i < bits.Count; i++)
        {
            var (key, query, item) = (i % keys, i / keys % queries, i / keys / queries / extent.Heads);
            bits.Bytes[i] = (byte)(allows(query, key, item) && random.Next(8) != 0 ? 1 : 0);
        }

        return DenseMask.From(bits);
    }

    /// <summary>
    /// 100 × 130, two batch items: columns of 16 in which nothing is listed alternate with listed ones; every fifth row and a whole
    /// tile row are empty.
    /// </summary>
    public static DenseMask Gaps(Random random) => Dense(
        random,
        new MaskExtent(100, 130, 2),
        (q, k, item) => q % 5 != 0 && q / 16 != 2 && k / 16 % 2 == item && ((q / 16) + (k / 16)) % 3 != 0);
}
