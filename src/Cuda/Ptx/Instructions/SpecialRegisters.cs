using System.Numerics;
using System.Runtime.CompilerServices;
using Stof.Reference.Cuda.Simulator;

namespace Stof.Reference.Cuda.Ptx;

/// <summary>Where a thread is, and what time it is.</summary>
internal static class SpecialRegisters
{
    public static readonly Opcode ThreadX = Define("tid.x", (warp, lane) => (uint)((warp.Index * Warp.Lanes) + lane));

    public static readonly Opcode ThreadY = Define("tid.y", (warp, lane) => 0);

    public static readonly Opcode ThreadZ = Define("tid.z", (warp, lane) => 0);

    public static readonly Opcode BlockX = Define("ctaid.x", (warp, lane) => (uint)warp.Block.X);

    public static readonly Opcode BlockY = Define("ctaid.y", (warp, lane) => (uint)warp.Block.Y);

    public static readonly Opcode BlockZ = Define("ctaid.z", (warp, lane) => (uint)warp.Block.Z);

    public static readonly Opcode GridX = Define("nctaid.x", (warp, lane) => (uint)warp.Grid.X);

    public static readonly Opcode GridY = Define("nctaid.y", (warp, lane) => (uint)warp.Grid.Y);

    public static readonly Opcode GridZ = Define("nctaid.z", (warp, lane) => (uint)warp.Grid.Z);

    public static readonly Opcode BlockSizeX = Define("ntid.x", (warp, lane) => (uint)warp.BlockThreads);

    public static readonly Opcode LaneId = Define("laneid", (warp, lane) => (uint)lane);

    public static readonly Opcode ClusterRank = Define("cluster_ctarank", (warp, lane) => (uint)warp.ClusterRank) with { Requires = ClusterInstructions.Requires };

    public static readonly Opcode ClusterSize = Define("cluster_nctaid.x", (warp, lane) => (uint)warp.ClusterBlocks) with { Requires = ClusterInstructions.Requires };

    public static readonly Opcode Clock64 = new(
        "mov.u64",
        InstructionClass.Move,
        (warp, instruction, lanes) =>
        {
            var d = warp.LongWordsOf(instruction.Operands[0]);
            for (var left = lanes; left != 0; left &= left - 1)
            {
                d[BitOperations.TrailingZeroCount(left)] = (ulong)warp.Clock;
            }
        },
        new Slot(SlotRole.Destination, RegisterType.B64))
    {
        Suffix = ", %clock64",
    };

    private static Opcode Define(string register, Func<Warp, int, uint> f) => new(
        "mov.u32",
        InstructionClass.Move,
        (warp, instruction, lanes) =>
        {
            var d = warp.WordsOf(instruction.Operands[0]);
            for (var left = lanes; left != 0; left &= left - 1)
            {
                var lane = BitOperations.TrailingZeroCount(left);
                d[lane] = f(warp, lane);
            }
        },
        new Slot(SlotRole.Destination, RegisterType.B32))
    {
        Suffix = $", %{register}",
    };
}

/// <content>Where a thread is, and what time it is.</content>
public sealed partial class KernelBuilder
{
    /// <summary>The thread's number in its block.</summary>
    public B32 ThreadX([CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(SpecialRegisters.ThreadX, [], file, line);

    /// <summary>0: blocks have one dimension.</summary>
    public B32 ThreadY([CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(SpecialRegisters.ThreadY, [], file, line);

    /// <summary>0: blocks have one dimension.</summary>
    public B32 ThreadZ([CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(SpecialRegisters.ThreadZ, [], file, line);

    /// <summary>The block's x in the grid.</summary>
    public B32 BlockX([CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(SpecialRegisters.BlockX, [], file, line);

    /// <summary>The block's y in the grid.</summary>
    public B32 BlockY([CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(SpecialRegisters.BlockY, [], file, line);

    /// <summary>The block's z in the grid.</summary>
    public B32 BlockZ([CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(SpecialRegisters.BlockZ, [], file, line);

    /// <summary>Blocks of the grid along x.</summary>
    public B32 GridX([CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(SpecialRegisters.GridX, [], file, line);

    /// <summary>Blocks of the grid along y.</summary>
    public B32 GridY([CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(SpecialRegisters.GridY, [], file, line);

    /// <summary>Blocks of the grid along z.</summary>
    public B32 GridZ([CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(SpecialRegisters.GridZ, [], file, line);

    /// <summary>Threads of a block.</summary>
    public B32 BlockSizeX([CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(SpecialRegisters.BlockSizeX, [], file, line);

    /// <summary>The thread's number in its warp.</summary>
    public B32 LaneId([CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(SpecialRegisters.LaneId, [], file, line);

    /// <summary>A counter that runs with the device's clock; in the simulator it counts the warp's instructions.</summary>
    public B64 Clock64([CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B64>(SpecialRegisters.Clock64, [], file, line);
}
