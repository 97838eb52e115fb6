using System.Runtime.CompilerServices;

namespace Stof.Reference.Cuda.Ptx;

/// <summary>Who sees what a fence orders.</summary>
public enum FenceScope
{
    /// <summary>The block.</summary>
    Block,

    /// <summary>The device.</summary>
    Device,

    /// <summary>Device, host and peers.</summary>
    System,
}

/// <summary>Barriers and fences.</summary>
internal static class BarrierInstructions
{
    private static readonly Slot Identifier = new(SlotRole.Source, RegisterType.B32);

    public static readonly Opcode Sync = new(
        "bar.sync", InstructionClass.Barrier, (warp, instruction, lanes) => warp.ArriveAtBarrier(instruction, hasCount: false, waits: true), Identifier)
    {
        Demand = LaneDemand.Alive,
    };

    public static readonly Opcode SyncThreads = new(
        "bar.sync",
        InstructionClass.Barrier,
        (warp, instruction, lanes) => warp.ArriveAtBarrier(instruction, hasCount: true, waits: true),
        Identifier,
        new Slot(SlotRole.Source, RegisterType.B32))
    {
        Demand = LaneDemand.Alive,
    };

    public static readonly Opcode Arrive = new(
        "bar.arrive",
        InstructionClass.Barrier,
        (warp, instruction, lanes) => warp.ArriveAtBarrier(instruction, hasCount: true, waits: false),
        Identifier,
        new Slot(SlotRole.Source, RegisterType.B32))
    {
        Demand = LaneDemand.Alive,
    };

    public static readonly Opcode WarpSync = new(
        "bar.warp.sync", InstructionClass.Barrier, (warp, instruction, lanes) => warp.SyncLanes(lanes), new Slot(SlotRole.Source, RegisterType.B32))
    {
        Demand = LaneDemand.Named,
    };

    public static readonly Opcode[] Fences =
    [
        .. new[] { "membar.cta", "membar.gl", "membar.sys" }.Select(name => new Opcode(name, InstructionClass.Barrier, (warp, instruction, lanes) => { })),
    ];
}

/// <content>Barriers and fences.</content>
public sealed partial class KernelBuilder
{
    /// <summary>Waits for all threads of the block; what they wrote before is visible behind it.</summary>
    public void Barrier([CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit(BarrierInstructions.Sync, [B32.Constant(0).Operand], file, line);

    /// <summary>Waits at one of the block's 16 barriers until so many threads have come, with those that only arrive.</summary>
    /// <param name="id">Barrier 0 to 15.</param>
    /// <param name="threads">A multiple of 32; all who use the barrier at a time name the same.</param>
    /// <param name="file">Path of the caller.</param>
    /// <param name="line">Line of the caller.</param>
    /// <exception cref="InvalidInputException">No such barrier, or no multiple of 32.</exception>
    public void Barrier(int id, int threads, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
    {
        CheckBarrier(id, threads);
        Emit(BarrierInstructions.SyncThreads, [B32.Constant(id).Operand, B32.Constant(threads).Operand], file, line);
    }

    /// <summary>Comes to a barrier without waiting.</summary>
    /// <param name="id">Barrier 0 to 15.</param>
    /// <param name="threads">Threads that come in all, those that wait among them; a multiple of 32.</param>
    /// <param name="file">Path of the caller.</param>
    /// <param name="line">Line of the caller.</param>
    /// <exception cref="InvalidInputException">No such barrier, or no multiple of 32.</exception>
    public void BarrierArrive(int id, int threads, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
    {
        CheckBarrier(id, threads);
        Emit(BarrierInstructions.Arrive, [B32.Constant(id).Operand, B32.Constant(threads).Operand], file, line);
    }

    /// <summary>Waits for lanes of the warp; what they wrote before is visible to each other behind it.</summary>
    public void WarpSync(uint mask = uint.MaxValue, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit(BarrierInstructions.WarpSync, [B32.Constant((int)mask).Operand], file, line);

    /// <summary>Orders a thread's memory accesses before and behind it, as others in the scope see them.</summary>
    public void MemoryFence(FenceScope scope, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit(BarrierInstructions.Fences[(int)scope], [], file, line);

    private static void CheckBarrier(int id, int threads)
    {
        if (id is < 0 or > 15)
        {
            throw new InvalidInputException("barrier", $"{id}", "0 to 15");
        }

        if (threads is < 32 or > 1024 || threads % 32 != 0)
        {
            throw new InvalidInputException("threads of a barrier", $"{threads}", "a multiple of 32 up to 1024");
        }
    }
}
