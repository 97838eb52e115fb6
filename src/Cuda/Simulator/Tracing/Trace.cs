using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Simulator.Tracing;

/// <summary>A register that a step wrote.</summary>
/// <param name="Name">Name in the text.</param>
/// <param name="Type">Type.</param>
/// <param name="Lanes">Lanes that were written.</param>
/// <param name="Values">Bits of all 32 lanes.</param>
public sealed record WrittenRegister(string Name, RegisterType Type, uint Lanes, IReadOnlyList<ulong> Values);

/// <summary>Memory that a lane touched in a step.</summary>
/// <param name="Lane">Lane.</param>
/// <param name="Space">global, shared or local.</param>
/// <param name="Address">Address.</param>
/// <param name="Bytes">Size.</param>
/// <param name="IsWrite">True for a store.</param>
public readonly record struct TouchedMemory(int Lane, string Space, ulong Address, int Bytes, bool IsWrite);

/// <summary>One instruction of a warp.</summary>
/// <param name="Number">Number of the step, from 0.</param>
/// <param name="InstructionIndex">Number of the instruction within the kernel.</param>
/// <param name="Instruction">The instruction.</param>
/// <param name="Lanes">Lanes that took part.</param>
/// <param name="Registers">Registers that it wrote.</param>
/// <param name="Memory">Memory that it touched.</param>
public sealed record TraceStep(
    int Number,
    int InstructionIndex,
    Instruction Instruction,
    uint Lanes,
    IReadOnlyList<WrittenRegister> Registers,
    IReadOnlyList<TouchedMemory> Memory);

/// <summary>The steps of one warp.</summary>
/// <param name="Kernel">The kernel.</param>
/// <param name="Request">Which warp.</param>
/// <param name="Steps">Steps in the order in which they ran.</param>
/// <param name="IsComplete">False if the warp went on beyond the last step kept.</param>
public sealed record Trace(Kernel Kernel, TraceRequest Request, IReadOnlyList<TraceStep> Steps, bool IsComplete);
