using Stof.Reference.Formats;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;

namespace Stof.Reference.Cpu.Simd.Attention;

/// <summary>The last step of a block of the block-wise kernel: from its state to rows of the output.</summary>
internal sealed unsafe class BlockwiseEnd<TLanes, TVector>
    where TLanes : struct, IVectorLanes<TVector>
    where TVector : struct
{
    private readonly AttentionProblem _problem;
    private readonly BlockMask _mask;
    private readonly int _valueStride;
    private readonly Func<int, int, int, bool> _hasKeys;

    public BlockwiseEnd(AttentionProblem problem, BlockMask mask, int valueStride)
    {
        (_problem, _mask, _valueStride) = (problem, mask, valueStride);
        _hasKeys = HasKeys;
    }

    /// <summary>Writes a block's rows and their log-sum-exp.</summary>
    /// <param name="block">The block.</param>
    /// <param name="state">Its state; spent afterwards.</param>
    /// <param name="operands">Where to write.</param>
    /// <param name="rows">Room for four rows of padded values.</param>
    public void Write(AttentionTask block, in LaneStates state, in AttentionOperands operands, float* rows)
    {
        var hasValues = false;
        new Span<float>(state.Factor, state.Stride).Clear();
        for (var query = 0; query < block.Rows; query++)
        {
            var (largest, sum, shrink) = Normalized(state.Largest[query], state.Sum[query]);
            var (factor, isValue) = RowFinish.Factor(
                _problem, operands, block.Batch, block.Head, block.Query + query, largest * BaseTwo.ToNatural, sum, _hasKeys);
            state.Factor[query] = isValue ? factor : factor * shrink;
            hasValues |= isValue;
        }

        state.Scale<TLanes, TVector>(hasValues);
        for (var first = 0; first < block.Rows; first += 4)
        {
            var output = operands.Output.Row(block.Batch, block.Head, block.Query + first);
            if (_problem.Type == DType.F32 && first + 4 <= block.Rows)
            {
                QueryLanes.Scatter(state.Output + first, state.Stride, _problem.ValueSize, (float*)output, operands.Output.RowStride);
                continue;
            }

            QueryLanes.Scatter(state.Output + first, state.Stride, _problem.ValueSize, rows, _valueStride);
            for (var query = first; query < Math.Min(first + 4, block.Rows); query++)
            {
                RowConversion.Narrow(
                    _problem.Type,
                    rows + ((query - first) * _valueStride),
                    operands.Output.Row(block.Batch, block.Head, block.Query + query),
                    _problem.ValueSize);
            }
        }
    }

    /// <summary>
    /// (m, l) as (m + e, l·2^−e) with 1 ≤ l·2^−e &lt; 2, and the factor 2^−e of o: what is the same whatever m was. A row without keys has m = −∞.
    /// </summary>
    private static (float Largest, float Sum, float Shrink) Normalized(float largest, float sum)
    {
        if (!float.IsNormal(sum))
        {
            return (sum == 0f ? float.NegativeInfinity : largest, sum, 1f);
        }

        var exponent = MathF.ILogB(sum);
        var shrink = BitConverter.Int32BitsToSingle((127 - exponent) << 23);
        return (largest + exponent, sum * shrink, shrink);
    }

    private bool HasKeys(int batch, int head, int query)
    {
        var row = (_mask.Slice(batch, head) * _mask.TileRows) + (query / _mask.Tile.Rows);
        for (var entry = _mask.LoadRowPtr[row]; entry < _mask.LoadRowPtr[row + 1]; entry++)
        {
            var first = _mask.LoadColIdx[entry] * _mask.Tile.Columns;
            for (var key = first; key < Math.Min(first + _mask.Tile.Columns, _problem.KvLength); key++)
            {
                if (_mask.Allows(batch, head, query, key))
                {
                    return true;
                }
            }
        }

        return false;
    }
}
