using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;

namespace Stof.Reference.Cpu.Oracle;

/// <summary>Judges some rows of one head of a large attention, so that nothing of size S² is ever held.</summary>
public static class SampledRows
{
    /// <summary>Compares rows spread over the length with the oracle.</summary>
    /// <param name="problem">The whole problem, in the order [B, H, S, D], without bias or sinks.</param>
    /// <param name="q">Q.</param>
    /// <param name="k">K.</param>
    /// <param name="v">V.</param>
    /// <param name="output">O, as found.</param>
    /// <param name="batch">Batch item.</param>
    /// <param name="head">Query head.</param>
    /// <param name="count">Number of rows.</param>
    /// <exception cref="InvalidInputException">The problem has a bias, sinks, or another layout.</exception>
    public static AttentionVerdict Judge(
        AttentionProblem problem, HostTensor q, HostTensor k, HostTensor v, HostTensor output, int batch, int head, int count)
    {
        ArgumentNullException.ThrowIfNull(problem);
        if (problem.Bias is not null || problem.Sinks is not null || problem.Layout != AttentionLayout.BatchHeadsLength)
        {
            throw new InvalidInputException(nameof(problem), "bias, sinks or another layout", "a plain problem in the order [B, H, S, D]");
        }

        var rows = Enumerable.Range(0, count).Select(i => (int)((long)i * problem.QueryLength / count)).Distinct().ToArray();
        var mask = problem.BindMask();
        var some = problem with
        {
            Batch = 1,
            QueryHeads = 1,
            KvHeads = 1,
            QueryLength = rows.Length,
            LogSumExp = LogSumExpOutput.None,
            Mask = new PredicateMask("sampled rows", (_, _, row, key) => mask.Allows(batch, head, rows[row], key)),
        };
        var kvHead = head / (problem.QueryHeads / problem.KvHeads);
        HostTensor Rows(HostTensor tensor, int heads, int at, IReadOnlyList<int> which)
        {
            var (length, size) = (tensor.Shape[2], tensor.Shape[3]);
            var bytes = size * tensor.Type.Size();
            var found = HostTensor.Uninitialized(tensor.Type, 1, 1, which.Count, size);
            for (var i = 0; i < which.Count; i++)
            {
                tensor.Bytes.Slice(checked(((((batch * heads) + at) * length) + which[i]) * bytes), bytes).CopyTo(found.Bytes.Slice(i * bytes, bytes));
            }

            return found;
        }

        var all = Enumerable.Range(0, problem.KvLength).ToArray();
        var reference = NaiveAttention.Run(
            some, Rows(q, problem.QueryHeads, head, rows), Rows(k, problem.KvHeads, kvHead, all), Rows(v, problem.KvHeads, kvHead, all));
        return new AttentionTolerance().Judge(some, reference, Rows(output, problem.QueryHeads, head, rows));
    }
}
