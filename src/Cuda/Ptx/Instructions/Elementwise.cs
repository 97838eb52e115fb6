using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Stof.Reference.Cuda.Simulator;

namespace Stof.Reference.Cuda.Ptx;

/// <summary>
/// Defines instructions that treat every lane alike: a line of C# says what one lane does. A lane is read as the C# type of the lambda's
/// parameter: 4-byte types from 32-bit registers (16-bit registers and packed pairs are <see langword="uint"/>), 8-byte types from 64-bit
/// registers. Slots have the natural type of the C# type unless <c>registers</c> (destination first) says otherwise.
/// </summary>
internal static class Elementwise
{
    /// <summary>d = f(a).</summary>
    public static Opcode Define<TA, TD>(string name, InstructionClass instructionClass, Func<TA, TD> f, params ReadOnlySpan<RegisterType> registers)
        where TA : unmanaged
        where TD : unmanaged =>
        new(
            name,
            instructionClass,
            (warp, instruction, lanes) =>
            {
                var a = Read<TA>(warp, instruction.Operands[1]);
                var d = Write<TD>(warp, instruction.Operands[0]);
                for (var left = lanes; left != 0; left &= left - 1)
                {
                    var lane = BitOperations.TrailingZeroCount(left);
                    d[lane] = f(a[lane]);
                }
            },
            Slots<TD>([RegisterOf<TA>()], registers))
        {
            TakesConstants = false,
        };

    /// <summary>d = f(a, b).</summary>
    public static Opcode Define<TA, TB, TD>(
        string name, InstructionClass instructionClass, Func<TA, TB, TD> f, params ReadOnlySpan<RegisterType> registers)
        where TA : unmanaged
        where TB : unmanaged
        where TD : unmanaged
    {
        var slots = Slots<TD>([RegisterOf<TA>(), RegisterOf<TB>()], registers);
        return new(
            name,
            instructionClass,
            (warp, instruction, lanes) =>
            {
                var a = Read<TA>(warp, instruction.Operands[1]);
                var b = Read<TB>(warp, instruction.Operands[2]);
                var d = Write<TD>(warp, instruction.Operands[0]);
                if (lanes == uint.MaxValue)
                {
                    for (var lane = 0; lane < Warp.Lanes; lane++)
                    {
                        d[lane] = f(a[lane], b[lane]);
                    }

                    return;
                }

                for (var left = lanes; left != 0; left &= left - 1)
                {
                    var lane = BitOperations.TrailingZeroCount(left);
                    d[lane] = f(a[lane], b[lane]);
                }
            },
            slots)
        {
            TakesConstants = TakeConstants(slots),
        };
    }

    /// <summary>d = f(a, b, c).</summary>
    public static Opcode Define<TA, TB, TC, TD>(
        string name, InstructionClass instructionClass, Func<TA, TB, TC, TD> f, params ReadOnlySpan<RegisterType> registers)
        where TA : unmanaged
        where TB : unmanaged
        where TC : unmanaged
        where TD : unmanaged
    {
        var slots = Slots<TD>([RegisterOf<TA>(), RegisterOf<TB>(), RegisterOf<TC>()], registers);
        return new(
            name,
            instructionClass,
            (warp, instruction, lanes) =>
            {
                var a = Read<TA>(warp, instruction.Operands[1]);
                var b = Read<TB>(warp, instruction.Operands[2]);
                var c = Read<TC>(warp, instruction.Operands[3]);
                var d = Write<TD>(warp, instruction.Operands[0]);
                if (lanes == uint.MaxValue)
                {
                    for (var lane = 0; lane < Warp.Lanes; lane++)
                    {
                        d[lane] = f(a[lane], b[lane], c[lane]);
                    }

                    return;
                }

                for (var left = lanes; left != 0; left &= left - 1)
                {
                    var lane = BitOperations.TrailingZeroCount(left);
                    d[lane] = f(a[lane], b[lane], c[lane]);
                }
            },
            slots)
        {
            TakesConstants = TakeConstants(slots),
        };
    }

    /// <summary>p = f(a, b).</summary>
    public static Opcode Compare<T>(string name, Func<T, T, bool> f, RegisterType? register = null)
        where T : unmanaged
    {
        var type = register ?? RegisterOf<T>();
        return new(
            name,
            InstructionClass.Predicate,
            (warp, instruction, lanes) =>
            {
                var a = Read<T>(warp, instruction.Operands[1]);
                var b = Read<T>(warp, instruction.Operands[2]);
                var holds = 0u;
                for (var left = lanes; left != 0; left &= left - 1)
                {
                    var lane = BitOperations.TrailingZeroCount(left);
                    holds |= f(a[lane], b[lane]) ? 1u << lane : 0;
                }

                warp.SetPredicate(instruction.Operands[0], holds, lanes);
            },
            new Slot(SlotRole.Destination, RegisterType.Pred),
            new Slot(SlotRole.Source, type),
            new Slot(SlotRole.Source, type));
    }

    /// <summary>The 32 lanes of a register or constant.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ReadOnlySpan<T> Read<T>(Warp warp, Operand operand)
        where T : unmanaged => Unsafe.SizeOf<T>() == sizeof(ulong)
            ? MemoryMarshal.Cast<ulong, T>(warp.LongWords(operand))
            : MemoryMarshal.Cast<uint, T>(warp.Words(operand));

    /// <summary>The 32 lanes of a register, to write.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Span<T> Write<T>(Warp warp, Operand register)
        where T : unmanaged => Unsafe.SizeOf<T>() == sizeof(ulong)
            ? MemoryMarshal.Cast<ulong, T>(warp.LongWordsOf(register))
            : MemoryMarshal.Cast<uint, T>(warp.WordsOf(register));

    // Packed pairs and halves have no constants in arithmetic instructions.
    private static bool TakeConstants(ReadOnlySpan<Slot> slots)
    {
        foreach (var slot in slots)
        {
            if (slot.Type is RegisterType.F16x2 or RegisterType.BF16x2 or RegisterType.B16)
            {
                return false;
            }
        }

        return true;
    }

    private static Slot[] Slots<TD>(ReadOnlySpan<RegisterType> sources, ReadOnlySpan<RegisterType> registers)
        where TD : unmanaged
    {
        var slots = new Slot[sources.Length + 1];
        slots[0] = new Slot(SlotRole.Destination, registers.IsEmpty ? RegisterOf<TD>() : registers[0]);
        for (var i = 0; i < sources.Length; i++)
        {
            slots[i + 1] = new Slot(SlotRole.Source, registers.IsEmpty ? sources[i] : registers[i + 1]);
        }

        return slots;
    }

    private static RegisterType RegisterOf<T>() =>
        typeof(T) == typeof(float) ? RegisterType.F32
        : typeof(T) == typeof(double) ? RegisterType.F64
        : Unsafe.SizeOf<T>() == sizeof(ulong) ? RegisterType.B64
        : RegisterType.B32;
}
