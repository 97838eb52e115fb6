using Stof.Reference.Formats;
using Stof.Reference.Operators;

namespace Stof.Reference.Cpu.Simd.Attention;

/// <summary>A block of query rows of one (batch item, query head), or one of its key ranges.</summary>
/// <param name="Batch">Batch item.</param>
/// <param name="Head">Query head.</param>
/// <param name="Query">First query.</param>
/// <param name="Rows">Queries.</param>
/// <param name="Start">First entry of the block's list (tiles or runs of keys).</param>
/// <param name="End">One past the last entry.</param>
/// <param name="State">Where the result goes if blocks are split: block · splits + split.</param>
internal readonly record struct AttentionTask(int Batch, int Head, int Query, int Rows, int Start, int End, int State);

/// <summary>One tile column of one (batch item, KV head) to be packed.</summary>
internal readonly record struct PanelTask(int Batch, int KvHead, int Column, int Slot);

/// <summary>
/// Work that shares one filling of the panel buffer: the panels to pack, then the tasks, those of one KV head together (its
/// keys and values stay in the cache) and longest first, but before all others those that are much longer than the average (global
/// rows), which would end late if they began late; then (with splits) the blocks to merge.
/// </summary>
internal sealed record AttentionWave(PanelTask[] Panels, AttentionTask[] Tasks, AttentionTask[] Blocks);

/// <summary>
/// Cuts a problem into waves of (batch item, KV head) groups whose panels fit a buffer, so that packed keys and values stay
/// near the cores and the buffer does not grow with batch × heads.
/// </summary>
internal sealed class AttentionPlan
{
    /// <summary>Size of the panel buffer that a wave may fill, in floats: 32 MiB, the size of a shared cache.</summary>
    private const long WaveFloats = 8L << 20;

    /// <summary>A task of so many times the average cost comes first.</summary>
    private const double HeavyTask = 3;

    private readonly int _columns;
    private readonly int[] _slots;
    private readonly Func<AttentionTask, long> _costOf;
    private readonly List<int[]> _turns = [];
    private int _workers;

    private AttentionPlan(int groups, int columns, Func<AttentionTask, long> costOf)
    {
        _columns = columns;
        _costOf = costOf;
        _slots = new int[groups * columns];
        Array.Fill(_slots, -1);
    }

    /// <summary>The waves, in order.</summary>
    public List<AttentionWave> Waves { get; } = [];

    /// <summary>Panels that the largest wave fills.</summary>
    public int Slots { get; private set; }

    /// <summary>Tasks of the largest wave.</summary>
    public int LargestWave => Waves.Max(wave => wave.Tasks.Length);

    /// <summary>Panel of a tile column of a (batch · KV heads + KV head) group.</summary>
    public int Slot(int group, int column) => _slots[(group * _columns) + column];

    /// <summary>Plans the tasks of a problem.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="mask">Its tiles; their columns are the panels.</param>
    /// <param name="panelFloats">Size of a panel; 0 where panels need no room.</param>
    /// <param name="blocksOf">The blocks of one (batch item, query head).</param>
    /// <param name="costOf">Relative cost of a task.</param>
    /// <param name="splits">Ranges each block's list is cut into.</param>
    public static AttentionPlan Create(
        AttentionProblem problem,
        BlockMask mask,
        long panelFloats,
        Func<int, int, IEnumerable<AttentionTask>> blocksOf,
        Func<AttentionTask, long> costOf,
        int splits)
    {
        var plan = new AttentionPlan(problem.Batch * problem.KvHeads, mask.TileColumns, costOf);
        var panels = new List<PanelTask>();
        var blocks = new List<AttentionTask>();
        var group = problem.QueryHeads / problem.KvHeads;
        for (var batch = 0; batch < problem.Batch; batch++)
        {
            for (var kvHead = 0; kvHead < problem.KvHeads; kvHead++)
            {
                var columns = UsedColumns(mask, batch, kvHead * group, group);
                if (blocks.Count > 0 && (panels.Count + columns.Count) * panelFloats > WaveFloats)
                {
                    plan.Waves.Add(Wave(panels, blocks, group, costOf, splits));
                    panels.Clear();
                    blocks.Clear();
                }

                foreach (var column in columns)
                {
                    plan._slots[(((batch * problem.KvHeads) + kvHead) * mask.TileColumns) + column] = panels.Count;
                    panels.Add(new PanelTask(batch, kvHead, column, panels.Count));
                }

                plan.Slots = Math.Max(plan.Slots, panels.Count);
                for (var head = kvHead * group; head < (kvHead + 1) * group; head++)
                {
                    blocks.AddRange(blocksOf(batch, head));
                }
            }
        }

        plan.Waves.Add(Wave(panels, blocks, group, costOf, splits));
        return plan;
    }

    /// <summary>
    /// Cuts the tasks of a wave into turns: a worker that is free takes the next turn, tasks [turns[i], turns[i + 1]). Neighbours share keys and
    /// values, which the worker still has in its cache. A turn costs at most a quarter of what is left for each worker, or is one task, so that all
    /// workers end together.
    /// </summary>
    /// <param name="wave">Index of the wave.</param>
    /// <param name="workers">Number of workers.</param>
    public int[] Turns(int wave, int workers)
    {
        if (_workers != workers)
        {
            _turns.Clear();
            _turns.AddRange(Waves.Select(tasks => Turns(tasks.Tasks, workers)));
            _workers = workers;
        }

        return _turns[wave];
    }

    /// <summary>
    /// Time of the last worker over the average, if workers take turns in order and time goes by cost: 1 is a perfect partition.
    /// </summary>
    public double Imbalance(int workers)
    {
        var (last, total) = (0L, 0L);
        for (var wave = 0; wave < Waves.Count; wave++)
        {
            var free = new PriorityQueue<int, long>(Enumerable.Range(0, workers).Select(worker => (worker, 0L)));
            var end = 0L;
            var turns = Turns(Waves[wave].Tasks, workers);
            for (var turn = 0; turn + 1 < turns.Length; turn++)
            {
                var cost = Waves[wave].Tasks[turns[turn]..turns[turn + 1]].Sum(_costOf);
                free.TryPeek(out _, out var start);
                free.DequeueEnqueue(0, start + cost);
                end = Math.Max(end, start + cost);
                total += cost;
            }

            last += end;
        }

        return total == 0 ? 1 : (double)last * workers / total;
    }

    private int[] Turns(AttentionTask[] tasks, int workers)
    {
        var turns = new List<int> { 0 };
        var left = tasks.Sum(_costOf);
        for (var task = 0; task < tasks.Length;)
        {
            var most = left / (4.0 * workers);
            var cost = _costOf(tasks[task++]);
            for (; task < tasks.Length && cost + _costOf(tasks[task]) <= most; task++)
            {
                cost += _costOf(tasks[task]);
            }

            left -= cost;
            turns.Add(task);
        }

        return [.. turns];
    }

    private static AttentionWave Wave(
        List<PanelTask> panels, List<AttentionTask> blocks, int group, Func<AttentionTask, long> costOf, int splits)
    {
        var numbered = blocks.Select((block, i) => block with { State = i * splits }).ToArray();
        var parts = numbered.SelectMany(block => Enumerable.Range(0, splits).Select(split => Part(block, split, splits))).ToArray();
        var heavy = parts.Length == 0 ? 0 : HeavyTask * parts.Average(costOf);
        var tasks = parts
            .OrderByDescending(task => costOf(task) > heavy ? costOf(task) : 0)
            .ThenBy(task => task.Batch)
            .ThenBy(task => task.Head / group)
            .ThenByDescending(costOf)
            .ToArray();
        return new AttentionWave([.. panels], tasks, numbered);
    }

    private static AttentionTask Part(AttentionTask block, int split, int splits)
    {
        var count = (long)(block.End - block.Start);
        return block with
        {
            Start = block.Start + (int)(count * split / splits),
            End = block.Start + (int)(count * (split + 1) / splits),
            State = block.State + split,
        };
    }

    private static List<int> UsedColumns(BlockMask mask, int batch, int firstHead, int heads)
    {
        var used = new bool[mask.TileColumns];
        for (var head = firstHead; head < firstHead + (mask.HeadSlices == 1 ? 1 : heads); head++)
        {
            var first = mask.Slice(batch, head) * mask.TileRows;
            for (var e = mask.LoadRowPtr[first]; e < mask.LoadRowPtr[first + mask.TileRows]; e++)
            {
                used[mask.LoadColIdx[e]] = true;
            }
        }

        return [.. Enumerable.Range(0, used.Length).Where(column => used[column])];
    }
}
