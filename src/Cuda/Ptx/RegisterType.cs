namespace Stof.Reference.Cuda.Ptx;

/// <summary>What a register holds. Packed pairs are 32-bit registers to PTX and types of their own to C#.</summary>
public enum RegisterType
{
    /// <summary>One bit a lane.</summary>
    Pred,

    /// <summary>16 bits: a half, a bfloat16 or an integer.</summary>
    B16,

    /// <summary>32 bits without a sign; instructions say how they read them.</summary>
    B32,

    /// <summary>64 bits: an address or an integer.</summary>
    B64,

    /// <summary>A float.</summary>
    F32,

    /// <summary>A double.</summary>
    F64,

    /// <summary>Two halves, the first in the low bits.</summary>
    F16x2,

    /// <summary>Two bfloat16, the first in the low bits.</summary>
    BF16x2,
}

/// <summary>Where the simulator keeps a register.</summary>
public enum RegisterFile
{
    /// <summary>One bit a lane.</summary>
    Predicates,

    /// <summary>32 bits a lane; 16-bit registers lie in the low half.</summary>
    Words,

    /// <summary>64 bits a lane.</summary>
    LongWords,
}

/// <summary>Facts about register types.</summary>
public static class RegisterTypes
{
    /// <summary>The file that holds registers of a type.</summary>
    public static RegisterFile File(this RegisterType type) => type switch
    {
        RegisterType.Pred => RegisterFile.Predicates,
        RegisterType.B64 or RegisterType.F64 => RegisterFile.LongWords,
        _ => RegisterFile.Words,
    };

    /// <summary>Bits of a register; 1 for a predicate.</summary>
    public static int Bits(this RegisterType type) => type switch
    {
        RegisterType.Pred => 1,
        RegisterType.B16 => 16,
        RegisterType.B64 or RegisterType.F64 => 64,
        _ => 32,
    };

    /// <summary>The type's name in a <c>.reg</c> directive.</summary>
    internal static string Directive(this RegisterType type) => type switch
    {
        RegisterType.Pred => ".pred",
        RegisterType.B16 => ".b16",
        RegisterType.B64 => ".b64",
        RegisterType.F32 => ".f32",
        RegisterType.F64 => ".f64",
        _ => ".b32",
    };

    /// <summary>The prefix of the type's register names.</summary>
    internal static string Prefix(this RegisterType type) => type switch
    {
        RegisterType.Pred => "%p",
        RegisterType.B16 => "%h",
        RegisterType.B64 => "%rd",
        RegisterType.F32 => "%f",
        RegisterType.F64 => "%fd",
        RegisterType.F16x2 => "%hh",
        RegisterType.BF16x2 => "%bb",
        _ => "%r",
    };
}
