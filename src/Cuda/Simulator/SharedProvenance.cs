using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Simulator;

/// <summary>
/// Which shared array an address was computed from. A register that comes from one array's address by integer arithmetic, moves and
/// selections belongs to that array; one that two arrays meet in belongs to none.
/// </summary>
internal static class SharedProvenance
{
    private static readonly SharedArray Several = new("several", 0, 0, 1);

    /// <summary>For each instruction the array that its shared address belongs to, or null.</summary>
    public static SharedArray?[] Find(Kernel kernel)
    {
        var origins = new SharedArray?[kernel.RegisterTypes[(int)RegisterFile.Words].Length];
        bool changed;
        do
        {
            changed = false;
            foreach (var instruction in kernel.Instructions)
            {
                if (instruction.Opcode.DestinationCount != 1 || instruction.Operands[0].Type != RegisterType.B32)
                {
                    continue;
                }

                SharedArray? origin = instruction.SharedArray;
                if (instruction.Opcode.Class is InstructionClass.IntegerArithmetic or InstructionClass.Move or InstructionClass.Predicate)
                {
                    foreach (var source in instruction.Operands.Skip(1))
                    {
                        origin = source is { IsRegister: true, Type: RegisterType.B32 } ? Meet(origin, origins[source.Index]) : origin;
                    }
                }

                ref var known = ref origins[instruction.Operands[0].Index];
                var met = Meet(known, origin);
                changed |= met != known;
                known = met;
            }
        }
        while (changed);
        return [.. kernel.Instructions.Select(instruction => ArrayOf(instruction, origins))];
    }

    private static SharedArray? Meet(SharedArray? left, SharedArray? right) => left is null ? right : right is null || left == right ? left : Several;

    private static SharedArray? ArrayOf(Instruction instruction, SharedArray?[] origins)
    {
        var next = 0;
        foreach (var slot in instruction.Opcode.Slots)
        {
            if (slot.Role == SlotRole.Address && slot.Type == RegisterType.B32 && instruction.Operands[next].IsRegister)
            {
                var origin = origins[instruction.Operands[next].Index];
                return ReferenceEquals(origin, Several) ? null : origin;
            }

            next += slot.Count;
        }

        return null;
    }
}
