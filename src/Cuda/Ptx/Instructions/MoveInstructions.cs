using System.Numerics;
using System.Runtime.CompilerServices;

namespace Stof.Reference.Cuda.Ptx;

/// <summary>Moves: bits go as they are from one register to another, or to two.</summary>
internal static class MoveInstructions
{
    public static readonly Opcode Predicate = new(
        "mov.pred",
        InstructionClass.Move,
        (warp, instruction, lanes) => warp.SetPredicate(instruction.Operands[0], warp.Predicate(instruction.Operands[1]), lanes),
        new Slot(SlotRole.Destination, RegisterType.Pred),
        new Slot(SlotRole.Source, RegisterType.Pred));

    public static readonly Opcode Half = Move<uint>("mov.b16", RegisterType.B16);

    public static readonly Opcode Word = Move<uint>("mov.b32", RegisterType.B32);

    public static readonly Opcode Float = Move<uint>("mov.f32", RegisterType.F32);

    public static readonly Opcode LongWord = Move<ulong>("mov.b64", RegisterType.B64);

    public static readonly Opcode Double = Move<ulong>("mov.f64", RegisterType.F64);

    public static readonly Opcode Pack = new(
        "mov.b32",
        InstructionClass.Move,
        (warp, instruction, lanes) =>
        {
            var low = warp.Words(instruction.Operands[1]);
            var high = warp.Words(instruction.Operands[2]);
            var d = warp.WordsOf(instruction.Operands[0]);
            for (var left = lanes; left != 0; left &= left - 1)
            {
                var lane = BitOperations.TrailingZeroCount(left);
                d[lane] = (low[lane] & 0xffff) | (high[lane] << 16);
            }
        },
        new Slot(SlotRole.Destination, RegisterType.B32),
        new Slot(SlotRole.Source, RegisterType.B16, 2))
    {
        TakesConstants = false,
    };

    public static readonly Opcode Unpack = new(
        "mov.b32",
        InstructionClass.Move,
        (warp, instruction, lanes) =>
        {
            var a = warp.Words(instruction.Operands[2]);
            var low = warp.WordsOf(instruction.Operands[0]);
            var high = warp.WordsOf(instruction.Operands[1]);
            for (var left = lanes; left != 0; left &= left - 1)
            {
                var lane = BitOperations.TrailingZeroCount(left);
                (low[lane], high[lane]) = (a[lane] & 0xffff, a[lane] >> 16);
            }
        },
        new Slot(SlotRole.Destination, RegisterType.B16, 2),
        new Slot(SlotRole.Source, RegisterType.B32))
    {
        TakesConstants = false,
    };

    public static readonly Opcode Pack64 = new(
        "mov.b64",
        InstructionClass.Move,
        (warp, instruction, lanes) =>
        {
            var low = warp.Words(instruction.Operands[1]);
            var high = warp.Words(instruction.Operands[2]);
            var d = warp.LongWordsOf(instruction.Operands[0]);
            for (var left = lanes; left != 0; left &= left - 1)
            {
                var lane = BitOperations.TrailingZeroCount(left);
                d[lane] = low[lane] | ((ulong)high[lane] << 32);
            }
        },
        new Slot(SlotRole.Destination, RegisterType.B64),
        new Slot(SlotRole.Source, RegisterType.B32, 2))
    {
        TakesConstants = false,
    };

    public static readonly Opcode Unpack64 = new(
        "mov.b64",
        InstructionClass.Move,
        (warp, instruction, lanes) =>
        {
            var a = warp.LongWords(instruction.Operands[2]);
            var low = warp.WordsOf(instruction.Operands[0]);
            var high = warp.WordsOf(instruction.Operands[1]);
            for (var left = lanes; left != 0; left &= left - 1)
            {
                var lane = BitOperations.TrailingZeroCount(left);
                (low[lane], high[lane]) = ((uint)a[lane], (uint)(a[lane] >> 32));
            }
        },
        new Slot(SlotRole.Destination, RegisterType.B32, 2),
        new Slot(SlotRole.Source, RegisterType.B64))
    {
        TakesConstants = false,
    };

    /// <summary>The move of a type.</summary>
    public static Opcode Of(RegisterType type) => type switch
    {
        RegisterType.Pred => Predicate,
        RegisterType.B16 => Half,
        RegisterType.F32 => Float,
        RegisterType.B64 => LongWord,
        RegisterType.F64 => Double,
        _ => Word,
    };

    private static Opcode Move<T>(string name, RegisterType type)
        where T : unmanaged => new(
        name,
        InstructionClass.Move,
        (warp, instruction, lanes) =>
        {
            var a = Elementwise.Read<T>(warp, instruction.Operands[1]);
            var d = Elementwise.Write<T>(warp, instruction.Operands[0]);
            for (var left = lanes; left != 0; left &= left - 1)
            {
                var lane = BitOperations.TrailingZeroCount(left);
                d[lane] = a[lane];
            }
        },
        new Slot(SlotRole.Destination, type),
        new Slot(SlotRole.Source, type));
}

/// <content>Moves.</content>
public sealed partial class KernelBuilder
{
    /// <summary>A new register with the value of another, or of a constant.</summary>
    public T Copy<T>(T source, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
        where T : struct, IValue<T> => Emit<T>(MoveInstructions.Of(T.Type), [source.Operand], file, line);

    /// <summary>Writes a register that is there already: what a loop carries from one round to the next.</summary>
    /// <returns>The register.</returns>
    public T Assign<T>(T destination, T source, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
        where T : struct, IValue<T>
    {
        Emit(MoveInstructions.Of(T.Type), [destination.Operand, source.Operand], file, line);
        return destination;
    }

    /// <summary>The bits of a float.</summary>
    public B32 Bits(F32 a, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) => Retype<F32, B32>(a, file, line);

    /// <summary>The bits of a double.</summary>
    public B64 Bits(F64 a, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) => Retype<F64, B64>(a, file, line);

    /// <summary>The bits of two halves.</summary>
    public B32 Bits(F16x2 a, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) => Retype<F16x2, B32>(a, file, line);

    /// <summary>The bits of two bfloat16.</summary>
    public B32 Bits(BF16x2 a, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) => Retype<BF16x2, B32>(a, file, line);

    /// <summary>The float of bits.</summary>
    public F32 FloatOf(B32 a, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) => Retype<B32, F32>(a, file, line);

    /// <summary>The double of bits.</summary>
    public F64 DoubleOf(B64 a, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) => Retype<B64, F64>(a, file, line);

    /// <summary>The two halves of bits.</summary>
    public F16x2 HalvesOf(B32 a, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) => Retype<B32, F16x2>(a, file, line);

    /// <summary>The two bfloat16 of bits.</summary>
    public BF16x2 BFloatsOf(
        B32 a, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) => Retype<B32, BF16x2>(a, file, line);

    /// <summary>Two 16-bit registers as one of 32.</summary>
    public B32 Pack(B16 low, B16 high, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(MoveInstructions.Pack, [low.Operand, high.Operand], file, line);

    /// <summary>The halves of a 32-bit register.</summary>
    public (B16 Low, B16 High) Unpack(B32 a, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
    {
        var (low, high) = (NewRegister<B16>(), NewRegister<B16>());
        Emit(MoveInstructions.Unpack, [low.Operand, high.Operand, a.Operand], file, line);
        return (low, high);
    }

    /// <summary>Two 32-bit registers as one of 64.</summary>
    public B64 Pack64(B32 low, B32 high, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B64>(MoveInstructions.Pack64, [low.Operand, high.Operand], file, line);

    /// <summary>The halves of a 64-bit register.</summary>
    public (B32 Low, B32 High) Unpack64(B64 a, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
    {
        var (low, high) = (NewRegister<B32>(), NewRegister<B32>());
        Emit(MoveInstructions.Unpack64, [low.Operand, high.Operand, a.Operand], file, line);
        return (low, high);
    }

    // A constant needs no instruction to be read as another type; registers of two types do not share a name in PTX.
    private TTo Retype<TFrom, TTo>(TFrom source, string file, int line)
        where TFrom : struct, IValue<TFrom>
        where TTo : struct, IValue<TTo> =>
        source.Operand.IsRegister
            ? Emit<TTo>(TTo.Type.Bits() == 64 ? MoveInstructions.LongWord : MoveInstructions.Word, [source.Operand], file, line)
            : TTo.Of(Operand.Constant(TTo.Type, source.Operand.Bits));
}
