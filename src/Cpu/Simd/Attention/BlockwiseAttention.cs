using Stof.Reference.Cpu.Threading;
using Stof.Reference.Formats;
using Stof.Reference.Operators;

namespace Stof.Reference.Cpu.Simd.Attention;

/// <summary>
/// STOF's block-wise kernel on a CPU: one task is a block of BM queries of one head; it walks the block's loaded tiles in
/// ascending order, and for each computes scores, mask, online softmax and the update of the output. Bitmaps are read in part
/// tiles only. Source: "Accelerating Sparse Transformer Inference on GPU" (PPoPP'26); the recurrence is that of Milakov and
/// Gimelshein 2018 and FlashAttention (Dao et al. 2022).
/// <para>Weights stay in float between softmax and the second product, whatever the storage type.</para>
/// </summary>
internal sealed unsafe class BlockwiseAttention<TLanes, TVector> : IAttentionExecutor
    where TLanes : struct, IVectorLanes<TVector>
    where TVector : struct
{
    private readonly AttentionProblem _problem;
    private readonly BlockMask _mask;
    private readonly AttentionWorkspace _workspace;
    private readonly ScoreRule _rule;
    private readonly KvPanels _panels;
    private readonly AttentionPlan _plan;
    private readonly long _stateFloats;
    private readonly byte[] _allKeys;
    private readonly Action<int, int> _pack;
    private readonly Action<int, int> _attend;
    private readonly Action<int, int> _merge;
    private readonly Func<int, int, int, bool> _hasKeys;
    private AttentionOperands _operands;
    private AttentionWave _wave = new([], [], []);

    public BlockwiseAttention(AttentionProblem problem, BlockMask mask, AttentionWorkspace workspace)
    {
        _problem = problem;
        _mask = mask;
        _workspace = workspace;
        _rule = new ScoreRule(problem);
        _panels = new KvPanels(problem, mask.Tile.Columns, KeyPanelOrder.Transposed, workspace);
        _plan = AttentionPlan.Create(
            problem, mask, _panels.PanelFloats, Blocks, task => task.End - task.Start, problem.KvSplits);
        _stateFloats = RowStates.Floats(mask.Tile.Rows, _panels.ValueStride);

        // A full tile whose width is not a multiple of the lanes has padding to mask: it gets a bitmap of ones.
        _allKeys = mask.Tile.Columns % Lanes.Count == 0 ? [] : new byte[mask.Tile.WordsPerTile * sizeof(ulong)];
        Array.Fill(_allKeys, byte.MaxValue);
        _pack = Pack;
        _attend = Attend;
        _merge = Merge;
        _hasKeys = HasKeys;
    }

    public void Run(in AttentionOperands operands, WorkerPool pool)
    {
        _operands = operands;
        _panels.Reserve(_plan.Slots, pool.Threads);
        _workspace.Scratch.Reserve(ScratchFloats * pool.Threads);
        if (_problem.KvSplits > 1)
        {
            _workspace.Partial.Reserve(_stateFloats * _plan.LargestWave);
        }

        foreach (var wave in _plan.Waves)
        {
            _wave = wave;
            pool.Run(wave.Panels.Length, _pack);
            pool.Run(wave.Tasks.Length, _attend);
            if (_problem.KvSplits > 1)
            {
                pool.Run(wave.Blocks.Length, _merge);
            }
        }

        _operands = default;
    }

    private TileShape Tile => _mask.Tile;

    private long QueryFloats => Lanes.RoundUp(Tile.Rows * _problem.HeadSize);

    private long ScoreFloats => (long)Tile.Rows * _panels.KeyStride;

    private long ScratchFloats => QueryFloats + ScoreFloats + _stateFloats;

    private IEnumerable<AttentionTask> Blocks(int batch, int head)
    {
        for (var r = 0; r < _mask.TileRows; r++)
        {
            var row = (_mask.Slice(batch, head) * _mask.TileRows) + r;
            var query = r * Tile.Rows;
            var rows = Math.Min(Tile.Rows, _problem.QueryLength - query);
            yield return new AttentionTask(batch, head, query, rows, _mask.LoadRowPtr[row], _mask.LoadRowPtr[row + 1], 0);
        }
    }

    private void Pack(int index, int worker)
    {
        var panel = _wave.Panels[index];
        _panels.Pack<TLanes, TVector>(_operands, panel.Batch, panel.KvHead, panel.Column, panel.Slot, worker);
    }

    private RowStates Partial(int index) =>
        new(_workspace.Partial.Pointer + (index * _stateFloats), Tile.Rows, _panels.ValueStride);

    private void Attend(int index, int worker)
    {
        var task = _wave.Tasks[index];
        var queries = _workspace.Scratch.Pointer + (worker * ScratchFloats);
        var scores = queries + QueryFloats;
        var split = _problem.KvSplits > 1;
        var state = split ? Partial(task.State) : new RowStates(scores + ScoreFloats, Tile.Rows, _panels.ValueStride);
        for (var r = 0; r < task.Rows; r++)
        {
            RowConversion.Widen(
                _problem.Type,
                _operands.Query.Row(task.Batch, task.Head, task.Query + r),
                queries + (r * _problem.HeadSize),
                _problem.HeadSize);
        }

        state.Clear();
        if (task.Start == task.End)
        {
            state.ClearOutput(task.Rows);
        }

        fixed (ulong* bitmaps = _mask.Bitmaps)
        {
            fixed (byte* allKeys = _allKeys)
            {
                for (var entry = task.Start; entry < task.End; entry++)
                {
                    var part = _mask.LoadPartIdx[entry];
                    var bytes = part < 0 ? allKeys : (byte*)(bitmaps + ((long)part * Tile.WordsPerTile));
                    AddTile(task, entry, new TileBits(bytes, Tile.Rows, Tile.Columns / TileShape.Inner), queries, scores, state);
                }
            }
        }

        state.AddLanes(task.Rows);
        if (!split)
        {
            Finish(task, state);
        }
    }

    private void AddTile(AttentionTask task, int entry, TileBits bits, float* queries, float* scores, in RowStates state)
    {
        var column = _mask.LoadColIdx[entry];
        var slot = _plan.Slot((task.Batch * _problem.KvHeads) + _problem.KvHeadOf(task.Head), column);
        var place = new TilePlace(task.Batch, task.Head, task.Query, column * Tile.Columns);
        var keys = Math.Min(Tile.Columns, _problem.KvLength - place.Key);
        var columns = Lanes.RoundUp(keys);
        var (size, stride, valueStride) = (_problem.HeadSize, _panels.KeyStride, _panels.ValueStride);

        TileProduct.Run<TLanes, TVector>(queries, size, _panels.Keys(slot), stride, scores, stride, null, task.Rows, columns, size);
        BlockwiseTile.Score<TLanes, TVector>(scores, stride, task.Rows, columns, bits, _rule, place, state);
        state.Advance<TLanes, TVector>(task.Rows);
        BlockwiseTile.Weigh<TLanes, TVector>(scores, stride, task.Rows, columns, state);

        var factor = entry == task.Start ? null : state.Factor;
        if (bits.Select && _panels.HasValueNotFinite(slot))
        {
            BlockwiseTile.AddAllowed<TLanes, TVector>(scores, stride, task.Rows, keys, bits, _panels.Values(slot), factor, state);
        }
        else
        {
            TileProduct.Run<TLanes, TVector>(
                scores, stride, _panels.Values(slot), valueStride, state.Output, valueStride, factor, task.Rows, valueStride, keys);
        }
    }

    private void Merge(int index, int worker)
    {
        var block = _wave.Blocks[index];
        var state = Partial(block.State);
        for (var split = 1; split < _problem.KvSplits; split++)
        {
            state.Merge<TLanes, TVector>(Partial(block.State + split), block.Rows);
        }

        Finish(block, state);
    }

    private void Finish(AttentionTask block, in RowStates state)
    {
        for (var r = 0; r < block.Rows; r++)
        {
            RowFinish.Store<TLanes, TVector>(
                _problem,
                _operands,
                block.Batch,
                block.Head,
                block.Query + r,
                state.Largest[r],
                state.Sum[r],
                state.Output + (r * state.ValueStride),
                _hasKeys);
        }
    }

    private bool HasKeys(int batch, int head, int query)
    {
        var row = (_mask.Slice(batch, head) * _mask.TileRows) + (query / Tile.Rows);
        for (var entry = _mask.LoadRowPtr[row]; entry < _mask.LoadRowPtr[row + 1]; entry++)
        {
            var first = _mask.LoadColIdx[entry] * Tile.Columns;
            for (var key = first; key < Math.Min(first + Tile.Columns, _problem.KvLength); key++)
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
