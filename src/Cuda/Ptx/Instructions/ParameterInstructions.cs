using System.Runtime.InteropServices;

namespace Stof.Reference.Cuda.Ptx;

/// <summary>Loads of parameters; <see cref="KernelBuilder.Parameter"/> emits them.</summary>
internal static class ParameterInstructions
{
    private static readonly Opcode[] Loads = [Define(RegisterType.B32), Define(RegisterType.B64), Define(RegisterType.F32), Define(RegisterType.F64)];

    /// <summary>The load of a type.</summary>
    /// <exception cref="InvalidInputException">Parameters have no such type.</exception>
    public static Opcode Load(RegisterType type) =>
        Loads.FirstOrDefault(opcode => opcode.Slots[0].Type == type)
        ?? throw new InvalidInputException("parameter type", type.ToString(), "B32, B64, F32 or F64");

    private static Opcode Define(RegisterType type) => new(
        $"ld.param{(type is RegisterType.F32 or RegisterType.F64 ? ".f" : ".b")}{type.Bits()}",
        InstructionClass.Local,
        (warp, instruction, lanes) =>
        {
            var bytes = warp.ParameterBlock[instruction.Parameter!.Offset..];
            for (var lane = 0; lane < Simulator.Warp.Lanes; lane++)
            {
                if ((lanes & (1u << lane)) == 0)
                {
                    continue;
                }

                if (type.File() == RegisterFile.Words)
                {
                    warp.WordsOf(instruction.Operands[0])[lane] = MemoryMarshal.Read<uint>(bytes);
                }
                else
                {
                    warp.LongWordsOf(instruction.Operands[0])[lane] = MemoryMarshal.Read<ulong>(bytes);
                }
            }
        },
        new Slot(SlotRole.Destination, type));
}
