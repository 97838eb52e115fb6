using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Stof.Reference.Cpu.Oracle;
using Stof.Reference.Cpu.Simd;
using Stof.Reference.Cpu.Simd.Attention;

namespace Stof.Reference.Unit.Tests.Cpu.Functions;

/// <summary>A function of the kernels' vector arithmetic beside the same in double and in double-double.</summary>
internal interface IFloatFunction
{
    /// <summary>True where the function promises anything.</summary>
    static abstract bool Takes(float x);

    /// <summary>What kernels call.</summary>
    static abstract Vector512<float> Apply(Vector512<float> x);

    /// <summary>In double, with a relative error below 2⁻⁴⁹.</summary>
    static abstract double Reference(double x);

    /// <summary>To about 30 digits.</summary>
    static abstract DoubleDouble Exact(double x);
}

internal readonly struct ExpFunction : IFloatFunction
{
    public static bool Takes(float x) => true;

    public static Vector512<float> Apply(Vector512<float> x) => VectorMath.Exp(x);

    public static double Reference(double x) => Math.Exp(x);

    public static DoubleDouble Exact(double x) => CompensatedFunctions.Exp(x);
}

internal readonly struct TanhFunction : IFloatFunction
{
    public static bool Takes(float x) => true;

    public static Vector512<float> Apply(Vector512<float> x) => VectorMath.Tanh(x);

    public static double Reference(double x) => Math.Tanh(x);

    public static DoubleDouble Exact(double x) => CompensatedFunctions.Tanh(x);
}

internal readonly struct LogFunction : IFloatFunction
{
    public static bool Takes(float x) => true;

    public static Vector512<float> Apply(Vector512<float> x) => VectorMath.Log(x);

    public static double Reference(double x) => Math.Log(x);

    public static DoubleDouble Exact(double x) => CompensatedFunctions.Log(x);
}

/// <summary>The power of two of the activations.</summary>
internal readonly struct Exp2Function : IFloatFunction
{
    public static bool Takes(float x) => x is >= -126f and <= 128f;

    public static Vector512<float> Apply(Vector512<float> x) => Avx512F.IsSupported
        ? VectorMath.Exp2<Lanes512, Vector512<float>>(x)
        : Vector512.Create(
            VectorMath.Exp2<Lanes256, Vector256<float>>(x.GetLower()), VectorMath.Exp2<Lanes256, Vector256<float>>(x.GetUpper()));

    public static double Reference(double x) => PowerOfTwo.Reference(x);

    public static DoubleDouble Exact(double x) => PowerOfTwo.Exact(x);
}

/// <summary>The power of two of the softmax: nothing from −125.5 on.</summary>
internal readonly struct SoftmaxPowerFunction : IFloatFunction
{
    private const float Last = -125.5f;

    public static bool Takes(float x) => !(x > 127f);

    public static Vector512<float> Apply(Vector512<float> x) => Avx512F.IsSupported
        ? BaseTwo.Power<Lanes512, Vector512<float>>(x)
        : Vector512.Create(
            BaseTwo.Power<Lanes256, Vector256<float>>(x.GetLower()), BaseTwo.Power<Lanes256, Vector256<float>>(x.GetUpper()));

    public static double Reference(double x) => x <= Last ? 0 : PowerOfTwo.Reference(x);

    public static DoubleDouble Exact(double x) => x <= Last ? 0 : PowerOfTwo.Exact(x);
}

/// <summary>2ˣ for |x| up to 1,000, which the library has for integers only.</summary>
internal static class PowerOfTwo
{
    private static readonly double Ln2 = Math.Log(2);
    private static readonly DoubleDouble ExactLn2 = CompensatedFunctions.Log(2);

    public static double Reference(double x)
    {
        var whole = Math.Round(x);
        return double.IsNaN(x) ? x : Math.Exp((x - whole) * Ln2) * BitConverter.Int64BitsToDouble((long)(whole + 1023) << 52);
    }

    public static DoubleDouble Exact(double x) => CompensatedFunctions.Exp(ExactLn2 * x);
}
