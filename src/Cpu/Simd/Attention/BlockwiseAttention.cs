using Stof.Reference.Cpu.Threading;
using Stof.Reference.Formats;
using Stof.Reference.Numerics;
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
    /// <summary>
    /// Most keys that are summed from zero before their sum is added to l and o: one chain over all keys would lose an accuracy
    /// that grows with the length of the sequence.
    /// </summary>
    private const int SumKeys = 128;

    /// <summary>Keys after which l and o are settled: see <see cref="LaneStates"/>.</summary>
    private const int SettleKeys = 1024;

    /// <summary>What a part costs beside its pairs, counted in pairs.</summary>
    private const int PartPairs = 128;

    private readonly AttentionProblem _problem;
    private readonly BlockMask _mask;
    private readonly AttentionWorkspace _workspace;
    private readonly ScoreRule _rule;
    private readonly KvPanels _panels;
    private readonly AttentionPlans _plans;
    private readonly KeyBits _bits;
    private readonly bool _isPlain;
    private readonly float _unit;
    private readonly int _lanes;
    private readonly int _settleTiles;
    private readonly Action<int, int> _attend;
    private readonly Action<int, int> _merge;
    private readonly Func<int, int, int, bool> _hasKeys;
    private AttentionPlan _plan;
    private AttentionOperands _operands;
    private int[] _turns = [];
    private AttentionWave _wave = new([], [], []);

    public BlockwiseAttention(AttentionProblem problem, BlockMask mask, AttentionWorkspace workspace)
    {
        _problem = problem;
        _mask = mask;
        _workspace = workspace;
        _rule = new ScoreRule(problem, byKey: true);
        _panels = new KvPanels(problem, mask.Tile.Columns, workspace);
        _plans = new AttentionPlans(
            panelFloats => AttentionPlan.Create(problem, mask, panelFloats, Blocks, Cost, problem.KvSplits), _panels.PanelFloats);
        _plan = _plans.For(_panels.MayLieInPlace);
        _bits = new KeyBits(mask);

        // Where a score is the product times a positive factor, the queries take the factor.
        _isPlain = !_rule.HasMoreThanScale && _rule.Scale > 0f;
        _unit = _isPlain ? _rule.Scale * BaseTwo.PerNatural : 1f;
        _lanes = Lanes.RoundUp(mask.Tile.Rows);
        _settleTiles = Math.Max(1, SettleKeys / mask.Tile.Columns);
        _attend = Attend;
        _merge = Merge;
        _hasKeys = HasKeys;
    }

    public double Imbalance(int workers) => _plan.Imbalance(workers);

    public void Run(in AttentionOperands operands, WorkerPool pool)
    {
        _operands = operands;
        _plan = _plans.For(_panels.LieInPlace(operands));
        _panels.Bind(operands, _plan.Slots);
        _workspace.Scratch.Reserve(ScratchFloats * pool.Threads);
        if (_problem.KvSplits > 1)
        {
            _workspace.Partial.Reserve(StateFloats * _plan.LargestWave);
        }

        for (var wave = 0; wave < _plan.Waves.Count; wave++)
        {
            (_wave, _turns) = (_plan.Waves[wave], _plan.Turns(wave, pool.Threads));
            if (!_panels.IsInPlace)
            {
                _panels.Pack(_wave.Panels, pool);
            }

            pool.Run(_turns.Length - 1, _attend);
            if (_problem.KvSplits > 1)
            {
                pool.Run(_wave.Blocks.Length, _merge);
            }
        }

        _operands = default;
        _panels.Release();
    }

    private TileShape Tile => _mask.Tile;

    private long QueryFloats => (long)_problem.HeadSize * _lanes;

    private long ScoreFloats => (long)Tile.Columns * _lanes;

    private long StateFloats => LaneStates.Floats(_lanes, _problem.ValueSize);

    // Four rows on their way into or out of the lanes.
    private long StagingFloats => 4L * Math.Max(_panels.KeyStride, _panels.ValueStride);

    private long ScratchFloats => QueryFloats + ScoreFloats + StateFloats + StagingFloats;

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

    private float* Queries(int worker) => _workspace.Scratch.Pointer + (worker * ScratchFloats);

    private float* Scores(int worker) => Queries(worker) + QueryFloats;

    private LaneStates Own(int worker) => new(Scores(worker) + ScoreFloats, _lanes, _problem.ValueSize);

    private LaneStates Partial(int index) => new(_workspace.Partial.Pointer + (index * StateFloats), _lanes, _problem.ValueSize);

    private float* Staging(int worker) => Scores(worker) + ScoreFloats + StateFloats;

    private static long Cost(AttentionTask task) => task.End - task.Start;

    private void Attend(int turn, int worker)
    {
        for (var task = _turns[turn]; task < _turns[turn + 1]; task++)
        {
            Attend(_wave.Tasks[task], _wave.Tasks[Math.Min(task + 1, _wave.Tasks.Length - 1)], worker);
        }
    }

    private void Attend(AttentionTask task, AttentionTask next, int worker)
    {
        var state = _problem.KvSplits > 1 ? Partial(task.State) : Own(worker);
        QueryLanes.Gather(
            _operands.Query, task.Batch, task.Head, task.Query, task.Rows, _problem.HeadSize, Queries(worker), _lanes, Staging(worker));
        if (_isPlain)
        {
            Scale(Queries(worker));
        }

        state.Clear();
        var settled = task.Start;
        for (var entry = task.Start; entry < task.End; entry++)
        {
            if (entry - settled == _settleTiles)
            {
                state.Settle<TLanes, TVector>(isFirst: settled == task.Start);
                settled = entry;
            }

            AskAhead(task, next, entry);
            AddTile(task, next, entry, worker, state);
        }

        if (settled > task.Start)
        {
            state.Collect<TLanes, TVector>();
        }

        if (_problem.KvSplits <= 1)
        {
            Finish(task, worker, state);
        }
    }

    /// <summary>
    /// Asks for what lies at a task's ends, a tile's share of it: the output, which must be read before it is overwritten, and the
    /// queries of the task that this worker probably takes next.
    /// </summary>
    private void AskAhead(AttentionTask task, AttentionTask next, int entry)
    {
        var (tile, tiles) = (entry - task.Start, task.End - task.Start);
        var first = (int)((long)task.Rows * tile / tiles);
        var end = (int)((long)task.Rows * (tile + 1) / tiles);
        _operands.Output.Ask(task.Batch, task.Head, task.Query + first, end - first, _problem.ValueSize);
        _operands.Query.Ask(next.Batch, next.Head, next.Query + first, Math.Min(end, next.Rows) - first, _problem.HeadSize);
    }

    private void Scale(float* queries)
    {
        var unit = TLanes.Create(_unit);
        for (var at = queries; at < queries + QueryFloats; at += TLanes.Width)
        {
            TLanes.Store(TLanes.Multiply(TLanes.Load(at), unit), at);
        }
    }

    /// <summary>Adds a tile: whole if it is full, else in parts around the pairs that are allowed.</summary>
    private void AddTile(AttentionTask task, AttentionTask after, int entry, int worker, in LaneStates state)
    {
        var panel = Panel(task, entry);
        var next = entry + 1 < task.End ? Panel(task, entry + 1) : after.Start < after.End ? Panel(after, after.Start) : panel;
        var at = new TilePlace(task.Batch, task.Head, task.Query, panel.Column * Tile.Columns);
        if (_mask.LoadPartIdx[entry] < 0)
        {
            Add(panel, next, at, new TilePart(0, _lanes, 0, Tile.Columns), default, isMasked: false, worker, state);
            return;
        }

        // Sixteen queries need the keys between their first and their last. Neighbours are computed together while that adds no more
        // than another part costs.
        var bits = new TileBits(_bits.Tile(_mask.LoadPartIdx[entry]), Tile.Rows / TileShape.Inner);
        var tileKeys = Math.Min(Tile.Columns, _problem.KvLength - at.Key);
        var (query, queries, first, end, needed) = (0, 0, 0, 0, 0);
        for (var q = 0; q < _lanes; q += Lanes.Count)
        {
            var (itsFirst, itsEnd) = bits.Keys(q);
            var (jointFirst, jointEnd) = (Math.Min(first, itsFirst), Math.Max(end, itsEnd));
            var keys = itsEnd - itsFirst;
            if (queries > 0 && keys > 0
                && (jointEnd - jointFirst) * (queries + Lanes.Count) <= needed + (keys * Lanes.Count) + PartPairs)
            {
                (queries, first, end, needed) = (queries + Lanes.Count, jointFirst, jointEnd, needed + (keys * Lanes.Count));
                continue;
            }

            if (queries > 0)
            {
                Add(panel, next, at, new TilePart(query, queries, first, Math.Min(end, tileKeys) - first), bits, isMasked: true, worker, state);
            }

            (query, queries, first, end, needed) = (q, keys > 0 ? Lanes.Count : 0, itsFirst, itsEnd, keys * Lanes.Count);
        }

        if (queries > 0)
        {
            Add(panel, next, at, new TilePart(query, queries, first, Math.Min(end, tileKeys) - first), bits, isMasked: true, worker, state);
        }
    }

    private PanelTask Panel(AttentionTask task, int entry)
    {
        var column = _mask.LoadColIdx[entry];
        var kvHead = _problem.KvHeadOf(task.Head);
        return new PanelTask(task.Batch, kvHead, column, _plan.Slot((task.Batch * _problem.KvHeads) + kvHead, column));
    }

    private void Add(
        in PanelTask panel, in PanelTask next, TilePlace at, TilePart part, TileBits bits, bool isMasked, int worker, in LaneStates state)
    {
        for (var key = 0; key < part.Keys; key += SumKeys)
        {
            var sum = part with { Key = part.Key + key, Keys = Math.Min(SumKeys, part.Keys - key) };
            AddSum(panel, next, at, sum, bits, isMasked, worker, state);
        }
    }

    private void AddSum(
        in PanelTask panel, in PanelTask next, TilePlace at, TilePart part, TileBits bits, bool isMasked, int worker, in LaneStates state)
    {
        var scores = Scores(worker) + ((long)part.Key * _lanes) + part.Query;
        var candidates = state.Candidate + part.Query;
        new Span<float>(candidates, part.Queries).Fill(float.NegativeInfinity);
        var product = new LaneOperands
        {
            A = _panels.Keys(panel) + ((long)part.Key * _panels.KeyStride),
            RowStep = _panels.KeyStride,
            DepthStep = 1,
            B = Queries(worker) + part.Query,
            C = scores,
            Stride = _lanes,
            Depth = _problem.HeadSize,
            Ahead = (byte*)(_panels.Keys(next) + ((long)part.Key * _panels.KeyStride)),
            Largest = _isPlain && !isMasked ? candidates : null,
        };
        LaneProduct.Run<TLanes, TVector>(in product, part.Keys, part.Queries);
        if (!_isPlain)
        {
            BlockwiseTile.Apply<TLanes, TVector>(scores, _lanes, part, _rule, at);
        }

        if (isMasked)
        {
            BlockwiseTile.Mask<TLanes, TVector>(scores, _lanes, part, bits, candidates);
        }
        else if (!_isPlain)
        {
            BlockwiseTile.FindLargest<TLanes, TVector>(scores, _lanes, part, candidates);
        }

        state.Advance<TLanes, TVector>(part.Query, part.Queries);
        BlockwiseTile.Weigh<TLanes, TVector>(scores, part, state);
        var values = _panels.Values(panel) + ((long)part.Key * _panels.ValueStride);
        if (isMasked && _panels.HasValueNotFinite<TLanes, TVector>(panel))
        {
            BlockwiseTile.AddAllowed<TLanes, TVector>(
                scores, part, bits, values, _panels.ValueStride, _problem.ValueSize, state);
            return;
        }

        product = new LaneOperands
        {
            A = values,
            RowStep = 1,
            DepthStep = _panels.ValueStride,
            B = scores,
            C = state.Output + part.Query,
            Stride = _lanes,
            Depth = part.Keys,
            Ahead = (byte*)(_panels.Values(next) + ((long)part.Key * _panels.ValueStride)),
            IsAdded = true,
        };
        LaneProduct.Run<TLanes, TVector>(in product, _problem.ValueSize, part.Queries);
    }

    private void Merge(int index, int worker)
    {
        var block = _wave.Blocks[index];
        var state = Partial(block.State);
        for (var split = 1; split < _problem.KvSplits; split++)
        {
            state.Merge<TLanes, TVector>(Partial(block.State + split));
        }

        Finish(block, worker, state);
    }

    private void Finish(AttentionTask block, int worker, in LaneStates state)
    {
        var hasValues = false;
        new Span<float>(state.Factor, _lanes).Clear();
        for (var query = 0; query < block.Rows; query++)
        {
            var (factor, isValue) = RowFinish.Factor(
                _problem,
                _operands,
                block.Batch,
                block.Head,
                block.Query + query,
                state.Largest[query] * BaseTwo.ToNatural,
                state.Sum[query],
                _hasKeys);
            state.Factor[query] = factor;
            hasValues |= isValue;
        }

        state.Scale<TLanes, TVector>(hasValues);
        var rows = Staging(worker);
        for (var first = 0; first < block.Rows; first += 4)
        {
            var output = _operands.Output.Row(block.Batch, block.Head, block.Query + first);
            if (_problem.Type == DType.F32 && first + 4 <= block.Rows)
            {
                QueryLanes.Scatter(state.Output + first, _lanes, _problem.ValueSize, (float*)output, _operands.Output.RowStride);
                continue;
            }

            QueryLanes.Scatter(state.Output + first, _lanes, _problem.ValueSize, rows, _panels.ValueStride);
            for (var query = first; query < Math.Min(first + 4, block.Rows); query++)
            {
                RowConversion.Narrow(
                    _problem.Type,
                    rows + ((query - first) * _panels.ValueStride),
                    _operands.Output.Row(block.Batch, block.Head, block.Query + query),
                    _problem.ValueSize);
            }
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
