using System.Runtime.CompilerServices;

namespace Stof.Reference.Cuda.Ptx;

/// <summary>Blocks of a cluster: their barrier, and loads from each other's shared memory.</summary>
internal static class ClusterInstructions
{
    /// <summary>Blocks of the largest cluster that every device with clusters runs.</summary>
    public const int MostBlocks = 8;

    /// <summary>What clusters need.</summary>
    public static readonly Requirement Requires = new(90, 78);

    private static readonly Dictionary<(RegisterType Type, int Count), Opcode> LoadOpcodes = MemoryTypes.ForAll(DefineLoad);

    public static readonly Opcode Arrive = new(
        "barrier.cluster.arrive.aligned", InstructionClass.Barrier, (warp, instruction, lanes) => warp.ArriveAtCluster())
    {
        Demand = LaneDemand.Alive,
        Requires = Requires,
    };

    public static readonly Opcode Wait = new(
        "barrier.cluster.wait.aligned", InstructionClass.Barrier, (warp, instruction, lanes) => warp.WaitForCluster())
    {
        Demand = LaneDemand.Alive,
        Requires = Requires,
    };

    public static readonly Opcode Map = new(
        "mapa.shared::cluster.u32",
        InstructionClass.Move,
        (warp, instruction, lanes) => warp.MapShared(instruction, lanes),
        new Slot(SlotRole.Destination, RegisterType.B32),
        new Slot(SlotRole.Source, RegisterType.B32),
        new Slot(SlotRole.Source, RegisterType.B32))
    {
        NamesBlock = true,
        Requires = Requires,
    };

    public static readonly IEnumerable<Opcode> Loads = [.. LoadOpcodes.Values];

    public static Opcode Load(RegisterType type, int count) => MemoryTypes.Find(LoadOpcodes, type, count);

    private static Opcode DefineLoad(RegisterType type, int count) => new(
        $"ld.shared::cluster{MemoryTypes.Vector(count)}.{MemoryTypes.Suffix(type)}",
        InstructionClass.Shared,
        (warp, instruction, lanes) => warp.LoadCluster(instruction, lanes, type.Bits() / 8, count),
        new Slot(SlotRole.Destination, type, count),
        new Slot(SlotRole.Address, RegisterType.B32))
    {
        Requires = Requires,
    };
}

/// <content>Blocks of a cluster.</content>
public sealed partial class KernelBuilder
{
    /// <summary>Blocks of a cluster, neighbours along x of the grid; 1 where blocks stand alone.</summary>
    public int ClusterBlocks { get; private set; } = 1;

    /// <summary>Launches blocks in clusters: they run at the same time, and may read each other's shared memory.</summary>
    /// <param name="blocks">Neighbours along x of the grid, whose extent is a multiple of it.</param>
    /// <exception cref="InvalidInputException">The target has no clusters, or none that large.</exception>
    public void Cluster(int blocks)
    {
        if (blocks is < 1 or > ClusterInstructions.MostBlocks)
        {
            throw new InvalidInputException("cluster", $"{blocks} blocks", $"1 to {ClusterInstructions.MostBlocks}");
        }

        if (blocks > 1 && !Target.Has(ClusterInstructions.Requires))
        {
            throw new InvalidInputException("cluster", $"target {Target.Name}", $"sm_{ClusterInstructions.Requires.ComputeCapability} or newer");
        }

        ClusterBlocks = blocks;
    }

    /// <summary>The block's number in its cluster.</summary>
    public B32 ClusterRank([CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(SpecialRegisters.ClusterRank, [], file, line);

    /// <summary>Blocks of the cluster along x.</summary>
    public B32 ClusterSize([CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(SpecialRegisters.ClusterSize, [], file, line);

    /// <summary>
    /// Comes to the cluster's barrier without waiting. Until <see cref="ClusterWait"/> the thread must not come again. What it wrote before is visible to
    /// all threads of the cluster behind their wait.
    /// </summary>
    public void ClusterArrive([CallerFilePath] string file = "", [CallerLineNumber] int line = 0) => Emit(ClusterInstructions.Arrive, [], file, line);

    /// <summary>Waits until all threads of the cluster that have not ended have come to its barrier.</summary>
    public void ClusterWait([CallerFilePath] string file = "", [CallerLineNumber] int line = 0) => Emit(ClusterInstructions.Wait, [], file, line);

    /// <summary>Waits for all threads of the cluster; what they wrote before is visible behind it.</summary>
    public void ClusterBarrier([CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
    {
        ClusterArrive(file, line);
        ClusterWait(file, line);
    }

    /// <summary>The same place in the shared memory of another block of the cluster.</summary>
    /// <param name="here">In the block's own.</param>
    /// <param name="rank">Number of the other block in the cluster.</param>
    /// <param name="file">Path of the caller.</param>
    /// <param name="line">Line of the caller.</param>
    public ClusterPointer InBlock(SharedPointer here, B32 rank, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        new(Emit<B32>(ClusterInstructions.Map, [here.Base.Operand, rank.Operand], file, line), here.Offset);

    /// <summary>Loads a register's worth of bytes from a block of the cluster, which must not end before; the address is a multiple of their number.</summary>
    public T LoadCluster<T>(ClusterPointer from, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
        where T : struct, IValue<T> =>
        Emit<T>(ClusterInstructions.Load(T.Type, 1), [from.Base.Operand], file, line, from.Offset);

    /// <summary>Loads 2 or 4 registers, 16 bytes at most, from a block of the cluster, which must not end before; the address is a multiple of their bytes.</summary>
    /// <exception cref="InvalidInputException">More than 16 bytes, or another count.</exception>
    public T[] LoadClusterVector<T>(ClusterPointer from, int count, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
        where T : struct, IValue<T> =>
        EmitVectorLoad<T>(ClusterInstructions.Load(T.Type, count), from.Base.Operand, count, file, line, from.Offset);
}
