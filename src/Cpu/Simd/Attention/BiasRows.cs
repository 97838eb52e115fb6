using Stof.Reference.Operators;
using Stof.Reference.Tensors;

namespace Stof.Reference.Cpu.Simd.Attention;

/// <summary>
/// A score bias as rows of floats that a kernel adds sixteen at a time. A bias that depends on k − q alone (ALiBi, T5's
/// relative positions) becomes one table a head over all differences; row q is that table shifted by q. Any other bias
/// becomes a padded copy in float.
/// </summary>
internal sealed unsafe class BiasRows
{
    private const int Padding = 32; // a tile's last register may reach this far beyond the last key

    private readonly GrowingFloats _values = new();
    private readonly long _batchStride;
    private readonly long _headStride;
    private readonly long _rowStride;
    private readonly long[] _origin;

    private BiasRows(AttentionProblem problem, ScoreBias bias)
    {
        _origin = new long[problem.Batch];
        if (bias is AlibiBias or RelativeBias)
        {
            // Differences k − q − offset run from −(Sq − 1) − largest offset to Skv − 1 − smallest offset.
            var offsets = Enumerable.Range(0, problem.Batch).Select(problem.QueryOffset).ToArray();
            var lowest = -(problem.QueryLength - 1) - offsets.Max();
            var count = Math.Max(problem.KvLength - 1 - offsets.Min() - lowest + 1, 0);
            _headStride = count + Padding;
            _rowStride = -1;
            for (var b = 0; b < problem.Batch; b++)
            {
                _origin[b] = -offsets[b] - lowest;
            }

            FillDiagonals(bias, problem.QueryHeads, lowest, count);
            return;
        }

        var dense = (bias as DenseBias)?.Values;
        var batchSlices = dense is null ? problem.Batch : dense.Shape[0];
        var headSlices = dense is null ? problem.QueryHeads : dense.Shape[1];
        _rowStride = problem.KvLength + Padding;
        _headStride = headSlices == 1 ? 0 : problem.QueryLength * _rowStride;
        _batchStride = batchSlices == 1 ? 0 : problem.QueryLength * _rowStride * headSlices;
        FillDense(problem, bias, dense, batchSlices, headSlices);
    }

    /// <summary>The rows of the problem's bias, or null if it has none.</summary>
    public static BiasRows? Of(AttentionProblem problem) => problem.Bias is null ? null : new BiasRows(problem, problem.Bias);

    /// <summary>Row of one query: element k is the bias of key k.</summary>
    public float* Row(int batch, int head, int query) =>
        _values.Pointer + _origin[batch] + (batch * _batchStride) + (head * _headStride) + (query * _rowStride);

    private void FillDiagonals(ScoreBias bias, int heads, int lowest, int count)
    {
        var values = _values.Reserve(heads * _headStride);
        var table = (bias as RelativeBias)?.Table.ToDoubles();
        for (var i = 0; i < count; i++)
        {
            var difference = lowest + i;
            var bucket = bias is RelativeBias relative
                ? RelativeBias.Bucket(difference, relative.Table.Shape[0], relative.MaxDistance) * heads
                : 0;
            for (var h = 0; h < heads; h++)
            {
                values[(h * _headStride) + i] = bias is AlibiBias alibi
                    ? (float)(-alibi.Slopes[h] * Math.Abs(difference))
                    : (float)table![bucket + h];
            }
        }
    }

    private void FillDense(AttentionProblem problem, ScoreBias bias, HostTensor? dense, int batchSlices, int headSlices)
    {
        var values = _values.Reserve(batchSlices * headSlices * problem.QueryLength * _rowStride);
        var wide = dense?.To(Numerics.DType.F32);
        for (var b = 0; b < batchSlices; b++)
        {
            for (var h = 0; h < headSlices; h++)
            {
                for (var q = 0; q < problem.QueryLength; q++)
                {
                    var row = new Span<float>(values, problem.KvLength);
                    values += _rowStride;
                    if (wide is not null)
                    {
                        var start = ((((long)b * headSlices) + h) * problem.QueryLength + q) * problem.KvLength;
                        wide.Span<float>().Slice((int)start, problem.KvLength).CopyTo(row);
                        continue;
                    }

                    for (var k = 0; k < row.Length; k++)
                    {
                        row[k] = (float)bias.At(problem, b, h, q, k);
                    }
                }
            }
        }
    }
}
