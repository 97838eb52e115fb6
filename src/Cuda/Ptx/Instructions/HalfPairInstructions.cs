using System.Runtime.CompilerServices;

namespace Stof.Reference.Cuda.Ptx;

/// <summary>Arithmetic on two halves at once. A NaN result is 0x7fff, and subnormals are kept.</summary>
internal static class HalfPairInstructions
{
    public static readonly Opcode Add = Define("add.rn.f16x2", (a, b) => a + b);

    public static readonly Opcode Sub = Define("sub.rn.f16x2", (a, b) => a - b);

    public static readonly Opcode Mul = Define("mul.rn.f16x2", (a, b) => a * b);

    public static readonly Opcode Min = Define("min.f16x2", (a, b) => float.MinNumber(a, b));

    public static readonly Opcode Max = Define("max.f16x2", (a, b) => float.MaxNumber(a, b));

    public static readonly Opcode Fma = Elementwise.Define(
        "fma.rn.f16x2",
        InstructionClass.FloatArithmetic,
        (uint a, uint b, uint c) => Fused(a, b, c) | (Fused(a >> 16, b >> 16, c >> 16) << 16),
        [RegisterType.F16x2, RegisterType.F16x2, RegisterType.F16x2, RegisterType.F16x2]);

    public static readonly Opcode Neg = Elementwise.Define(
        "neg.f16x2", InstructionClass.FloatArithmetic, (uint a) => OneNaN(a, 0x7c00, a ^ 0x80008000), [RegisterType.F16x2, RegisterType.F16x2]);

    public static readonly Opcode Abs = Elementwise.Define(
        "abs.f16x2", InstructionClass.FloatArithmetic, (uint a) => OneNaN(a, 0x7c00, a & 0x7fff7fff), [RegisterType.F16x2, RegisterType.F16x2]);

    private static Opcode Define(string name, Func<float, float, float> f, Requirement? requires = null) => Elementwise.Define(
        name,
        InstructionClass.FloatArithmetic,
        (uint a, uint b) => Rounded(f(Value(a), Value(b))) | (Rounded(f(Value(a >> 16), Value(b >> 16))) << 16),
        [RegisterType.F16x2, RegisterType.F16x2, RegisterType.F16x2]) with
    {
        Requires = requires ?? Requirement.Base,
    };

    private static float Value(uint bits) => (float)BitConverter.UInt16BitsToHalf((ushort)bits);

    // A float holds more than twice the digits, so that rounding twice gives what rounding once does.
    private static uint Rounded(float value) => ConversionInstructions.HalfBits((Half)value);

    private static uint Fused(uint a, uint b, uint c) =>
        ConversionInstructions.HalfBits((Half)OddRounding.MultiplyAdd(Value(a), Value(b), Value(c)));

    /// <summary>A result whose halves are 0x7fff where the operand's are NaN: above infinity's bits, the sign left out.</summary>
    public static uint OneNaN(uint operand, uint infinity, uint result)
    {
        result = (operand & 0x7fff) > infinity ? (result & 0xffff0000) | 0x7fff : result;
        return ((operand >> 16) & 0x7fff) > infinity ? (result & 0xffff) | 0x7fff0000 : result;
    }
}

/// <content>Arithmetic on two halves at once.</content>
public sealed partial class KernelBuilder
{
    /// <summary>a + b, rounded to nearest even.</summary>
    public F16x2 Add(F16x2 a, F16x2 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<F16x2>(HalfPairInstructions.Add, [a.Operand, b.Operand], file, line);

    /// <summary>a − b, rounded to nearest even.</summary>
    public F16x2 Sub(F16x2 a, F16x2 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<F16x2>(HalfPairInstructions.Sub, [a.Operand, b.Operand], file, line);

    /// <summary>a·b, rounded to nearest even.</summary>
    public F16x2 Mul(F16x2 a, F16x2 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<F16x2>(HalfPairInstructions.Mul, [a.Operand, b.Operand], file, line);

    /// <summary>The smaller; of a number and a NaN the number; −0 is below +0.</summary>
    public F16x2 Min(F16x2 a, F16x2 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<F16x2>(HalfPairInstructions.Min, [a.Operand, b.Operand], file, line);

    /// <summary>The larger; of a number and a NaN the number; −0 is below +0.</summary>
    public F16x2 Max(F16x2 a, F16x2 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<F16x2>(HalfPairInstructions.Max, [a.Operand, b.Operand], file, line);

    /// <summary>a·b + c, rounded once.</summary>
    public F16x2 Fma(F16x2 a, F16x2 b, F16x2 c, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<F16x2>(HalfPairInstructions.Fma, [a.Operand, b.Operand, c.Operand], file, line);

    /// <summary>−a.</summary>
    public F16x2 Neg(F16x2 a, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<F16x2>(HalfPairInstructions.Neg, [a.Operand], file, line);

    /// <summary>|a|.</summary>
    public F16x2 Abs(F16x2 a, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<F16x2>(HalfPairInstructions.Abs, [a.Operand], file, line);
}
