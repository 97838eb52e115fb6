using Stof.Reference.Operators;
using Stof.Reference.Tensors;

namespace Stof.Reference.Cpu.Oracle;

/// <summary>
/// Attention as its definition says, in double precision: for every query, score every allowed key, turn the scores into
/// weights that sum to one, and add up the values with these weights. No tiles, no vectors, no online tricks: this is what
/// every kernel in the repository is compared with, so it must be possible to see that it is right.
/// </summary>
public static class NaiveAttention
{
    /// <summary>Computes the attention of <paramref name="problem"/>.</summary>
    /// <param name="problem">Shapes and options.</param>
    /// <param name="q">Queries, in the shape of the problem's layout; any floating-point dtype.</param>
    /// <param name="k">Keys.</param>
    /// <param name="v">Values.</param>
    /// <exception cref="InvalidInputException">The problem or an operand's shape is wrong.</exception>
    public static NaiveAttentionResult Run(AttentionProblem problem, HostTensor q, HostTensor k, HostTensor v)
    {
        ArgumentNullException.ThrowIfNull(problem);
        ArgumentNullException.ThrowIfNull(q);
        ArgumentNullException.ThrowIfNull(k);
        ArgumentNullException.ThrowIfNull(v);
        var p = problem.Validated();
        RequireShape("q", q, p.Layout.Shape(p.Batch, p.QueryHeads, p.QueryLength, p.HeadSize));
        RequireShape("k", k, p.Layout.Shape(p.Batch, p.KvHeads, p.KvLength, p.HeadSize));
        RequireShape("v", v, p.Layout.Shape(p.Batch, p.KvHeads, p.KvLength, p.ValueSize));
        return Run(p, q.ToDoubles(), k.ToDoubles(), v.ToDoubles());
    }

    /// <summary>As above, on elements already widened and known to fit.</summary>
    internal static NaiveAttentionResult Run(AttentionProblem p, double[] q, double[] k, double[] v)
    {
        var mask = p.BindMask();
        var output = new double[p.Batch * p.QueryHeads * p.QueryLength * p.ValueSize];
        var logSumExp = new double[p.Batch * p.QueryHeads * p.QueryLength];
        Parallel.For(0, p.Batch * p.QueryHeads, item =>
        {
            var (b, h) = (item / p.QueryHeads, item % p.QueryHeads);
            var kvHead = p.KvHeadOf(h);
            var scores = new double[p.KvLength];
            for (var i = 0; i < p.QueryLength; i++)
            {
                var query = q.AsSpan(p.Layout.RowOffset(p.QueryHeads, p.QueryLength, p.HeadSize, b, h, i), p.HeadSize);

                // 1. Score every allowed key. A key that is not allowed is never read: what it holds cannot matter.
                var largest = double.NegativeInfinity;
                for (var j = 0; j < p.KvLength; j++)
                {
                    if (!mask.Allows(b, h, i, j))
                    {
                        scores[j] = double.NegativeInfinity;
                        continue;
                    }

                    var key = k.AsSpan(p.Layout.RowOffset(p.KvHeads, p.KvLength, p.HeadSize, b, kvHead, j), p.HeadSize);
                    var dot = 0.0;
                    for (var d = 0; d < p.HeadSize; d++)
                    {
                        dot += query[d] * key[d];
                    }

                    var score = p.EffectiveScale * dot;
                    score += p.Bias?.At(p, b, h, i, j) ?? 0.0;
                    scores[j] = p.Softcap is double cap ? cap * Math.Tanh(score / cap) : score;
                    largest = Math.Max(largest, scores[j]);
                }

                // 2. Softmax. Subtracting the largest score changes nothing but keeps exp in range. A sink takes part
                //    in the sum and owns no value.
                var sink = p.Sinks is null ? double.NegativeInfinity : p.Sinks[h];
                largest = Math.Max(largest, sink);
                var sum = double.IsNegativeInfinity(sink) ? 0.0 : Math.Exp(sink - largest);
                for (var j = 0; j < p.KvLength; j++)
                {
                    sum += mask.Allows(b, h, i, j) ? Math.Exp(scores[j] - largest) : 0.0;
                }

                // 3. Weighted sum of the values. A row that may look at nothing stays zero, its LSE is −∞.
                var row = output.AsSpan(p.Layout.RowOffset(p.QueryHeads, p.QueryLength, p.ValueSize, b, h, i), p.ValueSize);
                logSumExp[(((b * p.QueryHeads) + h) * p.QueryLength) + i] =
                    sum == 0.0 ? double.NegativeInfinity : largest + Math.Log(sum);
                for (var j = 0; j < p.KvLength; j++)
                {
                    if (!mask.Allows(b, h, i, j))
                    {
                        continue;
                    }

                    var weight = Math.Exp(scores[j] - largest) / sum;
                    var value = v.AsSpan(p.Layout.RowOffset(p.KvHeads, p.KvLength, p.ValueSize, b, kvHead, j), p.ValueSize);
                    for (var d = 0; d < p.ValueSize; d++)
                    {
                        row[d] += weight * value[d];
                    }
                }
            }
        });

        return new NaiveAttentionResult(output, logSumExp);
    }

    private static void RequireShape(string name, HostTensor tensor, int[] shape)
    {
        if (!tensor.HasShape(shape))
        {
            throw new InvalidInputException(name, tensor.ToString(), HostTensor.Describe(shape));
        }
    }
}

/// <summary>What <see cref="NaiveAttention"/> computes.</summary>
/// <param name="Output">O in the problem's layout.</param>
/// <param name="LogSumExp">Natural log-sum-exp, [B, Hq, Sq]; −∞ for a row without keys (and without a sink).</param>
public sealed record NaiveAttentionResult(double[] Output, double[] LogSumExp);
