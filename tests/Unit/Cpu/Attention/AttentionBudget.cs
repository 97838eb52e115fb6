using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;

namespace Stof.Reference.Unit.Tests.Cpu.Attention;

/// <summary>
/// Attention in double precision with what the element budget needs: tol = a·u_out·A + 4·u_acc·(√n + σ)·A + 2·η_P·W/L + η_out.
/// σ also counts the bias and the cap, which the kernel rounds to float as well.
/// </summary>
internal static class AttentionBudget
{
    /// <summary>Throws where the kernel's output or LSE leaves its budget.</summary>
    /// <returns>Squared error and squared norm of the output, for the relative Frobenius error.</returns>
    public static (double Error, double Norm) Check(AttentionCase item, HostTensor output, HostTensor? logSumExp, string context)
    {
        var p = item.Problem;
        var mask = p.BindMask();
        var (q, k, v) = (item.Q.ToDoubles(), item.K.ToDoubles(), item.V.ToDoubles());
        var found = output.ToDoubles();
        var lse = logSumExp is null ? [] : logSumExp.Span<float>().ToArray();
        var (error, norm) = (0.0, 0.0);
        var scores = new double[p.KvLength];
        for (var b = 0; b < p.Batch; b++)
        {
            for (var h = 0; h < p.QueryHeads; h++)
            {
                for (var i = 0; i < p.QueryLength; i++)
                {
                    var where = $"{context}: b {b} h {h} q {i}";
                    var sigma = Scores(p, mask, q, k, b, h, i, scores);
                    var sink = p.Sinks is null ? double.NegativeInfinity : p.Sinks[h];
                    var largest = Math.Max(sink, scores.Append(double.NegativeInfinity).Max());
                    var keys = Enumerable.Range(0, p.KvLength).Where(j => mask.Allows(b, h, i, j)).ToArray();
                    var sum = double.IsNegativeInfinity(sink) ? 0.0 : Math.Exp(sink - largest);
                    sum += keys.Sum(j => Math.Exp(scores[j] - largest));
                    var row = p.Layout.RowOffset(p.QueryHeads, p.QueryLength, p.ValueSize, b, h, i);
                    for (var d = 0; d < p.ValueSize; d++)
                    {
                        var (exact, spread, weight) = (0.0, 0.0, 0.0);
                        foreach (var j in keys)
                        {
                            var value = v[p.Layout.RowOffset(p.KvHeads, p.KvLength, p.ValueSize, b, p.KvHeadOf(h), j) + d];
                            var share = Math.Exp(scores[j] - largest) / sum;
                            exact += share * value;
                            spread += share * Math.Abs(value);
                            weight += Math.Abs(value);
                        }

                        var a = p.Type == DType.F32 ? 1 : 3;
                        var budget = (a * p.Type.UnitRoundoff() * spread)
                            + (4 * DType.F32.UnitRoundoff() * (Math.Sqrt(keys.Length) + sigma) * spread)
                            + (keys.Length == 0 ? 0 : (2 * DType.F32.HalfSubnormal() * weight / sum) + p.Type.HalfSubnormal());
                        var difference = Math.Abs(found[row + d] - exact);
                        Assert.True(difference <= budget, $"{where} d {d}: {found[row + d]:R}, exact {exact:R}, {difference / budget:F2} of budget");
                        error += difference * difference;
                        norm += exact * exact;
                    }

                    if (logSumExp is not null)
                    {
                        var expected = sum == 0 ? double.NegativeInfinity : largest + Math.Log(sum);
                        double actual = lse[(((b * p.QueryHeads) + h) * p.QueryLength) + i];
                        var near = expected == actual || Math.Abs(actual - expected) <= 1e-5 * Math.Max(1, Math.Abs(expected));
                        Assert.True(near, $"{where}: LSE {actual:R}, exact {expected:R}");
                    }
                }
            }
        }

        return (error, norm);
    }

    /// <summary>Fills the scores of a row, −∞ where masked, and returns σ.</summary>
    private static double Scores(
        AttentionProblem p, Stof.Reference.Masks.BoundMask mask, double[] q, double[] k, int b, int h, int i, double[] scores)
    {
        var sigma = 0.0;
        var query = p.Layout.RowOffset(p.QueryHeads, p.QueryLength, p.HeadSize, b, h, i);
        for (var j = 0; j < p.KvLength; j++)
        {
            scores[j] = double.NegativeInfinity;
            if (!mask.Allows(b, h, i, j))
            {
                continue;
            }

            var key = p.Layout.RowOffset(p.KvHeads, p.KvLength, p.HeadSize, b, p.KvHeadOf(h), j);
            var (dot, magnitude) = (0.0, 0.0);
            for (var d = 0; d < p.HeadSize; d++)
            {
                dot += q[query + d] * k[key + d];
                magnitude += Math.Abs(q[query + d] * k[key + d]);
            }

            var bias = p.Bias?.At(p, b, h, i, j) ?? 0;
            var score = (p.EffectiveScale * dot) + bias;
            scores[j] = p.Softcap is double cap ? cap * Math.Tanh(score / cap) : score;
            sigma = Math.Max(sigma, (p.EffectiveScale * magnitude) + Math.Abs(bias));
        }

        return sigma + (p.Softcap ?? 0);
    }
}
