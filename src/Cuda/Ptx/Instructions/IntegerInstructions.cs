using System.Runtime.CompilerServices;

namespace Stof.Reference.Cuda.Ptx;

/// <summary>Arithmetic on 32-bit integers.</summary>
internal static class IntegerInstructions
{
    public static readonly Opcode Add = Define("add.s32", (uint a, uint b) => a + b);

    public static readonly Opcode Sub = Define("sub.s32", (uint a, uint b) => a - b);

    public static readonly Opcode MulLo = Define("mul.lo.s32", (uint a, uint b) => a * b);

    public static readonly Opcode Mad = Define("mad.lo.s32", (uint a, uint b, uint c) => (a * b) + c);

    public static readonly Opcode MulHiU32 = Define("mul.hi.u32", (uint a, uint b) => (uint)(((ulong)a * b) >> 32));

    public static readonly Opcode MulHiS32 = Define("mul.hi.s32", (int a, int b) => (int)(((long)a * b) >> 32));

    public static readonly Opcode MulWideU32 = Define("mul.wide.u32", (uint a, uint b) => (ulong)a * b);

    public static readonly Opcode MulWideS32 = Define("mul.wide.s32", (int a, int b) => (long)a * b);

    public static readonly Opcode MadWideU32 = Define("mad.wide.u32", (uint a, uint b, ulong c) => ((ulong)a * b) + c);

    public static readonly Opcode MadWideS32 = Define("mad.wide.s32", (int a, int b, long c) => ((long)a * b) + c);

    public static readonly Opcode DivU32 = Define("div.u32", (uint a, uint b) => b == 0 ? uint.MaxValue : a / b);

    public static readonly Opcode RemU32 = Define("rem.u32", (uint a, uint b) => b == 0 ? uint.MaxValue : a % b);

    public static readonly Opcode DivS32 = Define("div.s32", (int a, int b) => b == 0 ? -1 : b == -1 ? unchecked(-a) : a / b);

    public static readonly Opcode RemS32 = Define("rem.s32", (int a, int b) => b == 0 ? -1 : b == -1 ? 0 : a % b);

    public static readonly Opcode MinU32 = Define("min.u32", (uint a, uint b) => Math.Min(a, b));

    public static readonly Opcode MaxU32 = Define("max.u32", (uint a, uint b) => Math.Max(a, b));

    public static readonly Opcode MinS32 = Define("min.s32", (int a, int b) => Math.Min(a, b));

    public static readonly Opcode MaxS32 = Define("max.s32", (int a, int b) => Math.Max(a, b));

    public static readonly Opcode Neg = Define("neg.s32", (uint a) => 0 - a);

    public static readonly Opcode AbsS32 = Define("abs.s32", (int a) => a < 0 ? unchecked(-a) : a);

    private static Opcode Define<TA, TD>(string name, Func<TA, TD> f)
        where TA : unmanaged
        where TD : unmanaged => Elementwise.Define(name, InstructionClass.IntegerArithmetic, f);

    private static Opcode Define<TA, TB, TD>(string name, Func<TA, TB, TD> f)
        where TA : unmanaged
        where TB : unmanaged
        where TD : unmanaged => Elementwise.Define(name, InstructionClass.IntegerArithmetic, f);

    private static Opcode Define<TA, TB, TC, TD>(string name, Func<TA, TB, TC, TD> f)
        where TA : unmanaged
        where TB : unmanaged
        where TC : unmanaged
        where TD : unmanaged => Elementwise.Define(name, InstructionClass.IntegerArithmetic, f);
}

/// <content>Arithmetic on 32-bit integers.</content>
public sealed partial class KernelBuilder
{
    /// <summary>a + b, modulo 2^32.</summary>
    public B32 Add(B32 a, B32 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(IntegerInstructions.Add, [a.Operand, b.Operand], file, line);

    /// <summary>a − b, modulo 2^32.</summary>
    public B32 Sub(B32 a, B32 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(IntegerInstructions.Sub, [a.Operand, b.Operand], file, line);

    /// <summary>The low 32 bits of a·b.</summary>
    public B32 MulLo(B32 a, B32 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(IntegerInstructions.MulLo, [a.Operand, b.Operand], file, line);

    /// <summary>a·b + c, modulo 2^32.</summary>
    public B32 Mad(B32 a, B32 b, B32 c, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(IntegerInstructions.Mad, [a.Operand, b.Operand, c.Operand], file, line);

    /// <summary>The high 32 bits of a·b.</summary>
    public B32 MulHiU32(B32 a, B32 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(IntegerInstructions.MulHiU32, [a.Operand, b.Operand], file, line);

    /// <summary>The high 32 bits of a·b with signs.</summary>
    public B32 MulHiS32(B32 a, B32 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(IntegerInstructions.MulHiS32, [a.Operand, b.Operand], file, line);

    /// <summary>All 64 bits of a·b.</summary>
    public B64 MulWideU32(B32 a, B32 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B64>(IntegerInstructions.MulWideU32, [a.Operand, b.Operand], file, line);

    /// <summary>All 64 bits of a·b with signs.</summary>
    public B64 MulWideS32(B32 a, B32 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B64>(IntegerInstructions.MulWideS32, [a.Operand, b.Operand], file, line);

    /// <summary>a·b + c with a 64-bit product, modulo 2^64.</summary>
    public B64 MadWideU32(B32 a, B32 b, B64 c, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B64>(IntegerInstructions.MadWideU32, [a.Operand, b.Operand, c.Operand], file, line);

    /// <summary>a·b + c with a signed 64-bit product, modulo 2^64.</summary>
    public B64 MadWideS32(B32 a, B32 b, B64 c, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B64>(IntegerInstructions.MadWideS32, [a.Operand, b.Operand, c.Operand], file, line);

    /// <summary>a ÷ b; 2^32 − 1 for b = 0. Some twenty instructions of the device; by a constant one to five.</summary>
    public B32 DivU32(B32 a, B32 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(IntegerInstructions.DivU32, [a.Operand, b.Operand], file, line);

    /// <summary>The rest of a ÷ b; a for b = 0.</summary>
    public B32 RemU32(B32 a, B32 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(IntegerInstructions.RemU32, [a.Operand, b.Operand], file, line);

    /// <summary>a ÷ b with signs, towards zero; −1 for b = 0.</summary>
    public B32 DivS32(B32 a, B32 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(IntegerInstructions.DivS32, [a.Operand, b.Operand], file, line);

    /// <summary>The rest of a ÷ b with the sign of a; a for b = 0.</summary>
    public B32 RemS32(B32 a, B32 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(IntegerInstructions.RemS32, [a.Operand, b.Operand], file, line);

    /// <summary>The smaller.</summary>
    public B32 MinU32(B32 a, B32 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(IntegerInstructions.MinU32, [a.Operand, b.Operand], file, line);

    /// <summary>The larger.</summary>
    public B32 MaxU32(B32 a, B32 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(IntegerInstructions.MaxU32, [a.Operand, b.Operand], file, line);

    /// <summary>The smaller with signs.</summary>
    public B32 MinS32(B32 a, B32 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(IntegerInstructions.MinS32, [a.Operand, b.Operand], file, line);

    /// <summary>The larger with signs.</summary>
    public B32 MaxS32(B32 a, B32 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(IntegerInstructions.MaxS32, [a.Operand, b.Operand], file, line);

    /// <summary>−a.</summary>
    public B32 Neg(B32 a, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(IntegerInstructions.Neg, [a.Operand], file, line);

    /// <summary>|a|; −2^31 stays.</summary>
    public B32 AbsS32(B32 a, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(IntegerInstructions.AbsS32, [a.Operand], file, line);
}
