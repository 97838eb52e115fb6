using System.Runtime.CompilerServices;

namespace Stof.Reference.Cuda.Ptx;

/// <summary>Arithmetic on floats, rounded to nearest even. A NaN result is always 0x7fffffff, and subnormals are kept.</summary>
internal static class FloatInstructions
{
    public static readonly Opcode Add = Define("add.rn.f32", (float a, float b) => OneNaN(a + b));

    public static readonly Opcode Sub = Define("sub.rn.f32", (float a, float b) => OneNaN(a - b));

    public static readonly Opcode Mul = Define("mul.rn.f32", (float a, float b) => OneNaN(a * b));

    public static readonly Opcode Div = Define("div.rn.f32", (float a, float b) => OneNaN(a / b));

    public static readonly Opcode Min = Define("min.f32", (float a, float b) => OneNaN(float.MinNumber(a, b)));

    public static readonly Opcode Max = Define("max.f32", (float a, float b) => OneNaN(float.MaxNumber(a, b)));

    public static readonly Opcode Fma = Elementwise.Define(
        "fma.rn.f32", InstructionClass.FloatArithmetic, (float a, float b, float c) => OneNaN(MathF.FusedMultiplyAdd(a, b, c)));

    public static readonly Opcode Abs = Define("abs.f32", (float a) => OneNaN(MathF.Abs(a)));

    public static readonly Opcode Neg = Define("neg.f32", (float a) => OneNaN(-a));

    public static readonly Opcode Sqrt = Define("sqrt.rn.f32", (float a) => OneNaN(MathF.Sqrt(a)));

    public static readonly Opcode Rcp = Define("rcp.rn.f32", (float a) => OneNaN(1 / a));

    /// <summary>NVIDIA's arithmetic on floats gives one NaN, whichever it reads.</summary>
    public static float OneNaN(float value) => float.IsNaN(value) ? BitConverter.UInt32BitsToSingle(0x7fffffff) : value;

    private static Opcode Define(string name, Func<float, float> f) => Elementwise.Define(name, InstructionClass.FloatArithmetic, f);

    private static Opcode Define(string name, Func<float, float, float> f) => Elementwise.Define(name, InstructionClass.FloatArithmetic, f);
}

/// <content>Arithmetic on floats.</content>
public sealed partial class KernelBuilder
{
    /// <summary>a + b, rounded to nearest even.</summary>
    public F32 Add(F32 a, F32 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<F32>(FloatInstructions.Add, [a.Operand, b.Operand], file, line);

    /// <summary>a − b, rounded to nearest even.</summary>
    public F32 Sub(F32 a, F32 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<F32>(FloatInstructions.Sub, [a.Operand, b.Operand], file, line);

    /// <summary>a·b, rounded to nearest even.</summary>
    public F32 Mul(F32 a, F32 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<F32>(FloatInstructions.Mul, [a.Operand, b.Operand], file, line);

    /// <summary>a·b + c, rounded once.</summary>
    public F32 Fma(F32 a, F32 b, F32 c, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<F32>(FloatInstructions.Fma, [a.Operand, b.Operand, c.Operand], file, line);

    /// <summary>a ÷ b, rounded to nearest even (a sequence of instructions on the device).</summary>
    public F32 Div(F32 a, F32 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<F32>(FloatInstructions.Div, [a.Operand, b.Operand], file, line);

    /// <summary>The smaller; of a number and a NaN the number; −0 is below +0.</summary>
    public F32 Min(F32 a, F32 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<F32>(FloatInstructions.Min, [a.Operand, b.Operand], file, line);

    /// <summary>The larger; of a number and a NaN the number; −0 is below +0.</summary>
    public F32 Max(F32 a, F32 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<F32>(FloatInstructions.Max, [a.Operand, b.Operand], file, line);

    /// <summary>|a|.</summary>
    public F32 Abs(F32 a, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<F32>(FloatInstructions.Abs, [a.Operand], file, line);

    /// <summary>−a.</summary>
    public F32 Neg(F32 a, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<F32>(FloatInstructions.Neg, [a.Operand], file, line);

    /// <summary>√a, rounded to nearest even (a sequence of instructions on the device).</summary>
    public F32 Sqrt(F32 a, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<F32>(FloatInstructions.Sqrt, [a.Operand], file, line);

    /// <summary>1/a, rounded to nearest even (a sequence of instructions on the device).</summary>
    public F32 Rcp(F32 a, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<F32>(FloatInstructions.Rcp, [a.Operand], file, line);
}
