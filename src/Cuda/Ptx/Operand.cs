using System.Globalization;

namespace Stof.Reference.Cuda.Ptx;

/// <summary>What an operand is.</summary>
public enum OperandKind
{
    /// <summary>A virtual register.</summary>
    Register,

    /// <summary>A constant written into the instruction.</summary>
    Immediate,
}

/// <summary>A register or a constant, as an instruction holds it. Kernels use the typed values (<see cref="F32"/>, <see cref="B32"/>, ...).</summary>
/// <param name="Kind">Register or constant.</param>
/// <param name="Type">Type; decides the file.</param>
/// <param name="Index">
/// Number of the register within its file, or of the constant within the kernel's constants of that file; −1 for a constant that no
/// builder has seen yet.
/// </param>
/// <param name="Bits">Bits of a constant; 0 for a register.</param>
public readonly record struct Operand(OperandKind Kind, RegisterType Type, int Index, ulong Bits)
{
    /// <summary>True for a register.</summary>
    public bool IsRegister => Kind == OperandKind.Register;

    /// <summary>A constant of a type.</summary>
    public static Operand Constant(RegisterType type, ulong bits) => new(OperandKind.Immediate, type, -1, bits);

    /// <summary>The operand in PTX. Floats are written as bits, so that no digit is lost.</summary>
    public override string ToString() => this switch
    {
        { IsRegister: true } => string.Create(CultureInfo.InvariantCulture, $"{Type.Prefix()}{Index}"),
        { Type: RegisterType.F32 } => $"0f{(uint)Bits:X8}",
        { Type: RegisterType.F64 } => $"0d{Bits:X16}",
        { Type: RegisterType.B64 } => ((long)Bits).ToString(CultureInfo.InvariantCulture),
        { Type: RegisterType.F16x2 or RegisterType.BF16x2 } => $"0x{(uint)Bits:X8}",
        { Type: RegisterType.B16 } => $"0x{(ushort)Bits:X4}",
        _ => ((int)Bits).ToString(CultureInfo.InvariantCulture),
    };
}
