using Stof.Reference.Operators;
using Stof.Reference.Tensors;

namespace Stof.Reference.Cpu.Simd.Attention;

/// <summary>
/// A score bias as rows of floats that a kernel adds sixteen at a time. A bias that depends on k − q alone (ALiBi, T5's
/// relative positions) becomes one table a head over all differences; row q is that table shifted by q. Any other bias
/// becomes a padded copy in float. A row is one query's, or, for a kernel with queries in the lanes, one key's.
/// </summary>
internal sealed unsafe class BiasRows
{
    private const int Padding = 32; // a tile's last register may reach this far beyond the last key

    private readonly GrowingFloats _values = new();
    private readonly long _batchStride;
    private readonly long _headStride;
    private readonly long _rowStride;
    private readonly long[] _origin;
    private readonly bool _byKey;

    private BiasRows(AttentionProblem problem, ScoreBias bias, bool byKey)
    {
        _byKey = byKey;
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
                _origin[b] = byKey ? lowest + count - 1 + offsets[b] : -offsets[b] - lowest;
            }

            FillDiagonals(bias, problem.QueryHeads, lowest, count);
            return;
        }

        var dense = (bias as DenseBias)?.Values;
        var batchSlices = dense is null ? problem.Batch : dense.Shape[0];
        var headSlices = dense is null ? problem.QueryHeads : dense.Shape[1];
        _rowStride = (byKey ? problem.QueryLength : problem.KvLength) + Padding;
        var slice = (byKey ? problem.KvLength : problem.QueryLength) * _rowStride;
        _headStride = headSlices == 1 ? 0 : slice;
        _batchStride = batchSlices == 1 ? 0 : slice * headSlices;
        FillDense(problem, bias, dense, batchSlices, headSlices);
    }

    /// <summary>The rows of the problem's bias, or null if it has none.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="byKey">False for rows of one query, true for rows of one key.</param>
    public static BiasRows? Of(AttentionProblem problem, bool byKey) =>
        problem.Bias is null ? null : new BiasRows(problem, problem.Bias, byKey);

    /// <summary>Row of one query (element k is the bias of key k), or of one key (element q is the bias of query q).</summary>
    public float* Row(int batch, int head, int row) =>
        _values.Pointer + _origin[batch] + (batch * _batchStride) + (head * _headStride) + (row * _rowStride);

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
                values[(h * _headStride) + (_byKey ? count - 1 - i : i)] = bias is AlibiBias alibi
                    ? (float)(-alibi.Slopes[h] * Math.Abs(difference))
                    : (float)table![bucket + h];
            }
        }
    }

    private void FillDense(AttentionProblem problem, ScoreBias bias, HostTensor? dense, int batchSlices, int headSlices)
    {
        var slice = (_byKey ? problem.KvLength : problem.QueryLength) * _rowStride;
        var values = _values.Reserve(batchSlices * headSlices * slice);
        var (queryStep, keyStep) = _byKey ? (1L, _rowStride) : (_rowStride, 1L);
        var wide = dense?.To(Numerics.DType.F32);
        var source = wide is null ? null : (float*)wide.Address;
        for (var b = 0; b < batchSlices; b++)
        {
            for (var h = 0; h < headSlices; h++)
            {
                for (var q = 0; q < problem.QueryLength; q++)
                {
                    var row = values + (q * queryStep);
                    for (var k = 0; k < problem.KvLength; k++)
                    {
                        row[k * keyStep] = source is null ? (float)bias.At(problem, b, h, q, k) : *source++;
                    }
                }

                values += slice;
            }
        }

        GC.KeepAlive(wide);
    }
}
