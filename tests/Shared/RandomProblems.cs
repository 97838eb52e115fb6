using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;

namespace Stof.Reference.Tests;

/// <summary>Small random problems over all options.</summary>
internal static class RandomProblems
{
    private static readonly int[] Lengths = [1, 2, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 95, 96];
    private static readonly int[] Sizes = [1, 2, 3, 7, 8, 9, 15, 16, 17, 32, 33];
    private static readonly double[] Scales = [0, 1, -0.5, 1e-3, 2];
    private static readonly double[] Densities = [0, 0.02, 0.5, 0.98, 1];

    private static readonly string[] Masks = [.. MaskExamples.Anywhere];

    /// <summary>A problem.</summary>
    /// <param name="seed">Equal seeds give equal problems.</param>
    /// <param name="edges">Take every number from a list of those on which kernels break, rather than from a range.</param>
    public static AttentionProblem Next(int seed, bool edges)
    {
        var random = new Random(seed);
        var kvHeads = random.Next(1, 3);
        var heads = kvHeads * random.Next(1, 4);
        var batch = random.Next(1, 3);
        var queries = edges ? Pick(random, Lengths) : random.Next(1, 97);
        var keys = random.Next(3) == 0 ? queries : edges ? Pick(random, Lengths) : random.Next(1, 97);
        var problem = new AttentionProblem
        {
            Batch = batch,
            QueryHeads = heads,
            KvHeads = kvHeads,
            QueryLength = queries,
            KvLength = keys,
            HeadSize = edges ? Pick(random, Sizes) : random.Next(1, 34),
            ValueHeadSize = random.Next(3) == 0 ? Pick(random, Sizes) : null,
            Type = Pick(random, DType.F32, DType.F16, DType.BF16),
            Mask = Mask(random, batch, heads, queries, keys),
            Alignment = Pick(random, PositionAlignment.BottomRight, PositionAlignment.TopLeft),
            Layout = Pick(random, AttentionLayout.BatchHeadsLength, AttentionLayout.BatchLengthHeads),
            Scale = random.Next(4) == 0 ? (edges ? Pick(random, Scales) : random.NextDouble()) : null,
            Softcap = random.Next(4) == 0 ? 0.5 + (10 * random.NextDouble()) : null,
            Sinks = random.Next(4) == 0 ? [.. Seeded.Values(random, heads, InputFamily.Wide)] : null,
        };
        problem = problem with { Bias = Bias(random, problem) };

        // A dense mask has one size; lengths would bind it to others.
        return problem.Mask is DenseMask || random.Next(4) != 0
            ? problem
            : problem with { Lengths = [.. Enumerable.Range(0, batch).Select(_ => RealLengths(random, queries, keys, edges))] };
    }

    private static SequenceLengths RealLengths(Random random, int queries, int keys, bool edges) => edges
        ? new(Pick(random, 0, 1, queries - 1, queries), Pick(random, 0, 1, keys - 1, keys))
        : new(random.Next(queries + 1), random.Next(keys + 1));

    private static MaskPattern Mask(Random random, int batch, int heads, int queries, int keys)
    {
        var (a, b) = (MaskText.Parse(Pick(random, Masks)), MaskText.Parse(Pick(random, Masks)));
        switch (random.Next(6))
        {
            case 0:
                var density = Pick(random, Densities);
                var bits = HostTensor.Zeros(DType.Bool, random.Next(2) == 0 ? 1 : batch, random.Next(2) == 0 ? 1 : heads, queries, keys);
                foreach (ref var bit in bits.Bytes)
                {
                    bit = (byte)(random.NextDouble() < density ? 1 : 0);
                }

                return DenseMask.From(bits);
            case 1:
                return a & !b;
            case 2:
                return a | (b & new CausalMask());
            default:
                return a;
        }
    }

    private static ScoreBias? Bias(Random random, AttentionProblem p) => random.Next(6) switch
    {
        0 => AlibiBias.Standard(p.QueryHeads),
        1 => new RelativeBias(Seeded.Tensor(random, DType.F32, Pick(random, 4, 8, 32), p.QueryHeads), Pick(random, 16, 128)),
        2 => new DenseBias(Seeded.Tensor(
            random,
            Pick(random, DType.F32, DType.F16, DType.BF16),
            random.Next(2) == 0 ? 1 : p.Batch,
            random.Next(2) == 0 ? 1 : p.QueryHeads,
            p.QueryLength,
            p.KvLength)),
        _ => null,
    };

    private static T Pick<T>(Random random, params T[] values) => values[random.Next(values.Length)];
}
