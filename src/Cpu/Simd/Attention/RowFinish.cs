using Stof.Reference.Operators;
using Stof.Reference.Tensors;

namespace Stof.Reference.Cpu.Simd.Attention;

/// <summary>The last step of a row: sink, factor of the output, log-sum-exp.</summary>
internal static unsafe class RowFinish
{
    /// <summary>Writes a row's log-sum-exp and returns what turns o into the output.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="operands">Where to write.</param>
    /// <param name="batch">Batch item.</param>
    /// <param name="head">Query head.</param>
    /// <param name="query">Query.</param>
    /// <param name="largest">m, natural; any reference under which l was summed.</param>
    /// <param name="sum">l.</param>
    /// <param name="hasKeys">
    /// Asked only where l is 0: a row without keys is 0 with LSE −∞, but a row all of whose keys scored −∞ (an infinite key,
    /// say) has no softmax and shows as NaN.
    /// </param>
    /// <returns>The factor 1/l, or, where l is 0, what every element of the row is.</returns>
    public static (float Factor, bool IsValue) Factor(
        AttentionProblem problem,
        in AttentionOperands operands,
        int batch,
        int head,
        int query,
        float largest,
        float sum,
        Func<int, int, int, bool> hasKeys)
    {
        var factor = 1f;
        if (problem.Sinks is not null)
        {
            var sink = (float)problem.Sinks[head];
            var reference = MathF.Max(largest, sink);
            factor = VectorMath.Exp(largest - reference);
            sum = MathF.FusedMultiplyAdd(sum, factor, VectorMath.Exp(sink - reference));
            largest = reference;
        }

        var keys = sum == 0f && hasKeys(batch, head, query);
        if (operands.LogSumExp is HostTensor tensor)
        {
            var logSumExp = sum != 0f ? largest + VectorMath.Log(sum) : keys ? float.NaN : float.NegativeInfinity;
            ((float*)tensor.Address)[((((long)batch * problem.QueryHeads) + head) * problem.QueryLength) + query] = logSumExp;
        }

        return sum != 0f ? (factor / sum, false) : (keys ? float.NaN : 0f, true);
    }

    /// <summary>Scales a row of o, padded to 16, in place by what <see cref="Factor"/> returned.</summary>
    public static void Scale<TLanes, TVector>(float* output, int padded, (float Factor, bool IsValue) by)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        if (by.IsValue)
        {
            new Span<float>(output, padded).Fill(by.Factor);
            return;
        }

        var factor = TLanes.Create(by.Factor);
        for (var d = 0; d < padded; d += TLanes.Width)
        {
            TLanes.Store(TLanes.Multiply(TLanes.Load(output + d), factor), output + d);
        }
    }
}
