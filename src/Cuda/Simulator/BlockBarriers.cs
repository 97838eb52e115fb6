namespace Stof.Reference.Cuda.Simulator;

/// <summary>The sixteen barriers of a block: who came, who waits, and what who comes together knows of the others' accesses.</summary>
internal sealed class BlockBarriers(ThreadBlock block)
{
    private const int Count = 16;

    private readonly State[] _states = [.. Enumerable.Range(0, Count).Select(_ => new State(block.Cluster.Size))];

    /// <summary>Times that all warps of the block met, over all blocks of the worker.</summary>
    public uint Generation { get; private set; }

    /// <summary>Forgets all.</summary>
    public void Begin()
    {
        Generation++;
        foreach (var state in _states)
        {
            state.Reset();
        }
    }

    /// <summary>A warp comes to a barrier.</summary>
    /// <param name="warp">All of its lanes that have not ended.</param>
    /// <param name="id">Barrier.</param>
    /// <param name="threads">Threads that come in all; 0 for those of the block that have not ended.</param>
    /// <param name="waits">False if it goes on at once.</param>
    public void Arrive(Warp warp, int id, int threads, bool waits)
    {
        var state = _states[id];
        if (state.Arrived > 0 && state.Threads != threads)
        {
            block.Findings.Add(
                FindingKind.BarrierMisuse,
                block,
                warp.Index,
                -1,
                warp.CurrentInstruction,
                () => $"barrier {id} is waited for by {Text(state.Threads)}, and here by {Text(threads)}",
                other: new FindingList.Other(block.Linear, state.FirstWarp, -1, state.FirstInstruction));
        }

        if (state.Arrived == 0)
        {
            state.Threads = threads;
            state.FirstWarp = warp.Index;
            state.FirstInstruction = warp.CurrentInstruction;
        }

        state.Arrived += Warp.Lanes;
        warp.Order.Publish(state.Known);
        if (waits)
        {
            block.Counters.BarrierWaits++;
            state.Waiting |= 1u << warp.Index;
            warp.WaitAtBarrier(id);
        }

        Complete(id, state);
    }

    /// <summary>A warp has ended: barriers without a number of threads may be complete without it.</summary>
    public void Leave()
    {
        for (var id = 0; id < Count; id++)
        {
            if (_states[id] is { Arrived: > 0, Threads: 0 } state)
            {
                Complete(id, state);
            }
        }
    }

    /// <summary>Where a warp waits, in words.</summary>
    public string Describe(Warp warp)
    {
        var state = _states[warp.BarrierWaitedAt];
        return $"barrier {warp.BarrierWaitedAt} for {Text(state.Threads)}, {state.Arrived} have come (#{warp.BarrierInstruction})";
    }

    private static string Text(int threads) => threads == 0 ? "all threads" : $"{threads} threads";

    private void Complete(int id, State state)
    {
        var expected = state.Threads;
        var living = 0;
        foreach (var warp in block.Warps)
        {
            living += warp.HasEnded ? 0 : Warp.Lanes;
        }

        expected = expected == 0 ? living : expected;
        if (state.Arrived < expected)
        {
            return;
        }

        if (state.Arrived >= living)
        {
            Generation++;
        }

        foreach (var warp in block.Warps)
        {
            if ((state.Waiting & (1u << warp.Index)) != 0)
            {
                warp.Order.Learn(state.Known);
                warp.PassBarrier(id);
            }
        }

        state.Reset();
    }

    private sealed class State(int blocks)
    {
        public int Arrived { get; set; }

        public int Threads { get; set; }

        public uint Waiting { get; set; }

        public int FirstWarp { get; set; }

        public int FirstInstruction { get; set; }

        public Knowledge Known { get; } = new(blocks);

        public void Reset()
        {
            Arrived = 0;
            Threads = 0;
            Waiting = 0;
            Known.Reset(0);
        }
    }
}
