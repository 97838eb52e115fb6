using System.Runtime.CompilerServices;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Formats;
using Stof.Reference.Operators;

namespace Stof.Reference.Cpu.Simd.Attention;

/// <summary>
/// STOF's row-wise kernel on a CPU: a query row scores exactly the keys it may attend to, takes their softmax and adds up
/// their values. No padding and no bitmaps, at the price of reductions across lanes. Some neighbouring rows are scored before the
/// first of them adds up values: keys that they share are then still in the first-level cache, and so are the values.
/// Source: "Accelerating Sparse Transformer Inference on GPU" (PPoPP'26).
/// </summary>
internal sealed unsafe class RowwiseAttention<TLanes, TVector> : IAttentionExecutor
    where TLanes : struct, IVectorLanes<TVector>
    where TVector : struct
{
    /// <summary>Rows of a task: enough to amortise handing it out, few enough to balance threads.</summary>
    private const int BlockRows = 16;

    /// <summary>Scores that are held before values are added up: 16 KiB.</summary>
    private const int HeldScores = 4096;

    /// <summary>
    /// Keys that are summed from zero before their sum is added to l and o: one chain over all keys would lose an accuracy that
    /// grows with the length of the sequence.
    /// </summary>
    private const int SumKeys = 128;

    private readonly AttentionProblem _problem;
    private readonly AttentionWorkspace _workspace;
    private readonly ScoreRule _rule;
    private readonly KvPanels _panels;
    private readonly KeyLists _keys;
    private readonly AttentionPlans _plans;
    private readonly int _panelKeys;
    private readonly int _held;
    private readonly bool _isPlain;
    private readonly float _unit;
    private readonly Action<int, int> _attend;
    private readonly Func<int, int, int, bool> _hasKeys;
    private AttentionPlan _plan;
    private AttentionOperands _operands;
    private AttentionWave _wave = new([], [], []);
    private int[] _turns = [];

    public RowwiseAttention(AttentionProblem problem, BlockMask mask, AttentionWorkspace workspace)
    {
        _problem = problem;
        _workspace = workspace;
        _rule = new ScoreRule(problem);
        _panelKeys = mask.Tile.Columns;
        _panels = new KvPanels(problem, _panelKeys, workspace);
        _keys = new KeyLists(mask);
        _held = Math.Max(HeldScores, Room(_keys.Longest));
        _plans = new AttentionPlans(
            panelFloats => AttentionPlan.Create(problem, mask, panelFloats, Blocks, Cost, splits: 1), _panels.PanelFloats);
        _plan = _plans.For(_panels.MayLieInPlace);

        // Where a score is the product times a positive factor, the factor waits for the exponential.
        _isPlain = !_rule.HasMoreThanScale && _rule.Scale > 0f;
        _unit = _isPlain ? _rule.Scale * BaseTwo.PerNatural : 1f;
        _attend = Attend;
        _hasKeys = (batch, head, query) => !_keys.Row(batch, head, query).IsEmpty;
    }

    public double Imbalance(int workers) => _plan.Imbalance(workers);

    public void Run(in AttentionOperands operands, WorkerPool pool)
    {
        _operands = operands;
        _plan = _plans.For(_panels.LieInPlace(operands));
        _panels.Bind(operands, _plan.Slots);
        _workspace.Scratch.Reserve(ScratchFloats * pool.Threads);
        for (var wave = 0; wave < _plan.Waves.Count; wave++)
        {
            (_wave, _turns) = (_plan.Waves[wave], _plan.Turns(wave, pool.Threads));
            if (!_panels.IsInPlace)
            {
                _panels.Pack(_wave.Panels, pool);
            }

            pool.Run(_turns.Length - 1, _attend);
        }

        _operands = default;
        _panels.Release();
    }

    private int QueryFloats => Lanes.RoundUp(_problem.HeadSize);

    // Query, scores, places of the keys (where they are packed), output of a range, output of the row.
    private long ScratchFloats => QueryFloats + (2L * _held) + (2L * _panels.ValueStride);

    /// <summary>Floats for the scores of a row: each of its ranges is padded to 16.</summary>
    private int Room(int keys) => Lanes.RoundUp(keys) + (Lanes.Count * (_problem.KvSplits - 1));

    /// <summary>Blocks of rows; a block's cost stands in <see cref="AttentionTask.End"/>.</summary>
    private IEnumerable<AttentionTask> Blocks(int batch, int head)
    {
        for (var query = 0; query < _problem.QueryLength; query += BlockRows)
        {
            var rows = Math.Min(BlockRows, _problem.QueryLength - query);
            var keys = 0;
            for (var r = 0; r < rows; r++)
            {
                keys += _keys.Row(batch, head, query + r).Length;
            }

            yield return new AttentionTask(batch, head, query, rows, 0, keys, 0);
        }
    }

    private static long Cost(AttentionTask task) => task.End;

    private void Attend(int turn, int worker)
    {
        for (var task = _turns[turn]; task < _turns[turn + 1]; task++)
        {
            Attend(_wave.Tasks[task], worker);
        }
    }

    // A turn may be all there is to do, one call: what it calls is compiled by itself, or it would be compiled in the middle of that call.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Attend(AttentionTask task, int worker)
    {
        var query = _workspace.Scratch.Pointer + (worker * ScratchFloats);
        var scores = query + QueryFloats;
        var places = (int*)(scores + _held);
        var end = task.Query + task.Rows;
        for (var first = task.Query; first < end;)
        {
            var (next, held) = (first, 0);
            for (; next < end; next++)
            {
                var allowed = _keys.Row(task.Batch, task.Head, next);
                if (next > first && held + Room(allowed.Length) > _held)
                {
                    break;
                }

                Score(task, next, allowed, query, scores + held, places + held);
                held += Room(allowed.Length);
            }

            held = 0;
            for (; first < next; first++)
            {
                var allowed = _keys.Row(task.Batch, task.Head, first);
                AddUp(task, first, allowed, scores + held, places + held, scores + (2L * _held));
                held += Room(allowed.Length);
            }
        }
    }

    private (int First, int Keys) Range(int keys, int split)
    {
        var first = (int)((long)keys * split / _problem.KvSplits);
        return (first, (int)((long)keys * (split + 1) / _problem.KvSplits) - first);
    }

    /// <summary>Scores of the keys of a row, range after range, each padded to 16 with −∞.</summary>
    private void Score(AttentionTask task, int row, ReadOnlySpan<int> allowed, float* query, float* scores, int* places)
    {
        var q = (float*)_operands.Query.Row(task.Batch, task.Head, row);
        if (_problem.Type != Numerics.DType.F32 || QueryFloats != _problem.HeadSize)
        {
            RowConversion.Widen(_problem.Type, (byte*)q, query, _problem.HeadSize);
            new Span<float>(query + _problem.HeadSize, QueryFloats - _problem.HeadSize).Clear();
            q = query;
        }

        var kvHead = _problem.KvHeadOf(task.Head);
        var all = _panels.AllKeys(task.Batch, kvHead);
        if (!_panels.IsInPlace)
        {
            Find(task.Batch, kvHead, allowed, places);
        }

        fixed (int* listed = allowed)
        {
            var index = _panels.IsInPlace ? listed : places;
            for (var split = 0; split < _problem.KvSplits; split++)
            {
                var (first, keys) = Range(allowed.Length, split);
                if (keys == 0)
                {
                    continue;
                }

                RowProducts.Dot<TLanes, TVector>(q, all, _panels.KeyStride, index + first, keys, scores);
                if (!_isPlain)
                {
                    Apply(_rule.Bias(task.Batch, task.Head, row), allowed.Slice(first, keys), scores);
                }

                new Span<float>(scores + keys, Lanes.RoundUp(keys) - keys).Fill(float.NegativeInfinity);
                scores += Lanes.RoundUp(keys);
            }
        }
    }

    /// <summary>Raw products to whole scores in base 2, in place: where there is more to do than to scale.</summary>
    private void Apply(float* bias, ReadOnlySpan<int> keys, float* scores)
    {
        for (var i = 0; i < keys.Length && bias is not null; i++)
        {
            scores[i] = MathF.FusedMultiplyAdd(scores[i], _rule.Scale, bias[keys[i]]);
        }

        var (scale, unit) = (TLanes.Create(bias is null ? _rule.Scale : 1f), TLanes.Create(BaseTwo.PerNatural));
        for (var i = 0; i < keys.Length; i += TLanes.Width)
        {
            var score = TLanes.Multiply(TLanes.Load(scores + i), scale);
            score = _rule.HasCap ? _rule.Capped<TLanes, TVector>(score) : score;
            TLanes.Store(TLanes.Multiply(score, unit), scores + i);
        }
    }

    /// <summary>Where some keys lie among the packed ones.</summary>
    private void Find(int batch, int kvHead, ReadOnlySpan<int> keys, int* places)
    {
        var (panelEnd, shift) = (0, 0);
        for (var i = 0; i < keys.Length; i++)
        {
            var key = keys[i];
            if (key >= panelEnd)
            {
                var column = key / _panelKeys;
                panelEnd = (column + 1) * _panelKeys;
                shift = (_plan.Slot((batch * _problem.KvHeads) + kvHead, column) - column) * _panelKeys;
            }

            places[i] = key + shift;
        }
    }

    /// <summary>From the scores of a row to its output.</summary>
    private void AddUp(AttentionTask task, int row, ReadOnlySpan<int> allowed, float* scores, int* places, float* output)
    {
        var all = _panels.AllValues(task.Batch, _problem.KvHeadOf(task.Head));
        var (largest, sum) = (float.NegativeInfinity, 0f);
        var range = output + _panels.ValueStride;
        new Span<float>(output, _panels.ValueStride).Clear();
        fixed (int* listed = allowed)
        {
            var index = _panels.IsInPlace ? listed : places;
            for (var split = 0; split < _problem.KvSplits; split++)
            {
                var (first, keys) = Range(allowed.Length, split);
                if (keys == 0)
                {
                    continue;
                }

                var rangeLargest = Largest(scores, keys) * _unit;
                var rangeSum = Weigh(scores, keys, _unit, rangeLargest);
                var isWhole = keys == allowed.Length;
                var target = isWhole ? output : range;
                new Span<float>(range, isWhole ? 0 : _panels.ValueStride).Clear();
                for (var at = 0; at < keys; at += SumKeys)
                {
                    RowProducts.AddRows<TLanes, TVector>(
                        scores + at, all, _panels.ValueStride, index + first + at, Math.Min(SumKeys, keys - at), target);
                }

                if (isWhole)
                {
                    (largest, sum) = (rangeLargest, rangeSum);
                }
                else
                {
                    Merge(ref largest, ref sum, output, rangeLargest, rangeSum, range);
                }

                scores += Lanes.RoundUp(keys);
            }
        }

        var factor = RowFinish.Factor(
            _problem, _operands, task.Batch, task.Head, row, largest * BaseTwo.ToNatural, sum, _hasKeys);
        RowFinish.Scale<TLanes, TVector>(output, _panels.ValueStride, factor);
        RowConversion.Narrow(_problem.Type, output, _operands.Output.Row(task.Batch, task.Head, row), _problem.ValueSize);
    }

    private static float Largest(float* scores, int keys)
    {
        var largest = TLanes.Create(float.NegativeInfinity);
        for (var i = 0; i < keys; i += TLanes.Width)
        {
            largest = TLanes.Max(TLanes.Load(scores + i), largest);
        }

        return TLanes.MaxAcross(largest);
    }

    /// <summary>Scores to weights 2^(unit·s − m), in place, and their sum.</summary>
    private static float Weigh(float* scores, int keys, float unit, float largest)
    {
        var reference = TLanes.Create(float.IsNegativeInfinity(largest) ? 0f : -largest);
        var scale = TLanes.Create(unit);
        var lanes = stackalloc float[Lanes.Count];
        for (var lane = 0; lane < Lanes.Count; lane += TLanes.Width)
        {
            var total = TLanes.Create(0f);
            for (var first = 0; first < keys; first += SumKeys)
            {
                var sum = TLanes.Create(0f);
                for (var i = first + lane; i < Lanes.RoundUp(Math.Min(first + SumKeys, keys)); i += Lanes.Count)
                {
                    var weight = BaseTwo.Power<TLanes, TVector>(TLanes.Fma(TLanes.Load(scores + i), scale, reference));
                    TLanes.Store(weight, scores + i);
                    sum = TLanes.Add(sum, weight);
                }

                total = TLanes.Add(total, sum);
            }

            TLanes.Store(total, lanes + lane);
        }

        return Lanes.Sum(lanes);
    }

    /// <summary>(m, l, o) of the row ⊕ that of its next range, m in base 2; see <see cref="LaneStates"/>.</summary>
    private void Merge(ref float largest, ref float sum, float* output, float rangeLargest, float rangeSum, float* range)
    {
        var joint = MathF.Max(largest, rangeLargest);
        var reference = float.IsNegativeInfinity(joint) ? 0f : joint;
        var own = VectorMath.Exp((largest - reference) * BaseTwo.ToNatural);
        var other = VectorMath.Exp((rangeLargest - reference) * BaseTwo.ToNatural);
        sum = MathF.FusedMultiplyAdd(rangeSum, other, sum * own);
        largest = joint;
        for (var d = 0; d < _panels.ValueStride; d += TLanes.Width)
        {
            var addend = TLanes.Multiply(TLanes.Load(range + d), TLanes.Create(other));
            TLanes.Store(TLanes.Fma(TLanes.Load(output + d), TLanes.Create(own), addend), output + d);
        }
    }
}
