using System.Runtime.CompilerServices;

namespace Stof.Reference.Cuda.Ptx;

/// <summary>Arithmetic on floats. A NaN result is always 0x7fffffff, and subnormals are kept.</summary>
internal static class FloatInstructions
{
    public static readonly Opcode Add = Elementwise.Binary("add.rn.f32", RegisterType.F32, (float a, float b) => a + b);

    public static readonly Opcode Sub = Elementwise.Binary("sub.rn.f32", RegisterType.F32, (float a, float b) => a - b);

    public static readonly Opcode Mul = Elementwise.Binary("mul.rn.f32", RegisterType.F32, (float a, float b) => a * b);

    public static readonly Opcode Fma = Elementwise.Ternary("fma.rn.f32", RegisterType.F32, MathF.FusedMultiplyAdd);
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
}
