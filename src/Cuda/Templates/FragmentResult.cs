using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Templates;

/// <summary>The end of a block-wise kernel: rows as fragments hold them become outputs, or states of a range.</summary>
internal sealed class FragmentResult(
    KernelBuilder b, BlockwiseAttentionSpec spec, BlockwiseParameters parameters, WorkItem item, B32 warp, B32 lane)
{
    /// <summary>Stores what the warp's sixteen queries have come to.</summary>
    public void Store(FragmentState state)
    {
        var scale = parameters.Scores.IsPlain ? parameters.Scores.ScaleLogE : F32.Constant(1f);
        var place = b.And(lane, 3); // among the four lanes of a row
        for (var row = 0; row < 2; row++)
        {
            var query = item.Query(warp, lane, row);
            var sum = b.Add(state.Sums[row], b.ShuffleXor(state.Sums[row], 1));
            sum = b.Add(sum, b.ShuffleXor(sum, 2));

            // (−∞)·scale stays −∞: a scale here is positive.
            var maximum = b.Mul(state.Maxima[row], scale);
            var values = new F32[state.Output.Length * 2];
            for (var tile = 0; tile < state.Output.Length; tile++)
            {
                (values[2 * tile], values[(2 * tile) + 1]) = (state.Output[tile][2 * row], state.Output[tile][(2 * row) + 1]);
            }

            var softmax = SoftmaxState.Of(b.Copy(maximum), b.Copy(sum), values);
            var seen = b.Select<B32>(b.Compare(Comparison.Equal, sum, 0f), 0, 1);
            var (rowInTile, isThere) = (item.RowInTile(warp, lane, row), b.CompareU32(Comparison.Less, query, parameters.Queries));
            if (parameters.Parts is null)
            {
                b.If(isThere, () => StoreRow(query, place, seen, softmax));
            }
            else
            {
                b.If(
                    b.CompareS32(Comparison.Less, item.Part, 0),
                    () => b.If(isThere, () => StoreRow(query, place, seen, softmax)),
                    () => b.If(isThere, () => StorePart(b.Mad(item.Part, spec.QueryTile, rowInTile), place, seen, softmax)));
            }
        }
    }

    private void StoreRow(B32 query, B32 place, B32 seen, SoftmaxState state)
    {
        var row = b.Mad(b.Mad(item.Batch, parameters.Heads, item.Head), parameters.Queries, query);
        var output = RowResult.Finish(b, parameters.Result, row, item.Head, place, seen, SoftmaxState.Of(state.Maximum, state.Sum, [.. state.Output.Select(value => b.Copy(value))]));
        var address = parameters.O.Row(b, item.OutputPlane, query);
        var first = new GlobalPointer(b.Add(address.Base, b.ExtendU32(b.Shl(place, 2))), address.Offset);
        for (var tile = 0; tile < spec.ValueSize / MmaShape.Columns; tile++)
        {
            var (low, high) = (output[2 * tile], output[(2 * tile) + 1]);
            b.StoreGlobal(first + (tile * MmaShape.Columns * 2), b.PackPair(spec.Type, low, high));
        }
    }

    private void StorePart(B32 index, B32 place, B32 seen, SoftmaxState state)
    {
        var parts = parameters.Parts!;
        parts.Store(b, index, state.Maximum, state.Sum, seen, place);
        var address = parts.Row(b, index);
        var first = new GlobalPointer(b.Add(address.Base, b.ExtendU32(b.Shl(place, 3))), address.Offset);
        for (var tile = 0; tile < spec.ValueSize / MmaShape.Columns; tile++)
        {
            b.StoreGlobalVector<F32>(first + (tile * MmaShape.Columns * sizeof(float)), [state.Output[2 * tile], state.Output[(2 * tile) + 1]]);
        }
    }
}
