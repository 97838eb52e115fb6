using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Stof.Reference.Cpu.Simd;

/// <summary>
/// Elementary functions of the kernels, in single precision. Every function is one fixed sequence of correctly rounded
/// operations (fused multiply-add, never a multiplication and an addition that hardware may or may not fuse), so an element
/// has the same bits in a register of sixteen, eight or four lanes, on any hardware; the scalar forms run the vector form.
/// The library's functions are not used because their bits differ between register widths and between C runtimes.
/// <para>Errors in units of the last place of the result hold for every float: CI samples, STOF_EVERY_FLOAT=1 makes the tests
/// visit them all.</para>
/// </summary>
public static unsafe class VectorMath
{
    /// <summary>1.5·2²³ as bits: added to a float below 2²² it leaves the nearest integer in the low bits.</summary>
    internal const int ShifterBits = 0x4B400000;

    /// <summary>√½ as bits.</summary>
    internal const int SqrtHalfBits = 0x3F3504F3;

    /// <summary>1.5·2²³.</summary>
    internal const float Shifter = 12582912f;

    // 2^(j/16) rounded to float, and what the rounding lost.
    private static readonly float* Powers = Pin(
        1.0f, 1.0442737340927124f, 1.0905077457427979f, 1.1387885808944702f,
        1.1892070770263672f, 1.2418577671051025f, 1.2968395948410034f, 1.3542555570602417f,
        1.4142135381698608f, 1.4768261909484863f, 1.5422108173370361f, 1.610490322113037f,
        1.6817928552627563f, 1.7562521696090698f, 1.8340080976486206f, 1.9152065515518188f,
        0.0f, 4.8334701574503924e-08f, -1.3077539939843064e-08f, 5.386222312608879e-08f,
        3.797635272917432e-08f, 4.496838101886169e-08f, -4.018999533172973e-08f, -1.0123349269974824e-08f,
        2.4203234971764687e-08f, -4.500898853621038e-08f, 8.070904833346049e-09f, 9.836217174097328e-09f,
        -2.4755326677450284e-08f, -9.235770370707996e-09f, -1.1239277952768134e-08f, 9.845328108326612e-09f);

    /// <summary>
    /// eˣ within 0.57 ULP (0.80 where the result is subnormal): +∞ above 88.72, gradual underflow, 0 below −103.97; NaN stays
    /// NaN; e⁰ is exactly 1.
    /// x = k·ln2/16 + r, then 2^(k/16) from a table in two parts times a cubic in r ≤ 0.0217.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Exp(Vector512<float> x) => Avx512F.IsSupported
        ? Exp<Lanes512, Vector512<float>>(x)
        : Vector512.Create(Exp(x.GetLower()), Exp(x.GetUpper()));

    /// <inheritdoc cref="Exp(Vector512{float})"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Exp(Vector256<float> x) => Vector256.IsHardwareAccelerated
        ? Exp<Lanes256, Vector256<float>>(x)
        : Vector256.Create(Exp<Lanes128, Vector128<float>>(x.GetLower()), Exp<Lanes128, Vector128<float>>(x.GetUpper()));

    /// <inheritdoc cref="Exp(Vector512{float})"/>
    public static float Exp(float x) => Exp<Lanes128, Vector128<float>>(Vector128.Create(x)).ToScalar();

    /// <summary>
    /// tanh x within 1.5 ULP: an odd polynomial below 0.625, 1 − 2/(e^2|x| + 1) above; ±1 at ±∞, signed zero and NaN kept.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Tanh(Vector512<float> x) => Avx512F.IsSupported
        ? Tanh<Lanes512, Vector512<float>>(x)
        : Vector512.Create(Tanh(x.GetLower()), Tanh(x.GetUpper()));

    /// <inheritdoc cref="Tanh(Vector512{float})"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Tanh(Vector256<float> x) => Vector256.IsHardwareAccelerated
        ? Tanh<Lanes256, Vector256<float>>(x)
        : Vector256.Create(Tanh<Lanes128, Vector128<float>>(x.GetLower()), Tanh<Lanes128, Vector128<float>>(x.GetUpper()));

    /// <inheritdoc cref="Tanh(Vector512{float})"/>
    public static float Tanh(float x) => Tanh<Lanes128, Vector128<float>>(Vector128.Create(x)).ToScalar();

    /// <summary>
    /// Natural logarithm within 1 ULP, subnormal arguments included: −∞ at ±0, NaN below, +∞ at +∞; ln 1 is exactly 0.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Log(Vector512<float> x) => Avx512F.IsSupported
        ? Log<Lanes512, Vector512<float>>(x)
        : Vector512.Create(Log(x.GetLower()), Log(x.GetUpper()));

    /// <inheritdoc cref="Log(Vector512{float})"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Log(Vector256<float> x) => Vector256.IsHardwareAccelerated
        ? Log<Lanes256, Vector256<float>>(x)
        : Vector256.Create(Log<Lanes128, Vector128<float>>(x.GetLower()), Log<Lanes128, Vector128<float>>(x.GetUpper()));

    /// <inheritdoc cref="Log(Vector512{float})"/>
    public static float Log(float x) => Log<Lanes128, Vector128<float>>(Vector128.Create(x)).ToScalar();

    /// <summary>As <see cref="Exp(Vector512{float})"/>, for code that is generic over the register width.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static TVector Exp<TLanes, TVector>(TVector x)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        // Beyond these bounds the result is +∞ or 0 anyway, and inside them k fits the shifter. NaN passes both.
        x = TLanes.Min(TLanes.Create(89.5f), x);
        x = TLanes.Max(TLanes.Create(-104.5f), x);

        // k = round(16·x/ln 2). With ln2/16 split in two the first fused step is exact.
        var shifted = TLanes.Fma(x, TLanes.Create(23.083120346069336f), TLanes.Create(Shifter));
        var k = TLanes.Subtract(shifted, TLanes.Create(Shifter));
        var r = TLanes.Fma(k, TLanes.Create(-0.043321698904037476f), x);
        r = TLanes.Fma(k, TLanes.Create(1.1904088825787085e-10f), r);

        // e^r − 1 = r + r²(c0 + c1·r): near-minimax on |r| ≤ ln2/32, error 1.6e-9.
        var quadratic = TLanes.Fma(TLanes.Create(0.1666698f), r, TLanes.Create(0.50001619f));
        var growth = TLanes.Fma(TLanes.Multiply(r, r), quadratic, r);
        var (high, low) = TLanes.LookUp(shifted, Powers, Powers + 16);
        var value = TLanes.Add(high, TLanes.Fma(high, growth, low));

        // Scaling down to nothing would be right but makes the hardware take a slow trap, and masked scores all end here.
        value = TLanes.Select(TLanes.LessThan(x, TLanes.Create(-104f)), TLanes.Create(0f), value);
        return TLanes.ScaleBySixteenths(value, shifted, k);
    }

    /// <summary>
    /// 2ˣ within 2 ULP for −126 ≤ x ≤ 128; 2⁰ is exactly 1 and 2¹²⁸ is +∞; NaN gives anything. For sums with 1 and for products
    /// that are rounded again: half the work of <see cref="Exp{TLanes, TVector}"/>.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static TVector Exp2<TLanes, TVector>(TVector x)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        var shifted = TLanes.Add(x, TLanes.Create(Shifter));
        var f = TLanes.Subtract(x, TLanes.Subtract(shifted, TLanes.Create(Shifter)));

        // Minimax in relative error on [−½, ½] with value 1 at 0: 9.4e-8.
        var p = TLanes.Create(0.001327154110185802f);
        p = TLanes.Fma(p, f, TLanes.Create(0.00967136025428772f));
        p = TLanes.Fma(p, f, TLanes.Create(0.05550706386566162f));
        p = TLanes.Fma(p, f, TLanes.Create(0.24022245407104492f));
        p = TLanes.Fma(p, f, TLanes.Create(0.6931470036506653f));
        p = TLanes.Fma(p, f, TLanes.Create(1f));
        return TLanes.AddToExponent(p, shifted);
    }

    /// <summary>As <see cref="Tanh(Vector512{float})"/>, for code that is generic over the register width.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static TVector Tanh<TLanes, TVector>(TVector x)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        var a = TLanes.Abs(x);
        var one = TLanes.Create(1f);

        // a + a³·P(a²), minimax in relative error on [0, 0.625].
        var z = TLanes.Multiply(a, a);
        var p = TLanes.Create(-0.005698913708329201f);
        p = TLanes.Fma(p, z, TLanes.Create(0.020633865147829056f));
        p = TLanes.Fma(p, z, TLanes.Create(-0.05373818427324295f));
        p = TLanes.Fma(p, z, TLanes.Create(0.13331425189971924f));
        p = TLanes.Fma(p, z, TLanes.Create(-0.3333328068256378f));
        var near = TLanes.Fma(TLanes.Multiply(z, p), a, a);

        var e = Exp<TLanes, TVector>(TLanes.Add(a, a));
        var far = TLanes.Subtract(one, TLanes.Divide(TLanes.Create(2f), TLanes.Add(e, one)));
        return TLanes.CopySign(TLanes.Select(TLanes.LessThan(a, TLanes.Create(0.625f)), near, far), x);
    }

    /// <summary>As <see cref="Log(Vector512{float})"/>, for code that is generic over the register width.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static TVector Log<TLanes, TVector>(TVector x)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        var zero = TLanes.Create(0f);
        var tiny = TLanes.LessThan(x, TLanes.Create(1.17549435e-38f)); // the smallest normal
        var normal = TLanes.Select(tiny, TLanes.Multiply(x, TLanes.Create(8388608f)), x);
        var (fraction, exponent) = TLanes.SplitAroundOne(normal);
        var k = TLanes.Subtract(exponent, TLanes.Select(tiny, TLanes.Create(23f), zero));
        var f = TLanes.Subtract(fraction, TLanes.Create(1f));

        // ln(1 + f) = f − f²/2 + f³·P(f), minimax on [√½ − 1, √2 − 1].
        var p = TLanes.Create(0.06757567077875137f);
        p = TLanes.Fma(p, f, TLanes.Create(-0.11694322526454926f));
        p = TLanes.Fma(p, f, TLanes.Create(0.11893501877784729f));
        p = TLanes.Fma(p, f, TLanes.Create(-0.12403083592653275f));
        p = TLanes.Fma(p, f, TLanes.Create(0.14218555390834808f));
        p = TLanes.Fma(p, f, TLanes.Create(-0.16668090224266052f));
        p = TLanes.Fma(p, f, TLanes.Create(0.2000216692686081f));
        p = TLanes.Fma(p, f, TLanes.Create(-0.25000008940696716f));
        p = TLanes.Fma(p, f, TLanes.Create(0.3333331048488617f));
        p = TLanes.Fma(p, f, TLanes.Create(-0.5f));

        // k·ln 2 in two parts, the first exact; the sum with f keeps what its rounding loses.
        var whole = TLanes.Multiply(k, TLanes.Create(0.693145751953125f));
        var sum = TLanes.Add(whole, f);
        var lost = TLanes.Subtract(f, TLanes.Subtract(sum, whole));
        var tail = TLanes.Fma(TLanes.Multiply(f, f), p, TLanes.Fma(k, TLanes.Create(1.428606765330187e-06f), lost));
        var result = TLanes.Add(sum, tail);

        result = TLanes.Select(TLanes.LessThan(x, TLanes.Create(float.PositiveInfinity)), result, x); // +∞ and NaN as they are
        result = TLanes.Select(TLanes.LessThan(x, zero), TLanes.Create(float.NaN), result);
        return TLanes.Select(TLanes.Equal(x, zero), TLanes.Create(float.NegativeInfinity), result);
    }

    /// <summary>Copies a table to where kernels read it.</summary>
    internal static float* Pin(params ReadOnlySpan<float> values)
    {
        // Native memory, for the life of the process: a table must neither move nor straddle cache lines.
        var table = (float*)NativeMemory.AlignedAlloc((nuint)values.Length * sizeof(float), 64);
        values.CopyTo(new Span<float>(table, values.Length));
        return table;
    }
}
