using System.Runtime.CompilerServices;
using Stof.Reference.Numerics;

namespace Stof.Reference.Cuda.Ptx;

/// <summary>Conversions. A NaN becomes the type's one NaN (all bits set but the sign), or the integer 0.</summary>
internal static class ConversionInstructions
{
    public static readonly Opcode F16ToF32 = Define(
        "cvt.f32.f16",
        (uint a) => FloatInstructions.OneNaN((float)BitConverter.UInt16BitsToHalf((ushort)a)),
        [RegisterType.F32, RegisterType.B16]);

    public static readonly Opcode F32ToF16 = Define("cvt.rn.f16.f32", (float a) => HalfBits((Half)a), [RegisterType.B16, RegisterType.F32]);

    public static readonly Opcode F32ToBF16 = Define(
        "cvt.rn.bf16.f32", (float a) => BFloatBits((BFloat16)a), [RegisterType.B16, RegisterType.F32]);

    public static readonly Opcode F16x2 = Define(
        "cvt.rn.f16x2.f32",
        (float high, float low) => HalfBits((Half)low) | (HalfBits((Half)high) << 16),
        [RegisterType.F16x2, RegisterType.F32, RegisterType.F32]);

    public static readonly Opcode BF16x2 = Define(
        "cvt.rn.bf16x2.f32",
        (float high, float low) => BFloatBits((BFloat16)low) | (BFloatBits((BFloat16)high) << 16),
        [RegisterType.BF16x2, RegisterType.F32, RegisterType.F32]);

    public static readonly Opcode F32ToTF32 = Define("cvt.rna.tf32.f32", (uint a) => RoundToTF32(a), [RegisterType.B32, RegisterType.F32]);

    public static readonly Opcode S32ToF32 = Define("cvt.rn.f32.s32", (int a) => (float)a, [RegisterType.F32, RegisterType.B32]);

    public static readonly Opcode U32ToF32 = Define("cvt.rn.f32.u32", (uint a) => (float)a, [RegisterType.F32, RegisterType.B32]);

    public static readonly Opcode F32ToS32Zero = Define("cvt.rzi.s32.f32", (float a) => (int)a, [RegisterType.B32, RegisterType.F32]);

    public static readonly Opcode F32ToS32Nearest = Define(
        "cvt.rni.s32.f32", (float a) => (int)MathF.Round(a), [RegisterType.B32, RegisterType.F32]);

    public static readonly Opcode F32ToU32Zero = Define("cvt.rzi.u32.f32", (float a) => (uint)a, [RegisterType.B32, RegisterType.F32]);

    public static readonly Opcode Round = Define(
        "cvt.rni.f32.f32", (float a) => FloatInstructions.OneNaN(MathF.Round(a)), [RegisterType.F32, RegisterType.F32]);

    public static readonly Opcode Floor = Define(
        "cvt.rmi.f32.f32", (float a) => FloatInstructions.OneNaN(MathF.Floor(a)), [RegisterType.F32, RegisterType.F32]);

    public static readonly Opcode Ceiling = Define(
        "cvt.rpi.f32.f32", (float a) => FloatInstructions.OneNaN(MathF.Ceiling(a)), [RegisterType.F32, RegisterType.F32]);

    public static readonly Opcode F32ToF64 = Define("cvt.f64.f32", (float a) => (double)a, [RegisterType.F64, RegisterType.F32]);

    public static readonly Opcode F64ToF32 = Define(
        "cvt.rn.f32.f64", (double a) => Narrowed(a), [RegisterType.F32, RegisterType.F64]);

    public static readonly Opcode ExtendU32 = Define("cvt.u64.u32", (uint a) => (ulong)a, [RegisterType.B64, RegisterType.B32]);

    public static readonly Opcode ExtendS32 = Define("cvt.s64.s32", (int a) => (long)a, [RegisterType.B64, RegisterType.B32]);

    public static readonly Opcode Narrow = Define("cvt.u32.u64", (ulong a) => (uint)a, [RegisterType.B32, RegisterType.B64]);

    public static readonly Opcode ExtendU16 = Define("cvt.u32.u16", (uint a) => a & 0xffff, [RegisterType.B32, RegisterType.B16]);

    public static readonly Opcode ExtendS16 = Define("cvt.s32.s16", (uint a) => (int)(short)a, [RegisterType.B32, RegisterType.B16]);

    public static readonly Opcode NarrowTo16 = Define("cvt.u16.u32", (uint a) => a & 0xffff, [RegisterType.B16, RegisterType.B32]);

    /// <summary>A half's bits as the device gives them: one NaN.</summary>
    public static uint HalfBits(Half value) => Half.IsNaN(value) ? 0x7fffu : BitConverter.HalfToUInt16Bits(value);

    /// <summary>A bfloat16's bits as the device gives them: one NaN.</summary>
    public static uint BFloatBits(BFloat16 value) => float.IsNaN((float)value) ? 0x7fffu : value.Bits;

    /// <summary>Rounds a float's bits to tf32, ties away from zero; a NaN loses the bits that tf32 lacks.</summary>
    public static uint RoundToTF32(uint bits) => ((bits & 0x7f800000) == 0x7f800000 ? bits : bits + 0x1000) & 0xffffe000;

    // A NaN keeps its sign and the leading bits of its payload, and becomes quiet.
    private static uint Narrowed(double a)
    {
        var bits = BitConverter.DoubleToUInt64Bits(a);
        return double.IsNaN(a)
            ? (uint)(bits >> 32 & 0x80000000) | 0x7fc00000 | (uint)(bits >> 29 & 0x7fffff)
            : BitConverter.SingleToUInt32Bits((float)a);
    }

    private static Opcode Define<TA, TD>(string name, Func<TA, TD> f, params ReadOnlySpan<RegisterType> registers)
        where TA : unmanaged
        where TD : unmanaged => Elementwise.Define(name, InstructionClass.Conversion, f, registers);

    private static Opcode Define<TA, TB, TD>(string name, Func<TA, TB, TD> f, params ReadOnlySpan<RegisterType> registers)
        where TA : unmanaged
        where TB : unmanaged
        where TD : unmanaged => Elementwise.Define(name, InstructionClass.Conversion, f, registers);
}

/// <content>Conversions.</content>
public sealed partial class KernelBuilder
{
    /// <summary>The float of a half.</summary>
    public F32 ConvertF16ToF32(B16 a, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<F32>(ConversionInstructions.F16ToF32, [a.Operand], file, line);

    /// <summary>The nearest half; ties to even; beyond 65504 infinity; 0x7fff for NaN.</summary>
    public B16 ConvertF32ToF16(F32 a, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B16>(ConversionInstructions.F32ToF16, [a.Operand], file, line);

    /// <summary>The nearest bfloat16; ties to even; 0x7fff for NaN.</summary>
    public B16 ConvertF32ToBF16(F32 a, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B16>(ConversionInstructions.F32ToBF16, [a.Operand], file, line);

    /// <summary>The nearest halves of two floats.</summary>
    public F16x2 PackF16x2(F32 low, F32 high, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<F16x2>(ConversionInstructions.F16x2, [high.Operand, low.Operand], file, line);

    /// <summary>The nearest bfloat16 of two floats.</summary>
    public BF16x2 PackBF16x2(F32 low, F32 high, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<BF16x2>(ConversionInstructions.BF16x2, [high.Operand, low.Operand], file, line);

    /// <summary>The nearest number with 10 bits behind the point; ties away from zero; the low 13 bits are clear.</summary>
    public B32 ConvertF32ToTF32(F32 a, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(ConversionInstructions.F32ToTF32, [a.Operand], file, line);

    /// <summary>The nearest float of a signed integer.</summary>
    public F32 ConvertS32ToF32(B32 a, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<F32>(ConversionInstructions.S32ToF32, [a.Operand], file, line);

    /// <summary>The nearest float of an integer.</summary>
    public F32 ConvertU32ToF32(B32 a, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<F32>(ConversionInstructions.U32ToF32, [a.Operand], file, line);

    /// <summary>Towards zero; the nearest integer there is beyond the range; 0 for NaN.</summary>
    public B32 ConvertF32ToS32(F32 a, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(ConversionInstructions.F32ToS32Zero, [a.Operand], file, line);

    /// <summary>The nearest integer, ties to even; the nearest there is beyond the range; 0 for NaN.</summary>
    public B32 RoundF32ToS32(F32 a, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(ConversionInstructions.F32ToS32Nearest, [a.Operand], file, line);

    /// <summary>Towards zero; the nearest integer there is beyond the range; 0 for NaN.</summary>
    public B32 ConvertF32ToU32(F32 a, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(ConversionInstructions.F32ToU32Zero, [a.Operand], file, line);

    /// <summary>The nearest whole number, ties to even.</summary>
    public F32 Round(F32 a, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<F32>(ConversionInstructions.Round, [a.Operand], file, line);

    /// <summary>The whole number at or below.</summary>
    public F32 Floor(F32 a, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<F32>(ConversionInstructions.Floor, [a.Operand], file, line);

    /// <summary>The whole number at or above.</summary>
    public F32 Ceiling(F32 a, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<F32>(ConversionInstructions.Ceiling, [a.Operand], file, line);

    /// <summary>The double of a float.</summary>
    public F64 ConvertF32ToF64(F32 a, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<F64>(ConversionInstructions.F32ToF64, [a.Operand], file, line);

    /// <summary>The nearest float.</summary>
    public F32 ConvertF64ToF32(F64 a, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<F32>(ConversionInstructions.F64ToF32, [a.Operand], file, line);

    /// <summary>Zeros above.</summary>
    public B64 ExtendU32(B32 a, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B64>(ConversionInstructions.ExtendU32, [a.Operand], file, line);

    /// <summary>The sign repeated above.</summary>
    public B64 ExtendS32(B32 a, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B64>(ConversionInstructions.ExtendS32, [a.Operand], file, line);

    /// <summary>The low 32 bits.</summary>
    public B32 Narrow(B64 a, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(ConversionInstructions.Narrow, [a.Operand], file, line);

    /// <summary>Zeros above.</summary>
    public B32 ExtendU16(B16 a, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(ConversionInstructions.ExtendU16, [a.Operand], file, line);

    /// <summary>The sign repeated above.</summary>
    public B32 ExtendS16(B16 a, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B32>(ConversionInstructions.ExtendS16, [a.Operand], file, line);

    /// <summary>The low 16 bits.</summary>
    public B16 NarrowTo16(B32 a, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<B16>(ConversionInstructions.NarrowTo16, [a.Operand], file, line);

    /// <summary>The float of a bfloat16, by moves: the instruction of its own needs sm_90.</summary>
    public F32 ConvertBF16ToF32(B16 a, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        FloatOf(Pack(B16.Constant(0), a, file, line), file, line);

    /// <summary>The floats of two halves.</summary>
    public (F32 Low, F32 High) Widen(F16x2 a, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
    {
        var (low, high) = Unpack(Bits(a, file, line), file, line);
        return (ConvertF16ToF32(low, file, line), ConvertF16ToF32(high, file, line));
    }

    /// <summary>The floats of two bfloat16.</summary>
    public (F32 Low, F32 High) Widen(BF16x2 a, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
    {
        var bits = Bits(a, file, line);
        return (FloatOf(Shl(bits, 16, file, line), file, line), FloatOf(And(bits, unchecked((int)0xffff0000), file, line), file, line));
    }
}
