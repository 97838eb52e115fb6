using System.Runtime.CompilerServices;

namespace Stof.Reference.Cuda.Ptx;

/// <summary>Comparisons. Each family has one instruction for each <see cref="Comparison"/>, in its order.</summary>
internal static class CompareInstructions
{
    public static readonly Opcode[] U32 = Family<uint>("u32");

    public static readonly Opcode[] S32 = Family<int>("s32");

    public static readonly Opcode[] U64 = Family<ulong>("u64");

    public static readonly Opcode[] S64 = Family<long>("s64");

    /// <summary>Do not hold with a NaN, inequality neither.</summary>
    public static readonly Opcode[] F32 = FloatFamily<float>("", "f32", a => float.IsNaN(a));

    /// <summary>Hold with a NaN.</summary>
    public static readonly Opcode[] F32OrNaN = FloatFamily<float>("u", "f32", a => float.IsNaN(a));

    /// <summary>Do not hold with a NaN, inequality neither.</summary>
    public static readonly Opcode[] F64 = FloatFamily<double>("", "f64", a => double.IsNaN(a));

    public static readonly Opcode EitherNaN = Elementwise.Compare("setp.nan.f32", (float a, float b) => float.IsNaN(a) || float.IsNaN(b));

    private static Opcode[] Family<T>(string type)
        where T : unmanaged, IComparable<T> =>
        [
            .. Comparisons.All.Select(comparison => Elementwise.Compare<T>(
                $"setp.{comparison.Name()}.{type}", (a, b) => comparison.Holds(a.CompareTo(b)))),
        ];

    private static Opcode[] FloatFamily<T>(string orNaN, string type, Func<T, bool> isNaN)
        where T : unmanaged, IComparable<T> =>
        [
            .. Comparisons.All.Select(comparison => Elementwise.Compare<T>(
                $"setp.{comparison.Name()}{orNaN}.{type}", (a, b) => isNaN(a) || isNaN(b) ? orNaN.Length > 0 : comparison.Holds(a.CompareTo(b)))),
        ];
}

/// <content>Comparisons.</content>
public sealed partial class KernelBuilder
{
    /// <summary>Compares floats.</summary>
    /// <param name="comparison">How.</param>
    /// <param name="a">Left.</param>
    /// <param name="b">Right.</param>
    /// <param name="orNaN">What it gives if either is NaN; false also for <see cref="Comparison.NotEqual"/>.</param>
    /// <param name="file">Path of the caller.</param>
    /// <param name="line">Line of the caller.</param>
    public Pred Compare(
        Comparison comparison, F32 a, F32 b, bool orNaN = false, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<Pred>((orNaN ? CompareInstructions.F32OrNaN : CompareInstructions.F32)[(int)comparison], [a.Operand, b.Operand], file, line);

    /// <summary>Compares doubles; does not hold if either is NaN.</summary>
    public Pred Compare(Comparison comparison, F64 a, F64 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<Pred>(CompareInstructions.F64[(int)comparison], [a.Operand, b.Operand], file, line);

    /// <summary>True where a is NaN.</summary>
    public Pred IsNaN(F32 a, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<Pred>(CompareInstructions.EitherNaN, [a.Operand, a.Operand], file, line);

    /// <summary>Compares without signs.</summary>
    public Pred CompareU32(Comparison comparison, B32 a, B32 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<Pred>(CompareInstructions.U32[(int)comparison], [a.Operand, b.Operand], file, line);

    /// <summary>Compares with signs.</summary>
    public Pred CompareS32(Comparison comparison, B32 a, B32 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<Pred>(CompareInstructions.S32[(int)comparison], [a.Operand, b.Operand], file, line);

    /// <summary>Compares without signs.</summary>
    public Pred CompareU64(Comparison comparison, B64 a, B64 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<Pred>(CompareInstructions.U64[(int)comparison], [a.Operand, b.Operand], file, line);

    /// <summary>Compares with signs.</summary>
    public Pred CompareS64(Comparison comparison, B64 a, B64 b, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Emit<Pred>(CompareInstructions.S64[(int)comparison], [a.Operand, b.Operand], file, line);
}
