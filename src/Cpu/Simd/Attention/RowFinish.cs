using Stof.Reference.Operators;
using Stof.Reference.Tensors;

namespace Stof.Reference.Cpu.Simd.Attention;

/// <summary>The last step of a row: sink, division, log-sum-exp, one rounding at the store.</summary>
internal static unsafe class RowFinish
{
    /// <summary>Writes o/l of one row and its log-sum-exp.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="operands">Where to write.</param>
    /// <param name="batch">Batch item.</param>
    /// <param name="head">Query head.</param>
    /// <param name="query">Query.</param>
    /// <param name="largest">m.</param>
    /// <param name="sum">l.</param>
    /// <param name="output">o, padded; overwritten.</param>
    /// <param name="hasKeys">
    /// Asked only where l is 0: a row without keys is 0 with LSE −∞, but a row all of whose keys scored −∞ (an infinite key,
    /// say) has no softmax and shows as NaN.
    /// </param>
    public static void Store<TLanes, TVector>(
        AttentionProblem problem,
        in AttentionOperands operands,
        int batch,
        int head,
        int query,
        float largest,
        float sum,
        float* output,
        Func<int, int, int, bool> hasKeys)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        var padded = Lanes.RoundUp(problem.ValueSize);
        var factor = 1f;
        if (problem.Sinks is not null)
        {
            var sink = (float)problem.Sinks[head];
            var reference = MathF.Max(largest, sink);
            factor = VectorMath.Exp(largest - reference);
            sum = MathF.FusedMultiplyAdd(sum, factor, VectorMath.Exp(sink - reference));
            largest = reference;
        }

        float logSumExp;
        if (sum == 0f)
        {
            var keys = hasKeys(batch, head, query);
            new Span<float>(output, padded).Fill(keys ? float.NaN : 0f);
            logSumExp = keys ? float.NaN : float.NegativeInfinity;
        }
        else
        {
            for (var d = 0; d < padded; d += TLanes.Width)
            {
                var numerator = TLanes.Multiply(TLanes.Load(output + d), TLanes.Create(factor));
                TLanes.Store(TLanes.Divide(numerator, TLanes.Create(sum)), output + d);
            }

            logSumExp = operands.LogSumExp is null ? 0f : largest + VectorMath.Log(sum);
        }

        RowConversion.Narrow(problem.Type, output, operands.Output.Row(batch, head, query), problem.ValueSize);
        if (operands.LogSumExp is HostTensor tensor)
        {
            ((float*)tensor.Address)[((((long)batch * problem.QueryHeads) + head) * problem.QueryLength) + query] = logSumExp;
        }
    }
}
