using System.Collections.Immutable;

namespace Stof.Reference.Cuda.Ptx;

/// <summary>A parameter of a kernel; a launch passes all of them as one block of bytes.</summary>
/// <param name="Name">Name, for findings and for who launches.</param>
/// <param name="Type">Type of the register it is loaded into.</param>
/// <param name="Offset">Bytes from the start of the block.</param>
public sealed record KernelParameter(string Name, RegisterType Type, int Offset)
{
    /// <summary>Size in bytes; also its alignment.</summary>
    public int Bytes => Type.Bits() / 8;
}

/// <summary>A part of a block's shared memory.</summary>
/// <param name="Name">Name, for findings.</param>
/// <param name="Offset">Bytes from the start of the block's shared memory.</param>
/// <param name="Bytes">Size.</param>
/// <param name="Alignment">Alignment of its start.</param>
public sealed record SharedArray(string Name, int Offset, int Bytes, int Alignment);

/// <summary>A part of each thread's own memory.</summary>
/// <param name="Name">Name in the text and in findings.</param>
/// <param name="Offset">Bytes from the start of the thread's memory.</param>
/// <param name="Bytes">Size.</param>
/// <param name="Alignment">Alignment of its start.</param>
public sealed record LocalArray(string Name, int Offset, int Bytes, int Alignment);

/// <summary>
/// A finished kernel: what <see cref="PtxWriter"/> writes for the driver and what the simulator runs, from the same list.
/// </summary>
public sealed class Kernel
{
    /// <summary>Entry name.</summary>
    public required string Name { get; init; }

    /// <summary>What it was written for.</summary>
    public required Target Target { get; init; }

    /// <summary>Threads of a block.</summary>
    public required int Threads { get; init; }

    /// <summary>Blocks that shall fit a multiprocessor; 0 for no wish.</summary>
    public required int MinimumBlocks { get; init; }

    /// <summary>Blocks of a cluster, neighbours along x of the grid; 1 where blocks stand alone.</summary>
    public required int ClusterBlocks { get; init; }

    /// <summary>All instructions.</summary>
    public required ImmutableArray<Instruction> Instructions { get; init; }

    /// <summary>Parameters in the order of the block.</summary>
    public required ImmutableArray<KernelParameter> Parameters { get; init; }

    /// <summary>Size of the parameter block.</summary>
    public required int ParameterBytes { get; init; }

    /// <summary>Parts of the shared memory.</summary>
    public required ImmutableArray<SharedArray> SharedArrays { get; init; }

    /// <summary>Shared memory of a block, all of it dynamic, so that more than 48 KiB can be opted in to.</summary>
    public required int SharedBytes { get; init; }

    /// <summary>Parts of each thread's own memory.</summary>
    public required ImmutableArray<LocalArray> LocalArrays { get; init; }

    /// <summary>A thread's own memory.</summary>
    public required int LocalBytes { get; init; }

    /// <summary>Labels.</summary>
    public required ImmutableArray<Label> Labels { get; init; }

    /// <summary>For each label the number of the instruction that it stands before; it may be the number of instructions.</summary>
    public required ImmutableArray<int> LabelPositions { get; init; }

    /// <summary>Types of the registers of each <see cref="RegisterFile"/>.</summary>
    public required ImmutableArray<ImmutableArray<RegisterType>> RegisterTypes { get; init; }

    /// <summary>Bits of the constants of each <see cref="RegisterFile"/>.</summary>
    public required ImmutableArray<ImmutableArray<ulong>> Constants { get; init; }

    /// <summary>The PTX ISA version that target and instructions need, ten times its number.</summary>
    public int Version => Instructions.Select(instruction => instruction.Opcode.Requires.Version)
        .Append(Target.Version)
        .Append(ClusterBlocks > 1 ? ClusterInstructions.Requires.Version : 0)
        .Max();

    /// <summary>True if it may start before the kernel in front of it on the stream has ended, for it waits by itself.</summary>
    public bool OverlapsPrevious => Instructions.Any(instruction => instruction.Opcode == DependencyInstructions.Wait);

    /// <summary>The kernel as a PTX module.</summary>
    public string ToPtx() => PtxWriter.Write(this);
}
