using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Simulator;

/// <summary>An instruction as the engine runs it.</summary>
internal sealed class ProgramStep
{
    /// <summary>The instruction.</summary>
    public required Instruction Instruction { get; init; }

    /// <summary>What it does.</summary>
    public required Semantics Execute { get; init; }

    /// <summary>The predicate that guards it, or −1.</summary>
    public required int Guard { get; init; }

    /// <summary>Registers that it reads, numbered over all files (see <see cref="RegisterNumbers"/>).</summary>
    public required int[] Sources { get; init; }

    /// <summary>Registers that it writes, numbered over all files.</summary>
    public required int[] Destinations { get; init; }

    /// <summary>The shared array that its address was computed from; null if that cannot be told.</summary>
    public SharedArray? SharedArray { get; init; }

    /// <summary>The program of a kernel.</summary>
    public static ProgramStep[] Decode(Kernel kernel)
    {
        var numbers = new RegisterNumbers(kernel);
        var arrays = SharedProvenance.Find(kernel);
        return
        [
            .. kernel.Instructions.Select((instruction, index) =>
            {
                var destinations = instruction.Operands.Take(instruction.Opcode.DestinationCount);
                var sources = instruction.Operands.Skip(instruction.Opcode.DestinationCount).Where(operand => operand.IsRegister);
                return new ProgramStep
                {
                    Instruction = instruction,
                    Execute = instruction.Opcode.Execute,
                    Guard = instruction.Guard?.Index ?? -1,
                    Sources = [.. sources.Select(numbers.Of).Distinct()],
                    Destinations = [.. destinations.Select(numbers.Of)],
                    SharedArray = arrays[index],
                };
            }),
        ];
    }
}

/// <summary>One numbering of the registers of all files: predicates, words, long words.</summary>
internal readonly struct RegisterNumbers(Kernel kernel)
{
    private readonly int _predicates = kernel.RegisterTypes[(int)RegisterFile.Predicates].Length;
    private readonly int _words = kernel.RegisterTypes[(int)RegisterFile.Words].Length;

    /// <summary>Registers in all.</summary>
    public int Count { get; } = kernel.RegisterTypes.Sum(types => types.Length);

    /// <summary>The number of a register.</summary>
    public int Of(Operand register) => register.Type.File() switch
    {
        RegisterFile.Predicates => register.Index,
        RegisterFile.Words => _predicates + register.Index,
        _ => _predicates + _words + register.Index,
    };
}
