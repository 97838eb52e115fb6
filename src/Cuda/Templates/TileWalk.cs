using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Templates;

/// <summary>
/// A block's way along the tiles that its item lists: keys and values of the next tiles are on their way into shared memory while one is computed,
/// and what the lists say of a tile is asked for a tile ahead.
/// </summary>
internal sealed class TileWalk
{
    private readonly KernelBuilder _b;
    private readonly BlockwiseAttentionSpec _spec;
    private readonly BlockwiseParameters _p;
    private readonly WorkItem _item;
    private readonly TileCopy _keyCopy;
    private readonly TileCopy _valueCopy;
    private readonly B32 _group;
    private readonly StagedTile _keys;
    private readonly StagedTile _values;
    private readonly B32 _next;
    private readonly B32 _nextColumn;

    /// <summary>Reserves the rings and asks for the queries and the first tiles.</summary>
    /// <param name="builder">The kernel.</param>
    /// <param name="spec">What it is built for.</param>
    /// <param name="parameters">Its parameters.</param>
    /// <param name="item">The block's work.</param>
    /// <param name="thread">Number of the thread in the block.</param>
    /// <param name="group">Number of the thread's group (<see cref="BlockwiseAttentionSpec.KeyGroups"/>).</param>
    /// <param name="queryTile">Where the queries go.</param>
    public TileWalk(
        KernelBuilder builder, BlockwiseAttentionSpec spec, BlockwiseParameters parameters, WorkItem item, B32 thread, B32 group, SharedPointer queryTile)
    {
        (_b, _spec, _p, _item, _group) = (builder, spec, parameters, item, group);
        var groupThreads = spec.GroupWarps * 32;
        var member = spec.KeyGroups == 1 ? thread : _b.And(thread, groupThreads - 1);
        _keyCopy = new TileCopy(builder, member, groupThreads, spec.KeyRow, item.KeyPlane, parameters.K.RowStride, parameters.Keys, spec.KeyTile);
        _valueCopy = new TileCopy(builder, member, groupThreads, spec.ValueRow, item.ValuePlane, parameters.V.RowStride, parameters.Keys, spec.KeyTile);
        var queryCopy = new TileCopy(
            builder, thread, spec.Warps * 32, spec.KeyRow, item.QueryPlane, parameters.Q.RowStride, parameters.Queries, spec.QueryTile);
        Tiles = _b.AddressOf(_b.Shared("tiles", spec.TileBytes));
        _keys = Ring(0, spec.KeyRow);
        _values = Ring(spec.Stages * spec.KeyTile * spec.KeyRow.Pitch, spec.ValueRow);
        _next = _b.Copy(item.Own(item.Entry));
        _nextColumn = _b.Copy(Column(_next));

        // Lists and bitmaps came with the mask; queries, keys and values may come from the kernel in front.
        _b.AwaitPrevious();
        if (spec.LetsNextStartEarly)
        {
            _b.LetNextStart();
        }

        queryCopy.Ask(queryTile, item.FirstQuery);
        for (var stage = 0; stage < spec.Stages - 1; stage++)
        {
            AskNext();
        }
    }

    /// <summary>The rings; free behind the loop and a barrier.</summary>
    public SharedPointer Tiles { get; }

    /// <summary>K of the tile at hand.</summary>
    public SharedPointer Keys => _keys.Current;

    /// <summary>V of the tile at hand.</summary>
    public SharedPointer Values => _values.Current;

    /// <summary>The tile column of an entry; of the last one beyond the end, so that it can be asked for ahead.</summary>
    public B32 Column(B32 entry) => _b.LoadGlobal<B32>(_b.Element(_p.LoadColumns, _item.Clamped(entry), sizeof(int)));

    /// <summary>Waits for the queries, which came with the first tile.</summary>
    public void AwaitQueries()
    {
        _b.WaitCopies(_spec.Stages - 2);
        _b.Barrier();
    }

    /// <summary>Writes the loop over the tiles: a round is one tile of each group.</summary>
    /// <param name="body">Computes one tile; takes its entry.</param>
    public void Each(Action<B32> body)
    {
        var entry = _b.Copy(_item.Entry);
        _b.While(
            () => _b.CompareS32(Comparison.Less, entry, _item.End),
            () =>
            {
                _b.WaitCopies(_spec.Stages - 2);
                _b.Barrier();
                AskNext();
                if (_spec.KeyGroups == 1)
                {
                    body(entry);
                }
                else
                {
                    var own = _item.Own(entry);
                    _b.If(_b.CompareS32(Comparison.Less, own, _item.End), () => body(own));
                }

                _keys.Advance();
                _values.Advance();
                _b.Assign(entry, _b.Add(entry, _spec.KeyGroups));
            });
        _b.WaitAllCopies();
    }

    private StagedTile Ring(int offset, TileRow row)
    {
        var first = Tiles + offset;
        return new StagedTile(
            _b, _spec.KeyGroups == 1 ? first : new SharedPointer(_b.Mad(_group, _spec.GroupTileBytes, first.Base), first.Offset), _spec.KeyTile * row.Pitch, _spec.Stages);
    }

    // Asks for the next listed tile, if there is one; what is asked for counts as a group either way. Its column is known already, and that of
    // the one after it is asked for.
    private void AskNext()
    {
        _b.If(
            _b.CompareS32(Comparison.Less, _next, _item.End),
            () =>
            {
                var first = _b.MulLo(_nextColumn, _spec.KeyTile);
                _keyCopy.Ask(_keys.Filling, first);
                _valueCopy.Ask(_values.Filling, first);
            });
        _b.CommitCopies();
        _keys.Fill();
        _values.Fill();
        _b.Assign(_next, _b.Add(_next, _spec.KeyGroups));
        _b.Assign(_nextColumn, Column(_next));
    }
}
