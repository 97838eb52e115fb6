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
    /// <summary>
    /// Most keys that are summed from zero before their sum is added to l and o: one chain over all keys would lose an accuracy
    /// that grows with the length of the sequence.
    /// </summary>
    private const int SumKeys = 128;

    /// <summary>Keys after which l and o are settled: see <see cref="LaneStates"/>.</summary>
    private const int SettleKeys = 1024;

    /// <summary>
    /// Largest score, in powers of two, that needs no reference: weights and their sums then lie far inside the range of a float. By Cauchy and
    /// Schwarz no score is larger than the product of two lengths.
    /// </summary>
    private const float LargestScore = 60;

    /// <summary>Pairs a key from which it pays to measure the keys.</summary>
    private const int MeasuredPairs = 128;

    private readonly AttentionProblem _problem;
    private readonly BlockMask _mask;
    private readonly AttentionWorkspace _workspace;
    private readonly ScoreRule _rule;
    private readonly KvPanels _panels;
    private readonly AttentionPlans _plans;
    private readonly KeyBits _bits;
    private readonly BlockwiseEnd<TLanes, TVector> _end;
    private readonly bool _isPlain;
    private readonly bool _measures;
    private readonly float _unit;
    private readonly int _lanes;
    private readonly int _settleTiles;
    private readonly Action<int, int> _attend;
    private readonly Action<int, int> _merge;
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
        _end = new BlockwiseEnd<TLanes, TVector>(problem, mask, _panels.ValueStride);

        // Where a score is the product times a positive factor, the queries take the factor.
        _isPlain = !_rule.HasMoreThanScale && _rule.Scale > 0f;
        _unit = _isPlain ? _rule.Scale * BaseTwo.PerNatural : 1f;
        _measures = _isPlain && PairsPerKey(problem, mask) >= MeasuredPairs;
        _lanes = Lanes.RoundUp(mask.Tile.Rows);
        _settleTiles = Math.Max(1, SettleKeys / mask.Tile.Columns);
        _attend = Attend;
        _merge = Merge;
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
        var longest = Gather(task, worker);
        if (!Walk(task, next, worker, state, longest))
        {
            _ = Walk(task, next, worker, state, longest: float.NaN);
        }

        if (_problem.KvSplits <= 1)
        {
            _end.Write(task, state, _operands, Staging(worker));
        }
    }

    /// <summary>
    /// Brings a block's queries into the lanes, in units that make scores of them, and returns the square of the longest one; NaN if scores are not
    /// bounded by it.
    /// </summary>
    private float Gather(AttentionTask task, int worker)
    {
        var queries = Queries(worker);
        QueryLanes.Gather(
            _operands.Query, task.Batch, task.Head, task.Query, task.Rows, _problem.HeadSize, queries, _lanes, Staging(worker));
        if (!_isPlain)
        {
            return float.NaN;
        }

        var unit = TLanes.Create(_unit);
        var longest = TLanes.Create(0f);
        var all = longest;
        for (var q = 0; q < _lanes; q += TLanes.Width)
        {
            var square = TLanes.Create(0f);
            for (var at = queries + q; at < queries + QueryFloats; at += _lanes)
            {
                var query = TLanes.Multiply(TLanes.Load(at), unit);
                TLanes.Store(query, at);
                square = TLanes.Fma(query, query, square);
            }

            longest = TLanes.Max(square, longest);
            all = TLanes.Add(all, square);
        }

        return !_measures || float.IsNaN(TLanes.SumAcross(all)) ? float.NaN : TLanes.MaxAcross(longest);
    }

    /// <summary>
    /// Adds all tiles of a task to its state. While scores are bounded m stays 0; from the first tile on where they are not, it follows them.
    /// </summary>
    /// <returns>False if m = 0 turned out not to serve: then all is to be done again without it, by a <paramref name="longest"/> of NaN.</returns>
    private bool Walk(AttentionTask task, AttentionTask next, int worker, in LaneStates state, float longest)
    {
        var (isBounded, first) = (!float.IsNaN(longest), task.Start);
        state.Clear(isBounded);
        var settled = task.Start;
        for (var entry = task.Start; entry < task.End; entry++)
        {
            if (isBounded && !(longest * _panels.LargestSquare<TLanes, TVector>(Panel(task, entry)) <= LargestScore * LargestScore))
            {
                (isBounded, first) = (false, entry);
                if (first == task.Start)
                {
                    state.Clear(isBounded);
                }
            }

            if (entry - settled == _settleTiles)
            {
                state.Settle<TLanes, TVector>(isFirst: settled == task.Start);
                settled = entry;
            }

            AskAhead(task, next, entry);
            AddTile(task, next, entry, worker, state, isBounded);
        }

        if (settled > task.Start)
        {
            state.Collect<TLanes, TVector>();
        }

        return (!isBounded && first == task.Start) || state.IsInRange<TLanes, TVector>(mayBeEmpty: isBounded);
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

    /// <summary>Adds a tile: whole if it is full, else in parts around the pairs that are allowed.</summary>
    private void AddTile(AttentionTask task, AttentionTask after, int entry, int worker, in LaneStates state, bool isBounded)
    {
        var panel = Panel(task, entry);
        var next = entry + 1 < task.End ? Panel(task, entry + 1) : after.Start < after.End ? Panel(after, after.Start) : panel;
        var at = new TilePlace(task.Batch, task.Head, task.Query, panel.Column * Tile.Columns);
        var tile = _mask.LoadPartIdx[entry];
        var step = new Step(panel, next, at, tile < 0 ? default : _bits.Tile(tile), tile >= 0, isBounded, worker);
        if (tile < 0)
        {
            Add(step, new TilePart(0, _lanes, 0, Tile.Columns), state);
            return;
        }

        var tileKeys = Math.Min(Tile.Columns, _problem.KvLength - at.Key);
        foreach (var part in _bits.Parts(tile))
        {
            Add(step, part with { Keys = Math.Min(part.Keys, tileKeys - part.Key) }, state);
        }
    }

    private PanelTask Panel(AttentionTask task, int entry)
    {
        var column = _mask.LoadColIdx[entry];
        var kvHead = _problem.KvHeadOf(task.Head);
        return new PanelTask(task.Batch, kvHead, column, _plan.Slot((task.Batch * _problem.KvHeads) + kvHead, column));
    }

    private void Add(in Step step, TilePart part, in LaneStates state)
    {
        for (var key = 0; key < part.Keys; key += SumKeys)
        {
            AddSum(step, part with { Key = part.Key + key, Keys = Math.Min(SumKeys, part.Keys - key) }, state);
        }
    }

    private void AddSum(in Step step, TilePart part, in LaneStates state)
    {
        var scores = Scores(step.Worker) + ((long)part.Key * _lanes) + part.Query;
        var candidates = state.Candidate + part.Query;
        if (!step.IsBounded)
        {
            new Span<float>(candidates, part.Queries).Fill(float.NegativeInfinity);
        }

        var product = new LaneOperands
        {
            A = _panels.Keys(step.Panel) + ((long)part.Key * _panels.KeyStride),
            RowStep = _panels.KeyStride,
            DepthStep = 1,
            B = Queries(step.Worker) + part.Query,
            C = scores,
            Stride = _lanes,
            Depth = _problem.HeadSize,
            Ahead = (byte*)(_panels.Keys(step.Next) + ((long)part.Key * _panels.KeyStride)),
            Largest = _isPlain && !step.IsMasked && !step.IsBounded ? candidates : null,
        };
        LaneProduct.Run<TLanes, TVector>(in product, part.Keys, part.Queries);
        Weigh(step, part, scores, candidates, state);
        var values = _panels.Values(step.Panel) + ((long)part.Key * _panels.ValueStride);
        if (step.IsMasked && _panels.HasValueNotFinite<TLanes, TVector>(step.Panel))
        {
            BlockwiseTile.AddAllowed<TLanes, TVector>(
                scores, part, step.Bits, values, _panels.ValueStride, _problem.ValueSize, state);
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
            Ahead = (byte*)(_panels.Values(step.Next) + ((long)part.Key * _panels.ValueStride)),
            IsAdded = true,
        };
        LaneProduct.Run<TLanes, TVector>(in product, _problem.ValueSize, part.Queries);
    }

    /// <summary>Products to weights and their sums.</summary>
    private void Weigh(in Step step, TilePart part, float* scores, float* candidates, in LaneStates state)
    {
        if (step.IsBounded && step.IsMasked)
        {
            BlockwiseTile.WeighBounded<TLanes, TVector, With>(scores, part, step.Bits, state);
            return;
        }

        if (step.IsBounded)
        {
            BlockwiseTile.WeighBounded<TLanes, TVector, Without>(scores, part, step.Bits, state);
            return;
        }

        if (!_isPlain)
        {
            BlockwiseTile.Apply<TLanes, TVector>(scores, _lanes, part, _rule, step.At);
        }

        if (step.IsMasked)
        {
            BlockwiseTile.Mask<TLanes, TVector>(scores, _lanes, part, step.Bits, candidates);
        }
        else if (!_isPlain)
        {
            BlockwiseTile.FindLargest<TLanes, TVector>(scores, _lanes, part, candidates);
        }

        state.Advance<TLanes, TVector>(part.Query, part.Queries);
        BlockwiseTile.Weigh<TLanes, TVector>(scores, part, state);
    }

    private void Merge(int index, int worker)
    {
        var block = _wave.Blocks[index];
        var state = Partial(block.State);
        for (var split = 1; split < _problem.KvSplits; split++)
        {
            state.Merge<TLanes, TVector>(Partial(block.State + split));
        }

        _end.Write(block, state, _operands, Staging(worker));
    }

    /// <summary>Pairs of loaded tiles a key of a KV head: how often a key is used.</summary>
    private static double PairsPerKey(AttentionProblem problem, BlockMask mask) =>
        (double)mask.LoadColIdx.Length * mask.Tile.Rows * mask.Tile.Columns / mask.Slices
        * problem.QueryHeads / problem.KvHeads / Math.Max(1, problem.KvLength);

    /// <summary>What is done with one tile.</summary>
    private readonly record struct Step(
        PanelTask Panel, PanelTask Next, TilePlace At, TileBits Bits, bool IsMasked, bool IsBounded, int Worker);
}
