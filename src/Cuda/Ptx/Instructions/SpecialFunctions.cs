using System.Runtime.CompilerServices;

namespace Stof.Reference.Cuda.Ptx;

/// <summary>
/// The special function unit. The simulator gives the exact value, rounded; bounds are those of the PTX ISA's instruction pages.
/// <c>.ftz</c> forms read subnormals as zeros and give zeros for them, and are one instruction on the device where the others are several.
/// </summary>
internal static class SpecialFunctions
{
    /// <summary>2^a: two units in the last place.</summary>
    public static readonly Opcode[] Ex2 = Both("ex2.approx", a => Math.Pow(2, a), AccuracyBound.FloatUlps(2));

    /// <summary>log2 a: 2^-22 relative, and 2^-22 absolute around 1, where the result is near zero.</summary>
    public static readonly Opcode[] Lg2 = Both("lg2.approx", Math.Log2, new AccuracyBound(Math.ScaleB(1, -22), Math.ScaleB(1, -22)));

    /// <summary>1/a: one unit in the last place.</summary>
    public static readonly Opcode[] Rcp = Both("rcp.approx", a => 1 / a, AccuracyBound.FloatUlps(1));

    /// <summary>1/√a: 2^-22.9 relative, plus the rounding of the simulator's.</summary>
    public static readonly Opcode[] Rsqrt = Both(
        "rsqrt.approx", a => 1 / Math.Sqrt(a), new AccuracyBound(Math.Pow(2, -22.9) + Math.ScaleB(1, -24), Math.ScaleB(1, -149)));

    /// <summary>√a: 2^-23 relative, plus the rounding of the simulator's.</summary>
    public static readonly Opcode[] Sqrt = Both(
        "sqrt.approx", Math.Sqrt, new AccuracyBound(Math.ScaleB(1, -23) + Math.ScaleB(1, -24), Math.ScaleB(1, -149)));

    /// <summary>sin a: 2^-20.5 absolute for |a| ≤ 2π, growing with |a| beyond.</summary>
    public static readonly Opcode[] Sin = Both("sin.approx", Math.Sin, new AccuracyBound(0, Math.Pow(2, -20.5), 2 * Math.PI));

    /// <summary>cos a: 2^-20.5 absolute for |a| ≤ 2π, growing with |a| beyond.</summary>
    public static readonly Opcode[] Cos = Both("cos.approx", Math.Cos, new AccuracyBound(0, Math.Pow(2, -20.5), 2 * Math.PI));

    /// <summary>tanh a: 2^-11 relative.</summary>
    public static readonly Opcode Tanh = Define(
        "tanh.approx.f32", Math.Tanh, new AccuracyBound(Math.ScaleB(1, -11), Math.ScaleB(1, -149)), false);

    /// <summary>A subnormal float as <c>.ftz</c> reads and gives it.</summary>
    public static float Flush(float value) => float.IsSubnormal(value) ? MathF.CopySign(0, value) : value;

    // Element 1 flushes.
    private static Opcode[] Both(string name, Func<double, double> f, AccuracyBound bound) =>
        [
            Define(name + ".f32", f, bound, false),
            Define(name + ".ftz.f32", f, bound with { Absolute = Math.Max(bound.Absolute, Math.ScaleB(1, -126)) }, true),
        ];

    private static Opcode Define(string name, Func<double, double> f, AccuracyBound bound, bool flushes) => Elementwise.Define(
        name,
        InstructionClass.SpecialFunction,
        (float a) => flushes ? Flush(FloatInstructions.OneNaN((float)f(Flush(a)))) : FloatInstructions.OneNaN((float)f(a))) with
    {
        Accuracy = bound,
    };
}

/// <content>The special function unit.</content>
public sealed partial class KernelBuilder
{
    /// <summary>About 2^a. Flushing subnormals makes it one instruction of the device.</summary>
    public F32 Ex2(F32 a, bool flush = false, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<F32>(SpecialFunctions.Ex2[flush ? 1 : 0], [a.Operand], file, line);

    /// <summary>About log2 a.</summary>
    public F32 Lg2(F32 a, bool flush = false, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<F32>(SpecialFunctions.Lg2[flush ? 1 : 0], [a.Operand], file, line);

    /// <summary>About 1/a.</summary>
    public F32 RcpApprox(F32 a, bool flush = false, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<F32>(SpecialFunctions.Rcp[flush ? 1 : 0], [a.Operand], file, line);

    /// <summary>About 1/√a.</summary>
    public F32 RsqrtApprox(F32 a, bool flush = false, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<F32>(SpecialFunctions.Rsqrt[flush ? 1 : 0], [a.Operand], file, line);

    /// <summary>About √a.</summary>
    public F32 SqrtApprox(F32 a, bool flush = false, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<F32>(SpecialFunctions.Sqrt[flush ? 1 : 0], [a.Operand], file, line);

    /// <summary>About sin a.</summary>
    public F32 Sin(F32 a, bool flush = false, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<F32>(SpecialFunctions.Sin[flush ? 1 : 0], [a.Operand], file, line);

    /// <summary>About cos a.</summary>
    public F32 Cos(F32 a, bool flush = false, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<F32>(SpecialFunctions.Cos[flush ? 1 : 0], [a.Operand], file, line);

    /// <summary>About tanh a.</summary>
    public F32 Tanh(F32 a, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<F32>(SpecialFunctions.Tanh, [a.Operand], file, line);
}
