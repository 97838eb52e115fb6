using System.Runtime.CompilerServices;
using Stof.Reference.Numerics;

namespace Stof.Reference.Cuda.Ptx;

/// <summary>Arithmetic on two bfloat16 at once. A NaN result is 0x7fff, and subnormals are kept.</summary>
internal static class BFloatPairInstructions
{
    // Hopper added these; the rest is there from Ampere on.
    private static readonly Requirement Arithmetic = new(90, 78);

    public static readonly Opcode Add = Define("add.rn.bf16x2", (a, b) => a + b, Arithmetic);

    public static readonly Opcode Sub = Define("sub.rn.bf16x2", (a, b) => a - b, Arithmetic);

    public static readonly Opcode Mul = Define("mul.rn.bf16x2", (a, b) => a * b, Arithmetic);

    public static readonly Opcode Min = Define("min.bf16x2", (a, b) => float.MinNumber(a, b));

    public static readonly Opcode Max = Define("max.bf16x2", (a, b) => float.MaxNumber(a, b));

    public static readonly Opcode Fma = Elementwise.Define(
        "fma.rn.bf16x2",
        InstructionClass.FloatArithmetic,
        (uint a, uint b, uint c) => Fused(a, b, c) | (Fused(a >> 16, b >> 16, c >> 16) << 16),
        [RegisterType.BF16x2, RegisterType.BF16x2, RegisterType.BF16x2, RegisterType.BF16x2]);

    public static readonly Opcode Neg = Elementwise.Define(
        "neg.bf16x2", InstructionClass.FloatArithmetic, (uint a) => HalfPairInstructions.OneNaN(a, 0x7f80, a ^ 0x80008000), [RegisterType.BF16x2, RegisterType.BF16x2]);

    public static readonly Opcode Abs = Elementwise.Define(
        "abs.bf16x2", InstructionClass.FloatArithmetic, (uint a) => HalfPairInstructions.OneNaN(a, 0x7f80, a & 0x7fff7fff), [RegisterType.BF16x2, RegisterType.BF16x2]);

    private static Opcode Define(string name, Func<float, float, float> f, Requirement? requires = null) => Elementwise.Define(
        name,
        InstructionClass.FloatArithmetic,
        (uint a, uint b) => Rounded(f(Value(a), Value(b))) | (Rounded(f(Value(a >> 16), Value(b >> 16))) << 16),
        [RegisterType.BF16x2, RegisterType.BF16x2, RegisterType.BF16x2]) with
    {
        Requires = requires ?? Requirement.Base,
    };

    private static float Value(uint bits) => (float)BFloat16.FromBits((ushort)bits);

    // A float holds more than twice the digits, so that rounding twice gives what rounding once does.
    private static uint Rounded(float value) => ConversionInstructions.BFloatBits((BFloat16)value);

    private static uint Fused(uint a, uint b, uint c) =>
        ConversionInstructions.BFloatBits((BFloat16)OddRounding.MultiplyAdd(Value(a), Value(b), Value(c)));
}

/// <content>Arithmetic on two bfloat16 at once.</content>
public sealed partial class KernelBuilder
{
    /// <summary>a + b, rounded to nearest even. Needs sm_90.</summary>
    public BF16x2 Add(BF16x2 a, BF16x2 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<BF16x2>(BFloatPairInstructions.Add, [a.Operand, b.Operand], file, line);

    /// <summary>a − b, rounded to nearest even. Needs sm_90.</summary>
    public BF16x2 Sub(BF16x2 a, BF16x2 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<BF16x2>(BFloatPairInstructions.Sub, [a.Operand, b.Operand], file, line);

    /// <summary>a·b, rounded to nearest even. Needs sm_90.</summary>
    public BF16x2 Mul(BF16x2 a, BF16x2 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<BF16x2>(BFloatPairInstructions.Mul, [a.Operand, b.Operand], file, line);

    /// <summary>The smaller; of a number and a NaN the number; −0 is below +0.</summary>
    public BF16x2 Min(BF16x2 a, BF16x2 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<BF16x2>(BFloatPairInstructions.Min, [a.Operand, b.Operand], file, line);

    /// <summary>The larger; of a number and a NaN the number; −0 is below +0.</summary>
    public BF16x2 Max(BF16x2 a, BF16x2 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<BF16x2>(BFloatPairInstructions.Max, [a.Operand, b.Operand], file, line);

    /// <summary>a·b + c, rounded once.</summary>
    public BF16x2 Fma(BF16x2 a, BF16x2 b, BF16x2 c, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<BF16x2>(BFloatPairInstructions.Fma, [a.Operand, b.Operand, c.Operand], file, line);

    /// <summary>−a.</summary>
    public BF16x2 Neg(BF16x2 a, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<BF16x2>(BFloatPairInstructions.Neg, [a.Operand], file, line);

    /// <summary>|a|.</summary>
    public BF16x2 Abs(BF16x2 a, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<BF16x2>(BFloatPairInstructions.Abs, [a.Operand], file, line);
}
