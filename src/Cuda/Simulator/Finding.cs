using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Simulator;

/// <summary>What a finding is about.</summary>
public enum FindingKind
{
    /// <summary>A register is read that the lane has not written.</summary>
    UndefinedRegister,

    /// <summary>Memory is read that nothing has written.</summary>
    UninitialisedMemory,

    /// <summary>An address is in no allocation, shared array or local array.</summary>
    OutOfBounds,

    /// <summary>An address is no multiple of the access's size.</summary>
    Misaligned,

    /// <summary>An address is in an allocation that was freed.</summary>
    FreedMemory,

    /// <summary>An address is null or just above.</summary>
    NullPointer,

    /// <summary>Two threads of a block touch a byte, one of them writes, and nothing orders them.</summary>
    Race,

    /// <summary>Two blocks touch a byte, and one of them writes.</summary>
    RaceBetweenBlocks,

    /// <summary>Lanes of one instruction store different values in a byte.</summary>
    LaneConflict,

    /// <summary>Memory that the kernel writes is read through the read-only cache.</summary>
    ReadOnlyWritten,

    /// <summary>A byte is touched while an asynchronous copy to it is under way.</summary>
    CopyInFlight,

    /// <summary>The source of an asynchronous copy changed before the wait.</summary>
    CopySourceChanged,

    /// <summary>Lanes that an instruction needs together cannot come to it.</summary>
    LanesMissing,

    /// <summary>A barrier of the block that lanes of a warp come to apart.</summary>
    DivergentBarrier,

    /// <summary>A lane takes a value from a lane that does not take part.</summary>
    InactiveSource,

    /// <summary>A barrier gets more threads than it waits for, or different numbers.</summary>
    BarrierMisuse,

    /// <summary>Shared memory is read of another block of the cluster, which may have ended before.</summary>
    BlockEnded,

    /// <summary>Threads wait for threads that never come.</summary>
    Deadlock,

    /// <summary>The instruction budget is spent.</summary>
    EndlessLoop,
}

/// <summary>A place in a launch.</summary>
/// <param name="Block">Block.</param>
/// <param name="Warp">Warp of the block; −1 where it is not known.</param>
/// <param name="Lane">Lane of the warp; −1 where it is several or not known.</param>
/// <param name="InstructionIndex">Number of the instruction within the kernel; −1 where it is not known.</param>
/// <param name="Instruction">The instruction in PTX.</param>
/// <param name="Source">The line of C# that emitted it.</param>
public sealed record Party(BlockIndex Block, int Warp, int Lane, int InstructionIndex, string Instruction, SourceLine Source)
{
    /// <inheritdoc/>
    public override string ToString() =>
        $"block {Block}{(Warp < 0 ? "" : $" warp {Warp}")}{(Lane < 0 ? "" : $" lane {Lane}")}"
        + (InstructionIndex < 0 ? "" : $" #{InstructionIndex} `{Instruction}` ({Source})");
}

/// <summary>Something that a kernel must not do.</summary>
/// <param name="Kind">What.</param>
/// <param name="Kernel">Kernel.</param>
/// <param name="Where">The first place where it happened: the lowest block of the grid.</param>
/// <param name="Message">What happened, with addresses.</param>
/// <param name="Address">Address; 0 if it is not about memory.</param>
/// <param name="Other">The other party of a race; null for other findings.</param>
/// <param name="Count">Times that the same happened at the same instruction (with the same other instruction).</param>
public sealed record Finding(FindingKind Kind, string Kernel, Party Where, string Message, ulong Address, Party? Other, long Count)
{
    /// <inheritdoc/>
    public override string ToString() =>
        $"{Kernel}: {Kind} at {Where}: {Message}{(Other is null ? "" : $"; the other: {Other}")}{(Count > 1 ? $" ({Count} times)" : "")}";
}
