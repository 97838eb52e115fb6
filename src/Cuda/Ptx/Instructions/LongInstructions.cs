using System.Numerics;
using System.Runtime.CompilerServices;

namespace Stof.Reference.Cuda.Ptx;

/// <summary>Arithmetic and bits of 64-bit integers.</summary>
internal static class LongInstructions
{
    public static readonly Opcode Add = Define("add.s64", (ulong a, ulong b) => a + b);

    public static readonly Opcode Sub = Define("sub.s64", (ulong a, ulong b) => a - b);

    public static readonly Opcode MulLo = Define("mul.lo.s64", (ulong a, ulong b) => a * b);

    public static readonly Opcode MinU64 = Define("min.u64", (ulong a, ulong b) => Math.Min(a, b));

    public static readonly Opcode MaxU64 = Define("max.u64", (ulong a, ulong b) => Math.Max(a, b));

    public static readonly Opcode MinS64 = Define("min.s64", (long a, long b) => Math.Min(a, b));

    public static readonly Opcode MaxS64 = Define("max.s64", (long a, long b) => Math.Max(a, b));

    public static readonly Opcode And = Define("and.b64", (ulong a, ulong b) => a & b);

    public static readonly Opcode Or = Define("or.b64", (ulong a, ulong b) => a | b);

    public static readonly Opcode Xor = Define("xor.b64", (ulong a, ulong b) => a ^ b);

    public static readonly Opcode Not = Define("not.b64", (ulong a) => ~a);

    public static readonly Opcode Shl = Define("shl.b64", (ulong a, uint count) => count > 63 ? 0 : a << (int)count);

    public static readonly Opcode ShrU64 = Define("shr.u64", (ulong a, uint count) => count > 63 ? 0 : a >> (int)count);

    public static readonly Opcode ShrS64 = Define("shr.s64", (long a, uint count) => a >> (int)Math.Min(count, 63));

    public static readonly Opcode Popc = Define("popc.b64", (ulong a) => (uint)BitOperations.PopCount(a));

    public static readonly Opcode Clz = Define("clz.b64", (ulong a) => (uint)BitOperations.LeadingZeroCount(a));

    private static Opcode Define<TA, TD>(string name, Func<TA, TD> f)
        where TA : unmanaged
        where TD : unmanaged => Elementwise.Define(name, InstructionClass.IntegerArithmetic, f);

    private static Opcode Define<TA, TB, TD>(string name, Func<TA, TB, TD> f)
        where TA : unmanaged
        where TB : unmanaged
        where TD : unmanaged => Elementwise.Define(name, InstructionClass.IntegerArithmetic, f);
}

/// <content>64-bit integers.</content>
public sealed partial class KernelBuilder
{
    /// <summary>a + b, modulo 2^64.</summary>
    public B64 Add(B64 a, B64 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B64>(LongInstructions.Add, [a.Operand, b.Operand], file, line);

    /// <summary>a − b, modulo 2^64.</summary>
    public B64 Sub(B64 a, B64 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B64>(LongInstructions.Sub, [a.Operand, b.Operand], file, line);

    /// <summary>The low 64 bits of a·b.</summary>
    public B64 MulLo(B64 a, B64 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B64>(LongInstructions.MulLo, [a.Operand, b.Operand], file, line);

    /// <summary>The smaller.</summary>
    public B64 MinU64(B64 a, B64 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B64>(LongInstructions.MinU64, [a.Operand, b.Operand], file, line);

    /// <summary>The larger.</summary>
    public B64 MaxU64(B64 a, B64 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B64>(LongInstructions.MaxU64, [a.Operand, b.Operand], file, line);

    /// <summary>The smaller with signs.</summary>
    public B64 MinS64(B64 a, B64 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B64>(LongInstructions.MinS64, [a.Operand, b.Operand], file, line);

    /// <summary>The larger with signs.</summary>
    public B64 MaxS64(B64 a, B64 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B64>(LongInstructions.MaxS64, [a.Operand, b.Operand], file, line);

    /// <summary>Bits set in both.</summary>
    public B64 And(B64 a, B64 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B64>(LongInstructions.And, [a.Operand, b.Operand], file, line);

    /// <summary>Bits set in either.</summary>
    public B64 Or(B64 a, B64 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B64>(LongInstructions.Or, [a.Operand, b.Operand], file, line);

    /// <summary>Bits set in one.</summary>
    public B64 Xor(B64 a, B64 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B64>(LongInstructions.Xor, [a.Operand, b.Operand], file, line);

    /// <summary>All bits turned.</summary>
    public B64 Not(B64 a, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B64>(LongInstructions.Not, [a.Operand], file, line);

    /// <summary>a·2^count; 0 for 64 and more.</summary>
    public B64 Shl(B64 a, B32 count, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B64>(LongInstructions.Shl, [a.Operand, count.Operand], file, line);

    /// <summary>a ÷ 2^count; 0 for 64 and more.</summary>
    public B64 ShrU64(B64 a, B32 count, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B64>(LongInstructions.ShrU64, [a.Operand, count.Operand], file, line);

    /// <summary>a ÷ 2^count rounded down, with the sign; only the sign for 64 and more.</summary>
    public B64 ShrS64(B64 a, B32 count, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B64>(LongInstructions.ShrS64, [a.Operand, count.Operand], file, line);

    /// <summary>How many bits are set.</summary>
    public B32 Popc(B64 a, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(LongInstructions.Popc, [a.Operand], file, line);

    /// <summary>Clear bits above the highest set one; 64 for 0.</summary>
    public B32 Clz(B64 a, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(LongInstructions.Clz, [a.Operand], file, line);
}
