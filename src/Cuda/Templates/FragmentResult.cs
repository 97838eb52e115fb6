using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Templates;

/// <summary>The end of a block-wise kernel: rows as fragments hold them become outputs, or states of a range.</summary>
/// <param name="b">The kernel.</param>
/// <param name="spec">What it is built for.</param>
/// <param name="parameters">Its parameters.</param>
/// <param name="item">The block's work.</param>
/// <param name="queryTile">Where Q lay in shared memory: each warp's rows are its own now.</param>
/// <param name="strip">Number of the strip of sixteen queries in the tile row.</param>
/// <param name="lane">Number of the lane.</param>
internal sealed class FragmentResult(
    KernelBuilder b, BlockwiseAttentionSpec spec, BlockwiseParameters parameters, WorkItem item, SharedPointer queryTile, B32 strip, B32 lane)
{
    private const int ChunkBytes = 16;
    private const int WarpLanes = 32;

    private readonly B32 _place = b.And(lane, 3); // among the four lanes of a row
    private readonly int _pitch = spec.ValueRow.Pitch;

    // The strip's rows lie behind those of the strips before it.
    private readonly B32 _rows = b.Add(queryTile.Base, b.MulLo(strip, MmaShape.Rows * spec.ValueRow.Pitch));

    /// <summary>Stores what the strip's sixteen queries have come to.</summary>
    public void Store(FragmentState state)
    {
        SoftmaxState[] rows = [state.Row(0), state.Row(1)];
        if (parameters.Parts is null)
        {
            StoreRows(rows);
        }
        else
        {
            b.If(b.CompareS32(Comparison.Less, item.Part, 0), () => StoreRows(rows), () => StoreParts(rows));
        }
    }

    // Through shared memory, so that what reaches the output are sixteen bytes a lane, whole rows at a time.
    private void StoreRows(SoftmaxState[] rows)
    {
        b.WarpSync(); // all lanes have read Q
        for (var row = 0; row < 2; row++)
        {
            var query = item.Query(strip, lane, row);
            var isThere = b.CompareU32(Comparison.Less, query, parameters.Queries);
            var index = b.Mad(b.Mad(item.Batch, parameters.Heads, item.Head), parameters.Queries, query);
            var output = RowResult.Finish(b, parameters.Result, index, item.Head, b.Select(isThere, _place, 1), Seen(rows[row]), rows[row].Copied(b));
            var address = new SharedPointer(b.Add(_rows, b.Mad(b.Add(b.ShrU32(lane, 2), 8 * row), _pitch, b.Shl(_place, 2))), queryTile.Offset);
            for (var tile = 0; tile < spec.ValueSize / MmaShape.Columns; tile++)
            {
                b.StoreShared(address + (tile * ChunkBytes), b.PackPair(spec.Type, output[2 * tile], output[(2 * tile) + 1]));
            }
        }

        b.WarpSync();
        var chunks = spec.ValueSize * 2 / ChunkBytes; // of a row

        // All loads, then all stores: in turns each would wait for the one before.
        var stores = Enumerable.Range(0, ((MmaShape.Rows * chunks) + WarpLanes - 1) / WarpLanes).Select(i => Chunk(i * WarpLanes, chunks)).ToArray();
        foreach (var (isThere, address, words) in stores)
        {
            using (b.When(isThere))
            {
                b.StoreGlobalVector<B32>(address, words);
            }
        }
    }

    // The lane's sixteen bytes of a pass, and where they go.
    private (Pred IsThere, GlobalPointer Address, B32[] Words) Chunk(int start, int chunks)
    {
        var index = b.Add(lane, start);
        var row = b.DivU32(index, chunks);
        var chunk = b.Shl(b.RemU32(index, chunks), 4);
        var query = b.Add(item.FirstQuery, b.Mad(strip, MmaShape.Rows, row));
        var isThere = b.CompareU32(Comparison.Less, query, parameters.Queries);
        var place = new SharedPointer(b.Add(_rows, b.Mad(row, _pitch, chunk)), queryTile.Offset);
        B32[] words;
        if (start + WarpLanes <= MmaShape.Rows * chunks)
        {
            words = b.LoadSharedVector<B32>(place, 4);
        }
        else
        {
            isThere = b.And(isThere, b.CompareU32(Comparison.Less, row, MmaShape.Rows));
            using (b.When(isThere))
            {
                words = b.LoadSharedVector<B32>(place, 4);
            }
        }

        var address = parameters.O.Row(b, item.OutputPlane, query);
        return (isThere, new GlobalPointer(b.Add(address.Base, b.ExtendU32(chunk)), address.Offset), words);
    }

    private void StoreParts(SoftmaxState[] rows)
    {
        var parts = parameters.Parts!;
        for (var row = 0; row < 2; row++)
        {
            var state = rows[row];
            b.If(
                b.CompareU32(Comparison.Less, item.Query(strip, lane, row), parameters.Queries),
                () =>
                {
                    var index = b.Mad(item.Part, spec.QueryTile, item.RowInTile(strip, lane, row));
                    parts.Store(b, index, state.Maximum, state.Sum, Seen(state), _place);
                    var address = parts.Row(b, index);
                    var first = new GlobalPointer(b.Add(address.Base, b.ExtendU32(b.Shl(_place, 3))), address.Offset);
                    for (var tile = 0; tile < spec.ValueSize / MmaShape.Columns; tile++)
                    {
                        b.StoreGlobalVector<F32>(first + (tile * MmaShape.Columns * sizeof(float)), [state.Output[2 * tile], state.Output[(2 * tile) + 1]]);
                    }
                });
        }
    }

    // Keys that took part, as far as it matters: none or some.
    private B32 Seen(SoftmaxState state) => b.Select<B32>(b.Compare(Comparison.Equal, state.Sum, 0f), 0, 1);
}
