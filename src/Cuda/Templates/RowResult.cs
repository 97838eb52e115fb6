using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Templates;

/// <summary>Parameters of how a row's softmax ends.</summary>
/// <param name="Sinks">F32 logit of each query head; null for no sinks.</param>
/// <param name="LogSumExp">F32 LSE [B, Hq, Sq]; null where it is not stored.</param>
internal sealed record ResultParameters(B64? Sinks, B64? LogSumExp)
{
    /// <summary>Declares the parameters.</summary>
    public ResultParameters(KernelBuilder b, bool hasSinks, bool storesLogSumExp)
        : this(hasSinks ? b.Parameter<B64>("sinks") : null, storesLogSumExp ? b.Parameter<B64>("lse") : null)
    {
    }

    /// <summary>Neither.</summary>
    public static ResultParameters None { get; } = new(null, null);
}

/// <summary>The end of a row: sink, division, LSE.</summary>
internal static class RowResult
{
    /// <summary>log2(e).</summary>
    public const float LogE = 1.4426950408889634f;

    private const float Ln2 = 0.6931471805599453f;

    /// <summary>Adds the sink, stores LSE, and gives o/l.</summary>
    /// <param name="b">The kernel.</param>
    /// <param name="parameters">Sinks and LSE.</param>
    /// <param name="place">Number of the row in [B, Hq, Sq].</param>
    /// <param name="head">Query head.</param>
    /// <param name="lane">Lane 0 stores.</param>
    /// <param name="seen">
    /// Keys that took part; a row without keys is zero.
    /// </param>
    /// <param name="state">The row's state, the same in all lanes but for their part of o.</param>
    public static F32[] Finish(KernelBuilder b, ResultParameters parameters, B32 place, B32 head, B32 lane, B32 seen, SoftmaxState state)
    {
        if (parameters.Sinks is { } sinks)
        {
            state.AddSink(b, b.Mul(b.LoadGlobal<F32>(b.Element(sinks, head, sizeof(float))), LogE));
        }

        // A row whose weights are all zero has only scores of −∞, and is no number.
        var hasKeys = b.CompareS32(Comparison.Greater, seen, 0);
        var isNothing = b.And(hasKeys, b.Compare(Comparison.Equal, state.Sum, 0f));
        F32 Checked(F32 sum) => b.Select(isNothing, float.NaN, sum);
        if (parameters.LogSumExp is { } logSumExp)
        {
            b.If(
                b.CompareU32(Comparison.Equal, lane, 0),
                () => b.StoreGlobal(b.Element(logSumExp, place, sizeof(float)), b.Mul(b.Add(state.Maximum, b.Lg2(Checked(state.ExactSum))), Ln2)));
        }

        // l is 1 or more, but for a row without keys, since m was a score of the row.
        var inverse = b.Select(hasKeys, b.RcpApprox(Checked(state.Sum), flush: true), 0f);
        return Array.ConvertAll(state.Output, value => b.Mul(value, inverse));
    }
}
