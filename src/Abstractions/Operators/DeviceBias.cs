namespace Stof.Reference.Operators;

/// <summary>A score bias as the floats that kernels read.</summary>
/// <param name="Values">By distance: for each head its values; by pair: [B or 1, Hq or 1, Sq, Skv].</param>
/// <param name="HeadStride">Elements between two heads; 0 where they share.</param>
/// <param name="BatchStride">Elements between two batch items; 0 where they share, and by distance.</param>
/// <param name="Origins">By distance, for each batch item: k − q plus this is the place in a head's values; one 0 by pair.</param>
public sealed record DeviceBias(float[] Values, int HeadStride, int BatchStride, int[] Origins)
{
    /// <summary>The bias of a problem that has one.</summary>
    public static DeviceBias Of(AttentionProblem problem) =>
        problem.Bias is AlibiBias or RelativeBias ? ByDistance(problem, problem.Bias) : ByPair(problem, problem.Bias!);

    // ALiBi and T5's buckets depend on k − q − offset only, so a head has one value for each difference.
    private static DeviceBias ByDistance(AttentionProblem problem, ScoreBias bias)
    {
        var offsets = Enumerable.Range(0, problem.Batch).Select(problem.QueryOffset).ToArray();
        var lowest = -(problem.QueryLength - 1) - offsets.Max();
        var count = Math.Max(problem.KvLength - offsets.Min() - lowest, 1);
        var values = new float[problem.QueryHeads * count];
        for (var head = 0; head < problem.QueryHeads; head++)
        {
            for (var i = 0; i < count; i++)
            {
                // Query and key whose difference after the first item's offset is this one; the bias looks at nothing else.
                values[(head * count) + i] = (float)bias.At(problem, 0, head, 0, lowest + i + offsets[0]);
            }
        }

        return new DeviceBias(values, count, 0, [.. offsets.Select(offset => -offset - lowest)]);
    }

    private static DeviceBias ByPair(AttentionProblem problem, ScoreBias bias)
    {
        var plane = problem.QueryLength * problem.KvLength;
        var (batches, heads) = bias is DenseBias dense
            ? (dense.Values.Shape[0], dense.Values.Shape[1])
            : (problem.Batch, problem.QueryHeads);
        var values = new float[checked(batches * heads * plane)];
        var next = 0;
        for (var b = 0; b < batches; b++)
        {
            for (var h = 0; h < heads; h++)
            {
                for (var q = 0; q < problem.QueryLength; q++)
                {
                    for (var k = 0; k < problem.KvLength; k++)
                    {
                        values[next++] = (float)bias.At(problem, b, h, q, k);
                    }
                }
            }
        }

        return new DeviceBias(values, heads == 1 ? 0 : plane, batches == 1 ? 0 : plane * heads, [0]);
    }
}
