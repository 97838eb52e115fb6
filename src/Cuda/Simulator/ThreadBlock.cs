using System.Text;
using Stof.Reference.Cuda.Simulator.Tracing;

namespace Stof.Reference.Cuda.Simulator;

/// <summary>
/// One block at a time: its warps take turns, each until it waits. A worker reuses it for its next block.
/// </summary>
internal sealed class ThreadBlock
{
    private const int Slice = 20_000;

    private readonly Warp[] _warps;
    private long _budget;

    public ThreadBlock(LaunchContext launch, BlockCluster cluster, int rank)
    {
        Launch = launch;
        Cluster = cluster;
        Rank = rank;
        Findings = new FindingList(launch);
        Shared = new byte[launch.Kernel.SharedBytes];
        SharedShadow = new SharedShadow(this, launch.Kernel.SharedBytes, launch.Kernel.Threads / Warp.Lanes);
        GlobalShadow = new GlobalShadow(this);
        Barriers = new BlockBarriers(this);
        _warps = new Warp[launch.Kernel.Threads / Warp.Lanes];
        for (var i = 0; i < _warps.Length; i++)
        {
            _warps[i] = new Warp(launch.Kernel, launch.Constants, launch.Parameters, this, i);
        }
    }

    /// <summary>What all blocks share.</summary>
    public LaunchContext Launch { get; }

    /// <summary>The blocks that it runs together with.</summary>
    public BlockCluster Cluster { get; }

    /// <summary>Number of the block within its cluster.</summary>
    public int Rank { get; }

    /// <summary>Findings of the blocks run so far.</summary>
    public FindingList Findings { get; }

    /// <summary>Counters of the blocks run so far.</summary>
    public Counters Counters { get; } = new();

    /// <summary>Shared memory.</summary>
    public byte[] Shared { get; }

    /// <summary>Who touched it.</summary>
    public SharedShadow SharedShadow { get; }

    /// <summary>Who of the block touched which global memory.</summary>
    public GlobalShadow GlobalShadow { get; }

    /// <summary>Barriers.</summary>
    public BlockBarriers Barriers { get; }

    /// <summary>Warps.</summary>
    public ReadOnlySpan<Warp> Warps => _warps;

    /// <summary>Number of the block within the grid.</summary>
    public int Linear { get; private set; }

    /// <summary>Place in the grid.</summary>
    public BlockIndex Index { get; private set; }

    /// <summary>True if blocks run in order, so that races between them can be reported.</summary>
    public bool IsSequential { get; init; }

    /// <summary>Records steps; null where none are wanted.</summary>
    public StepRecorder? Recorder { get; private set; }

    /// <summary>Ticket that the block began with: accesses with lower ones belong to blocks before.</summary>
    public uint FirstTicket { get; private set; }

    /// <summary>Generation of barriers that the block began with.</summary>
    public uint FirstGeneration { get; private set; }

    /// <summary>True after a finding that the block cannot go on from.</summary>
    public bool HasGivenUp { get; private set; }

    /// <summary>True after all its warps have ended.</summary>
    public bool HasEnded => Array.TrueForAll(_warps, warp => warp.HasEnded);

    /// <summary>Ticket of its last access.</summary>
    public uint LastTicket => _warps.Max(warp => warp.Ticket);

    /// <summary>Forgets who touched what, so that tickets may start over.</summary>
    public void ForgetAccesses()
    {
        SharedShadow.Clear();
        GlobalShadow.Clear();
    }

    /// <summary>Starts a block.</summary>
    /// <param name="linear">Number within the grid.</param>
    /// <param name="ticket">The last ticket of what ran before.</param>
    public void Begin(int linear, uint ticket)
    {
        Linear = linear;
        Index = Launch.BlockAt(linear);
        HasGivenUp = false;
        _budget = Launch.Options.InstructionBudget;
        FirstTicket = ticket;
        Recorder = Launch.Options.Trace is { } request && request.Block == Index ? new StepRecorder(Launch.Kernel, request) : Recorder;
        foreach (var warp in _warps)
        {
            warp.Begin(ticket, Launch.Options.Trace is { } trace && trace.Block == Index && trace.Warp == warp.Index ? Recorder : null);
        }

        Barriers.Begin();
        SharedShadow.Begin();
        FirstGeneration = Barriers.Generation;
        Shared.AsSpan().Fill(0xff);
    }

    /// <summary>Runs each warp until it waits, ends, or others shall have their turn.</summary>
    /// <returns>False if none could run.</returns>
    public bool RunTurn()
    {
        var hasRun = false;
        foreach (var warp in _warps)
        {
            if (!warp.IsRunnable || HasGivenUp)
            {
                continue;
            }

            hasRun = true;
            _budget -= warp.Run((int)Math.Min(Slice, _budget));
            if (_budget <= 0)
            {
                Findings.Add(
                    FindingKind.EndlessLoop,
                    this,
                    warp.Index,
                    -1,
                    warp.CurrentInstruction,
                    () => $"the block's warps have run {Launch.Options.InstructionBudget} instructions");
                GiveUp();
            }
        }

        return hasRun;
    }

    /// <summary>A byte of shared memory by the array that it is in.</summary>
    public string DescribeShared(int offset)
    {
        var array = Launch.Kernel.SharedArrays.FirstOrDefault(array => offset >= array.Offset && offset < array.Offset + array.Bytes);
        return array is null ? $"{offset}" : $"{offset - array.Offset} of {array.Name}";
    }

    /// <summary>Ends the block after a finding that it cannot go on from.</summary>
    public void GiveUp()
    {
        HasGivenUp = true;
        Launch.GaveUp = true;
        if (!IsSequential)
        {
            Launch.NeedsRerun = true;
        }
    }

    /// <summary>Reports that its warps wait for what never comes, and ends the block.</summary>
    public void ReportDeadlock()
    {
        var text = new StringBuilder();
        Warp? first = null;
        foreach (var warp in _warps)
        {
            if (!warp.HasEnded)
            {
                first ??= warp;
                text.Append(text.Length == 0 ? "" : "; ").Append("warp ").Append(warp.Index).Append(" waits at ")
                    .Append(warp.BarrierWaitedAt == ClusterBarrier.Id ? Cluster.Barrier.Describe(warp) : Barriers.Describe(warp));
            }
            else
            {
                text.Append(text.Length == 0 ? "" : "; ").Append("warp ").Append(warp.Index).Append(" has ended");
            }
        }

        Findings.Add(FindingKind.Deadlock, this, first!.Index, -1, first.BarrierInstruction, text.ToString);
        GiveUp();
    }
}
