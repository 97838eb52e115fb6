using Stof.Reference.Numerics;
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
    public static AttentionReference Run(AttentionProblem problem, HostTensor q, HostTensor k, HostTensor v)
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
    internal static AttentionReference Run(AttentionProblem p, double[] q, double[] k, double[] v)
    {
        var mask = p.BindMask();
        var rows = p.Batch * p.QueryHeads * p.QueryLength;
        var result = new AttentionReference
        {
            Output = new double[rows * p.ValueSize],
            LogSumExp = new double[rows],
            AbsoluteOutput = new double[rows * p.ValueSize],
            ValueSum = new double[rows * p.ValueSize],
            AllowedKeys = new int[rows],
            ScoreMagnitude = new double[rows],
            WeightSum = new double[rows],
            Entropy = new double[rows],
        };
        Parallel.For(0, p.Batch * p.QueryHeads, item =>
        {
            var (b, h) = (item / p.QueryHeads, item % p.QueryHeads);
            var scores = new double[p.KvLength];
            for (var i = 0; i < p.QueryLength; i++)
            {
                var query = q.AsSpan(p.Layout.RowOffset(p.QueryHeads, p.QueryLength, p.HeadSize, b, h, i), p.HeadSize);
                int[] keys = [.. Enumerable.Range(0, p.KvLength).Where(j => mask.Allows(b, h, i, j))];
                AttendRow(p, result, (item * p.QueryLength) + i, (b, h, i), query, keys, k, v, scores);
            }
        });
        return result;
    }

    /// <summary>One row. Keys that are not allowed are never read: what they hold cannot matter.</summary>
    internal static void AttendRow(
        AttentionProblem p, AttentionReference result, int row, (int B, int H, int I) at, Span<double> query, int[] keys, double[] k, double[] v, double[] scores)
    {
        var (b, h, i) = at;
        var kvHead = p.KvHeadOf(h);

        // 1. Score every allowed key: scale, bias, cap.
        var sink = p.Sinks is null ? double.NegativeInfinity : p.Sinks[h];
        var largest = sink;
        foreach (var j in keys)
        {
            var key = k.AsSpan(p.Layout.RowOffset(p.KvHeads, p.KvLength, p.HeadSize, b, kvHead, j), p.HeadSize);
            var dot = 0.0;
            var magnitude = 0.0;
            for (var d = 0; d < p.HeadSize; d++)
            {
                dot += query[d] * key[d];
                magnitude += Math.Abs(query[d] * key[d]);
            }

            var bias = p.Bias?.At(p, b, h, i, j) ?? 0.0;
            var score = (p.EffectiveScale * dot) + bias;
            scores[j] = p.Softcap is double cap ? cap * Math.Tanh(score / cap) : score;
            largest = Math.Max(largest, scores[j]);
            magnitude = (Math.Abs(p.EffectiveScale) * magnitude) + Math.Abs(bias);
            result.ScoreMagnitude[row] = Math.Max(result.ScoreMagnitude[row], double.IsFinite(magnitude) ? magnitude : 0.0);
        }

        // 2. Softmax. Subtracting the largest score changes nothing but keeps exp in range. A sink takes part in the sum
        //    and owns no value. Without keys and sink the sum is 0, the row stays 0 and its LSE is −∞.
        var sum = double.IsNegativeInfinity(sink) ? 0.0 : Math.Exp(sink - largest);
        foreach (var j in keys)
        {
            sum += Math.Exp(scores[j] - largest);
        }

        result.WeightSum[row] = sum;
        result.LogSumExp[row] = sum == 0.0 ? double.NegativeInfinity : largest + Math.Log(sum);
        result.AllowedKeys[row] = keys.Length;
        if (p.Sinks is not null)
        {
            result.ScoreMagnitude[row] = Math.Max(result.ScoreMagnitude[row], Math.Abs(sink));
        }

        // 3. Weighted sum of the values; beside it, the sums from which a backend's error budget follows.
        var output = row * p.ValueSize;
        foreach (var j in keys)
        {
            var weight = Math.Exp(scores[j] - largest) / sum;
            result.Entropy[row] -= weight > 0.0 ? weight * Math.Log(weight) : 0.0;
            var value = v.AsSpan(p.Layout.RowOffset(p.KvHeads, p.KvLength, p.ValueSize, b, kvHead, j), p.ValueSize);
            for (var d = 0; d < p.ValueSize; d++)
            {
                result.Output[output + d] += weight * value[d];
                result.AbsoluteOutput[output + d] += weight * Math.Abs(value[d]);
                result.ValueSum[output + d] += Math.Abs(value[d]);
            }
        }
    }

    internal static void RequireShape(string name, HostTensor tensor, int[] shape)
    {
        if (!tensor.HasShape(shape))
        {
            throw new InvalidInputException(name, tensor.ToString(), HostTensor.Describe(shape));
        }
    }
}
