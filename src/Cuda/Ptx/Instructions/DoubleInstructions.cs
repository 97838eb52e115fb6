using System.Runtime.CompilerServices;

namespace Stof.Reference.Cuda.Ptx;

/// <summary>Arithmetic on doubles. Which NaN comes out is not defined.</summary>
internal static class DoubleInstructions
{
    public static readonly Opcode Add = Define("add.rn.f64", (double a, double b) => a + b);

    public static readonly Opcode Sub = Define("sub.rn.f64", (double a, double b) => a - b);

    public static readonly Opcode Mul = Define("mul.rn.f64", (double a, double b) => a * b);

    public static readonly Opcode Div = Define("div.rn.f64", (double a, double b) => a / b);

    public static readonly Opcode Min = Define("min.f64", (double a, double b) => double.MinNumber(a, b));

    public static readonly Opcode Max = Define("max.f64", (double a, double b) => double.MaxNumber(a, b));

    public static readonly Opcode Fma = Define("fma.rn.f64", (double a, double b, double c) => Math.FusedMultiplyAdd(a, b, c));

    private static Opcode Define(string name, Func<double, double, double> f) => Elementwise.Define(name, InstructionClass.FloatArithmetic, f);

    private static Opcode Define(string name, Func<double, double, double, double> f) =>
        Elementwise.Define(name, InstructionClass.FloatArithmetic, f);
}

/// <content>Arithmetic on doubles.</content>
public sealed partial class KernelBuilder
{
    /// <summary>a + b, rounded to nearest even.</summary>
    public F64 Add(F64 a, F64 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<F64>(DoubleInstructions.Add, [a.Operand, b.Operand], file, line);

    /// <summary>a − b, rounded to nearest even.</summary>
    public F64 Sub(F64 a, F64 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<F64>(DoubleInstructions.Sub, [a.Operand, b.Operand], file, line);

    /// <summary>a·b, rounded to nearest even.</summary>
    public F64 Mul(F64 a, F64 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<F64>(DoubleInstructions.Mul, [a.Operand, b.Operand], file, line);

    /// <summary>a ÷ b, rounded to nearest even.</summary>
    public F64 Div(F64 a, F64 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<F64>(DoubleInstructions.Div, [a.Operand, b.Operand], file, line);

    /// <summary>The smaller; of a number and a NaN the number.</summary>
    public F64 Min(F64 a, F64 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<F64>(DoubleInstructions.Min, [a.Operand, b.Operand], file, line);

    /// <summary>The larger; of a number and a NaN the number.</summary>
    public F64 Max(F64 a, F64 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<F64>(DoubleInstructions.Max, [a.Operand, b.Operand], file, line);

    /// <summary>a·b + c, rounded once.</summary>
    public F64 Fma(F64 a, F64 b, F64 c, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<F64>(DoubleInstructions.Fma, [a.Operand, b.Operand, c.Operand], file, line);
}
