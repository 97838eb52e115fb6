using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Masks;

/// <summary>
/// InfLLM-V2's scores of key blocks, from Q and K, in double precision. K is averaged over <c>pool</c> keys at every <c>stride</c>-th
/// (semantic key j covers the keys stride·j … stride·j + pool − 1, all of which exist); every query takes the softmax of its scores over
/// the semantic keys that it may see; the heads of a group of grouped-query attention add up their probabilities; a block's score is the
/// largest probability of the semantic keys that touch it.
/// <para>
/// A query at position p may see semantic key j iff j &lt; max(0, ⌊(p − 15)/16⌋) for a pool of 32 and a stride of 16: exactly those whose
/// keys are all at or before p. For block 64 the semantic keys 4b − 1 … 4b + 3 touch block b.
/// </para>
/// <para>
/// Pinned by the public kernels and their tests: pool 32, stride 16, block 64, this visibility with positions from 0, the sum over the
/// group, the five semantic keys of a block. Our reading: other sizes by the sentences above, p = q + offset where Sq ≠ Skv, and −∞ for a
/// block that no visible semantic key touches. The kernels' log-sum-exp from a coarser pool (128 at 64), which makes scores that are no
/// probabilities, is not here.
/// </para>
/// </summary>
public static class InfLlmScores
{
    /// <summary>Scores every block for every query.</summary>
    /// <param name="q">[B, Hq, Sq, D], any floating-point dtype.</param>
    /// <param name="k">[B, Hkv, Skv, D], Hkv a divisor of Hq.</param>
    /// <param name="pool">Keys averaged into one semantic key, 1 or more.</param>
    /// <param name="stride">Keys from one semantic key to the next, 1 to <paramref name="pool"/>.</param>
    /// <param name="block">Keys of a block, 1 or more.</param>
    /// <param name="scale">Factor of q·k before the softmax; null for 1/√D.</param>
    /// <param name="alignment">Where queries sit if Sq ≠ Skv.</param>
    /// <returns>F32 [B, Hkv, Sq, ⌈Skv/block⌉], what <see cref="BlockTopKMask.Select"/> takes; rounded once.</returns>
    /// <exception cref="InvalidInputException">A shape, dtype or size is wrong.</exception>
    public static HostTensor Of(
        HostTensor q,
        HostTensor k,
        int pool = 32,
        int stride = 16,
        int block = 64,
        double? scale = null,
        PositionAlignment alignment = PositionAlignment.BottomRight)
    {
        ArgumentNullException.ThrowIfNull(q);
        ArgumentNullException.ThrowIfNull(k);
        RequireSizes(pool, stride, block, scale);
        if (q.Rank != 4 || k.Rank != 4 || q.Shape[0] != k.Shape[0] || q.Shape[3] != k.Shape[3])
        {
            throw new InvalidInputException("q and k", $"{q} and {k}", "[B, Hq, Sq, D] and [B, Hkv, Skv, D]");
        }

        var (batch, queryHeads, queries, size) = (q.Shape[0], q.Shape[1], q.Shape[2], q.Shape[3]);
        var (kvHeads, keys) = (k.Shape[1], k.Shape[2]);
        if (kvHeads < 1 || queryHeads % kvHeads != 0 || size < 1)
        {
            throw new InvalidInputException("q and k", $"{q} and {k}", "query heads that are a multiple of the key heads, and vectors of 1 or more");
        }

        var extent = new MaskExtent(queries, keys, Math.Max(batch, 1), queryHeads, alignment);
        var blocks = (int)((keys + (long)block - 1) / block);
        var scores = HostTensor.Uninitialized(DType.F32, batch, kvHeads, queries, blocks);
        var (queryValues, keyValues) = (q.ToDoubles(), k.ToDoubles());
        var factor = scale ?? 1 / Math.Sqrt(size);
        var group = queryHeads / kvHeads;
        for (var slice = 0; slice < batch * kvHeads; slice++)
        {
            var semantic = Pool(keyValues.AsSpan(slice * keys * size, keys * size), size, pool, stride);
            for (var query = 0; query < queries; query++)
            {
                var visible = (int)Math.Clamp(FloorDivide(query + (long)extent.QueryOffset - pool + 1 + stride, stride), 0, semantic.Length / size);
                var sums = new double[visible];
                for (var member = 0; member < group; member++)
                {
                    var row = ((((slice * group) + member) * queries) + query) * size;
                    AddProbabilities(queryValues.AsSpan(row, size), semantic, factor, sums);
                }

                LargestByBlock(sums, pool, stride, block, scores.Span<float>().Slice(((slice * queries) + query) * blocks, blocks));
            }
        }

        return scores;
    }

    private static void RequireSizes(int pool, int stride, int block, double? scale)
    {
        if (pool < 1)
        {
            throw new InvalidInputException(nameof(pool), $"{pool}", "1 or more");
        }

        if (stride < 1 || stride > pool)
        {
            throw new InvalidInputException(nameof(stride), $"{stride}", $"1 to the pool of {pool}");
        }

        if (block < 1)
        {
            throw new InvalidInputException(nameof(block), $"{block}", "1 or more");
        }

        if (scale is { } factor && !double.IsFinite(factor))
        {
            throw new InvalidInputException(nameof(scale), $"{factor}", "a finite number");
        }
    }

    /// <summary>The semantic keys, one vector after the other.</summary>
    private static double[] Pool(ReadOnlySpan<double> keys, int size, int pool, int stride)
    {
        var count = keys.Length / size < pool ? 0 : (((keys.Length / size) - pool) / stride) + 1;
        var semantic = new double[count * size];
        for (var j = 0; j < count; j++)
        {
            for (var d = 0; d < size; d++)
            {
                var sum = 0.0;
                for (var i = 0; i < pool; i++)
                {
                    sum += keys[(((j * stride) + i) * size) + d];
                }

                semantic[(j * size) + d] = sum / pool;
            }
        }

        return semantic;
    }

    /// <summary>Adds the softmax over the first semantic keys, as many as there are sums.</summary>
    private static void AddProbabilities(ReadOnlySpan<double> query, double[] semantic, double factor, double[] sums)
    {
        var weights = new double[sums.Length];
        var largest = double.NegativeInfinity;
        for (var j = 0; j < weights.Length; j++)
        {
            for (var d = 0; d < query.Length; d++)
            {
                weights[j] += query[d] * semantic[(j * query.Length) + d];
            }

            weights[j] *= factor;
            largest = Math.Max(largest, weights[j]);
        }

        var total = 0.0;
        for (var j = 0; j < weights.Length; j++)
        {
            weights[j] = Math.Exp(weights[j] - largest);
            total += weights[j];
        }

        for (var j = 0; j < weights.Length; j++)
        {
            sums[j] += weights[j] / total;
        }
    }

    private static void LargestByBlock(double[] sums, long pool, long stride, long block, Span<float> scores)
    {
        for (var b = 0; b < scores.Length; b++)
        {
            // Semantic key j reaches into block b iff stride·j + pool > block·b, and starts before its end iff stride·j < block·(b + 1).
            var first = Math.Max(FloorDivide((block * b) - pool, stride) + 1, 0);
            var last = Math.Min(((block * (b + 1)) - 1) / stride, sums.Length - 1);
            var largest = double.NegativeInfinity;
            for (var j = first; j <= last; j++)
            {
                largest = Math.Max(largest, sums[j]);
            }

            scores[b] = (float)largest;
        }
    }

    private static long FloorDivide(long value, long divisor) => (value - (((value % divisor) + divisor) % divisor)) / divisor;
}
