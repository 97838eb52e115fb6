using System.Runtime.CompilerServices;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Formats;
using Stof.Reference.Operators;

namespace Stof.Reference.Cpu.Simd.Attention;

/// <summary>
/// STOF's row-wise kernel on a CPU: a query row scores exactly the keys it may attend to, takes their softmax and adds up
/// their values. No padding and no bitmaps, at the price of reductions across lanes.
/// Source: "Accelerating Sparse Transformer Inference on GPU" (PPoPP'26).
/// </summary>
internal sealed unsafe class RowwiseAttention<TLanes, TVector> : IAttentionExecutor
    where TLanes : struct, IVectorLanes<TVector>
    where TVector : struct
{
    /// <summary>Rows of a task: enough to amortise handing it out, few enough to balance threads.</summary>
    private const int BlockRows = 16;

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
    private readonly AttentionPlan _plan;
    private readonly int _panelKeys;
    private readonly int _longest;
    private readonly Action<int, int> _pack;
    private readonly Action<int, int> _attend;
    private readonly Func<int, int, int, bool> _hasKeys;
    private AttentionOperands _operands;
    private AttentionWave _wave = new([], [], []);

    public RowwiseAttention(AttentionProblem problem, BlockMask mask, AttentionWorkspace workspace)
    {
        _problem = problem;
        _workspace = workspace;
        _rule = new ScoreRule(problem);
        _panelKeys = mask.Tile.Columns;
        _panels = new KvPanels(problem, _panelKeys, workspace);
        _keys = new KeyLists(mask);
        _longest = Lanes.RoundUp(_keys.Longest);
        _plan = AttentionPlan.Create(problem, mask, _panels.PanelFloats, Blocks, task => task.End, splits: 1);
        _pack = Pack;
        _attend = Attend;
        _hasKeys = (batch, head, query) => !_keys.Row(batch, head, query).IsEmpty;
    }

    public void Run(in AttentionOperands operands, WorkerPool pool)
    {
        _operands = operands;
        _panels.Bind(operands, _plan.Slots);
        _workspace.Scratch.Reserve(ScratchFloats * pool.Threads);
        foreach (var wave in _plan.Waves)
        {
            _wave = wave;
            if (!_panels.IsInPlace)
            {
                pool.Run(wave.Panels.Length, _pack);
            }

            pool.Run(wave.Tasks.Length, _attend);
        }

        _operands = default;
        _panels.Release();
    }

    private int QueryFloats => Lanes.RoundUp(_problem.HeadSize);

    // Query, scores, addresses of the keys and of the values (two floats' room each), output of a range, output of the row.
    private long ScratchFloats => QueryFloats + (5L * _longest) + (2L * _panels.ValueStride);

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

    private void Pack(int index, int worker) => _panels.Pack<TLanes, TVector>(_wave.Panels[index]);

    private void Attend(int index, int worker)
    {
        var task = _wave.Tasks[index];
        var query = _workspace.Scratch.Pointer + (worker * ScratchFloats);
        var scores = query + QueryFloats;
        var keyRows = (float**)(scores + _longest);
        var values = keyRows + _longest;
        var range = scores + (5L * _longest);
        var output = range + _panels.ValueStride;
        for (var row = task.Query; row < task.Query + task.Rows; row++)
        {
            RowConversion.Widen(_problem.Type, _operands.Query.Row(task.Batch, task.Head, row), query, _problem.HeadSize);
            new Span<float>(query + _problem.HeadSize, QueryFloats - _problem.HeadSize).Clear();
            var allowed = _keys.Row(task.Batch, task.Head, row);
            var (largest, sum) = (float.NegativeInfinity, 0f);
            new Span<float>(output, _panels.ValueStride).Clear();
            for (var split = 0; split < _problem.KvSplits; split++)
            {
                var first = (int)((long)allowed.Length * split / _problem.KvSplits);
                var keys = (int)((long)allowed.Length * (split + 1) / _problem.KvSplits) - first;
                if (keys == 0)
                {
                    continue;
                }

                Score(task, row, allowed.Slice(first, keys), query, scores, keyRows, values);
                var rangeLargest = Largest(scores, keys);
                var rangeSum = Weigh(scores, keys, rangeLargest);
                new Span<float>(range, _panels.ValueStride).Clear();
                for (var at = 0; at < keys; at += SumKeys)
                {
                    AddValues(scores + at, values + at, Math.Min(SumKeys, keys - at), range);
                }

                Merge(ref largest, ref sum, output, rangeLargest, rangeSum, range);
            }

            var factor = RowFinish.Factor(_problem, _operands, task.Batch, task.Head, row, largest, sum, _hasKeys);
            RowFinish.Scale<TLanes, TVector>(output, _panels.ValueStride, factor);
            RowConversion.Narrow(_problem.Type, output, _operands.Output.Row(task.Batch, task.Head, row), _problem.ValueSize);
        }
    }

    /// <summary>Scores of some keys of a row, padded to 16 with −∞, and where their values lie.</summary>
    private void Score(AttentionTask task, int row, ReadOnlySpan<int> allowed, float* query, float* scores, float** keyRows, float** values)
    {
        var kvHead = _problem.KvHeadOf(task.Head);
        var bias = _rule.Bias(task.Batch, task.Head, row);
        var (keyStride, valueStride) = (_panels.KeyStride, _panels.ValueStride);
        var keys = allowed.Length;
        if (_panels.IsInPlace)
        {
            var all = new PanelTask(task.Batch, kvHead, 0, 0);
            var firstKey = _panels.Keys(all);
            var firstValue = _panels.Values(all);
            for (var i = 0; i < allowed.Length; i++)
            {
                keyRows[i] = firstKey + ((long)allowed[i] * keyStride);
                values[i] = firstValue + ((long)allowed[i] * valueStride);
            }
        }
        else
        {
            Find(task.Batch, kvHead, allowed, keyRows, values);
        }

        Lanes.Dot<TLanes, TVector>(query, keyRows, keys, keyStride, scores);
        if (bias is null)
        {
            var scale = TLanes.Create(_rule.Scale);
            for (var i = 0; i < keys; i += TLanes.Width)
            {
                TLanes.Store(TLanes.Multiply(TLanes.Load(scores + i), scale), scores + i);
            }
        }
        else
        {
            for (var i = 0; i < allowed.Length; i++)
            {
                scores[i] = MathF.FusedMultiplyAdd(scores[i], _rule.Scale, bias[allowed[i]]);
            }
        }

        new Span<float>(scores + keys, Lanes.RoundUp(keys) - keys).Fill(float.NegativeInfinity);
        if (_rule.HasCap)
        {
            for (var i = 0; i < keys; i += TLanes.Width)
            {
                TLanes.Store(_rule.Capped<TLanes, TVector>(TLanes.Load(scores + i)), scores + i);
            }

            new Span<float>(scores + keys, Lanes.RoundUp(keys) - keys).Fill(float.NegativeInfinity);
        }
    }

    /// <summary>Where some keys and their values lie in the panels.</summary>
    private void Find(int batch, int kvHead, ReadOnlySpan<int> keys, float** keyRows, float** values)
    {
        var (panelStart, panelEnd) = (0, 0);
        float* panelKeys = null;
        float* panelValues = null;
        for (var i = 0; i < keys.Length; i++)
        {
            var key = keys[i];
            if (key >= panelEnd)
            {
                var column = key / _panelKeys;
                var slot = _plan.Slot((batch * _problem.KvHeads) + kvHead, column);
                var panel = new PanelTask(batch, kvHead, column, slot);
                panelKeys = _panels.Keys(panel);
                panelValues = _panels.Values(panel);
                panelStart = column * _panelKeys;
                panelEnd = panelStart + _panelKeys;
            }

            keyRows[i] = panelKeys + ((long)(key - panelStart) * _panels.KeyStride);
            values[i] = panelValues + ((long)(key - panelStart) * _panels.ValueStride);
        }
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

    private static float Weigh(float* scores, int keys, float largest)
    {
        var reference = TLanes.Create(float.IsNegativeInfinity(largest) ? 0f : largest);
        var lanes = stackalloc float[Lanes.Count];
        for (var lane = 0; lane < Lanes.Count; lane += TLanes.Width)
        {
            var total = TLanes.Create(0f);
            for (var first = 0; first < keys; first += SumKeys)
            {
                var sum = TLanes.Create(0f);
                for (var i = first + lane; i < Lanes.RoundUp(Math.Min(first + SumKeys, keys)); i += Lanes.Count)
                {
                    var weight = VectorMath.Exp<TLanes, TVector>(TLanes.Subtract(TLanes.Load(scores + i), reference));
                    TLanes.Store(weight, scores + i);
                    sum = TLanes.Add(sum, weight);
                }

                total = TLanes.Add(total, sum);
            }

            TLanes.Store(total, lanes + lane);
        }

        return Lanes.Sum(lanes);
    }

    /// <summary>
    /// Adds some values to o of a range: four registers of the row at a time, keys in two chains (even and odd positions in the list), so that
    /// eight chains of additions are under way.
    /// </summary>
    private void AddValues(float* weights, float** values, int keys, float* output)
    {
        var d = 0;
        for (; d <= _panels.ValueStride - (4 * TLanes.Width); d += 4 * TLanes.Width)
        {
            AddFour(weights, values, keys, d, output + d);
        }

        for (; d < _panels.ValueStride; d += TLanes.Width)
        {
            var even = TLanes.Create(0f);
            var odd = even;
            var i = 0;
            for (; i < keys - 1; i += 2)
            {
                even = TLanes.Fma(TLanes.Create(weights[i]), TLanes.Load(values[i] + d), even);
                odd = TLanes.Fma(TLanes.Create(weights[i + 1]), TLanes.Load(values[i + 1] + d), odd);
            }

            if (i < keys)
            {
                even = TLanes.Fma(TLanes.Create(weights[i]), TLanes.Load(values[i] + d), even);
            }

            Add(output + d, even, odd);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddFour(float* weights, float** values, int keys, int d, float* output)
    {
        var zero = TLanes.Create(0f);
        var (even0, even1, even2, even3) = (zero, zero, zero, zero);
        var (odd0, odd1, odd2, odd3) = (zero, zero, zero, zero);
        var i = 0;
        for (; i < keys - 1; i += 2)
        {
            var weight = TLanes.Create(weights[i]);
            var value = values[i] + d;
            even0 = TLanes.Fma(weight, TLanes.Load(value), even0);
            even1 = TLanes.Fma(weight, TLanes.Load(value + TLanes.Width), even1);
            even2 = TLanes.Fma(weight, TLanes.Load(value + (2 * TLanes.Width)), even2);
            even3 = TLanes.Fma(weight, TLanes.Load(value + (3 * TLanes.Width)), even3);
            weight = TLanes.Create(weights[i + 1]);
            value = values[i + 1] + d;
            odd0 = TLanes.Fma(weight, TLanes.Load(value), odd0);
            odd1 = TLanes.Fma(weight, TLanes.Load(value + TLanes.Width), odd1);
            odd2 = TLanes.Fma(weight, TLanes.Load(value + (2 * TLanes.Width)), odd2);
            odd3 = TLanes.Fma(weight, TLanes.Load(value + (3 * TLanes.Width)), odd3);
        }

        if (i < keys)
        {
            var weight = TLanes.Create(weights[i]);
            var value = values[i] + d;
            even0 = TLanes.Fma(weight, TLanes.Load(value), even0);
            even1 = TLanes.Fma(weight, TLanes.Load(value + TLanes.Width), even1);
            even2 = TLanes.Fma(weight, TLanes.Load(value + (2 * TLanes.Width)), even2);
            even3 = TLanes.Fma(weight, TLanes.Load(value + (3 * TLanes.Width)), even3);
        }

        Add(output, even0, odd0);
        Add(output + TLanes.Width, even1, odd1);
        Add(output + (2 * TLanes.Width), even2, odd2);
        Add(output + (3 * TLanes.Width), even3, odd3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(float* output, TVector even, TVector odd) =>
        TLanes.Store(TLanes.Add(TLanes.Load(output), TLanes.Add(even, odd)), output);

    /// <summary>(m, l, o) of the row ⊕ that of its next range; see <see cref="LaneStates"/>.</summary>
    private void Merge(ref float largest, ref float sum, float* output, float rangeLargest, float rangeSum, float* range)
    {
        var joint = MathF.Max(largest, rangeLargest);
        var reference = float.IsNegativeInfinity(joint) ? 0f : joint;
        var own = VectorMath.Exp(largest - reference);
        var other = VectorMath.Exp(rangeLargest - reference);
        sum = MathF.FusedMultiplyAdd(rangeSum, other, sum * own);
        largest = joint;
        for (var d = 0; d < _panels.ValueStride; d += TLanes.Width)
        {
            var addend = TLanes.Multiply(TLanes.Load(range + d), TLanes.Create(other));
            TLanes.Store(TLanes.Fma(TLanes.Load(output + d), TLanes.Create(own), addend), output + d);
        }
    }
}
