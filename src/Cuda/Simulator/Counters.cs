using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Simulator;

/// <summary>What a launch did, in numbers.</summary>
public sealed class Counters
{
    private readonly long[] _warpInstructions = new long[Enum.GetValues<InstructionClass>().Length];
    private readonly long[] _laneInstructions = new long[Enum.GetValues<InstructionClass>().Length];

    /// <summary>Instructions of all warps.</summary>
    public long WarpInstructions => _warpInstructions.Sum();

    /// <summary>Instructions of all lanes: those that guards and branches left.</summary>
    public long LaneInstructions => _laneInstructions.Sum();

    /// <summary>32-byte sectors of global loads, counted an access of a warp; no cache is between.</summary>
    public long GlobalLoadSectors { get; internal set; }

    /// <summary>32-byte sectors of global stores and atomics, counted an access of a warp.</summary>
    public long GlobalStoreSectors { get; internal set; }

    /// <summary>Bytes that lanes asked global memory for.</summary>
    public long GlobalLoadBytes { get; internal set; }

    /// <summary>Bytes that lanes gave global memory.</summary>
    public long GlobalStoreBytes { get; internal set; }

    /// <summary>Accesses of warps to shared memory.</summary>
    public long SharedAccesses { get; internal set; }

    /// <summary>Cycles that those accesses take beyond the least for their width.</summary>
    public long SharedConflicts { get; internal set; }

    /// <summary>Operations of matrix instructions: two a multiply-add.</summary>
    public long TensorFlops { get; internal set; }

    /// <summary>Times that a warp waited at a barrier.</summary>
    public long BarrierWaits { get; internal set; }

    /// <summary>Branches that lanes of a warp took differently.</summary>
    public long DivergentBranches { get; internal set; }

    /// <summary>Bytes of asynchronous copies.</summary>
    public long AsyncCopyBytes { get; internal set; }

    /// <summary>Bytes that several lanes of one instruction stored the same value in.</summary>
    public long SameValueStores { get; internal set; }

    /// <summary>Instructions of a class, counted a warp.</summary>
    public long WarpInstructionsOf(InstructionClass instructionClass) => _warpInstructions[(int)instructionClass];

    /// <summary>Instructions of a class, counted a lane.</summary>
    public long LaneInstructionsOf(InstructionClass instructionClass) => _laneInstructions[(int)instructionClass];

    internal void Count(InstructionClass instructionClass, int lanes)
    {
        _warpInstructions[(int)instructionClass]++;
        _laneInstructions[(int)instructionClass] += lanes;
    }

    internal void Add(Counters other)
    {
        for (var i = 0; i < _warpInstructions.Length; i++)
        {
            _warpInstructions[i] += other._warpInstructions[i];
            _laneInstructions[i] += other._laneInstructions[i];
        }

        GlobalLoadSectors += other.GlobalLoadSectors;
        GlobalStoreSectors += other.GlobalStoreSectors;
        GlobalLoadBytes += other.GlobalLoadBytes;
        GlobalStoreBytes += other.GlobalStoreBytes;
        SharedAccesses += other.SharedAccesses;
        SharedConflicts += other.SharedConflicts;
        TensorFlops += other.TensorFlops;
        BarrierWaits += other.BarrierWaits;
        DivergentBranches += other.DivergentBranches;
        AsyncCopyBytes += other.AsyncCopyBytes;
        SameValueStores += other.SameValueStores;
    }
}
