using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Stof.Reference.Cpu.Simd;

/// <summary>An <see cref="Activation"/> as a type: the JIT compiles one row loop per function.</summary>
internal interface IActivation
{
    /// <summary>True if a second value (SwiGLU's other half) takes part.</summary>
    static abstract bool IsGated { get; }

    /// <summary>Applies the function to sixteen values.</summary>
    static abstract Vector512<float> Apply(Vector512<float> x, Vector512<float> second);
}

internal readonly struct IdentityFunction : IActivation
{
    public static bool IsGated => false;

    public static Vector512<float> Apply(Vector512<float> x, Vector512<float> second) => x;
}

internal readonly struct ReluFunction : IActivation
{
    public static bool IsGated => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Apply(Vector512<float> x, Vector512<float> second) =>
        Vector512.ConditionalSelect(Vector512.LessThan(x, Vector512<float>.Zero), Vector512<float>.Zero, x);
}

/// <summary>
/// max(x, 0) − |x|·Q(|x|) with the normal distribution's tail Q(a) = erfc(a/√2)/2 = 2^w(−a): one polynomial and one power where
/// a general erf takes two polynomials and an exponential, and no cancellation for negative x. The error is at most
/// 2.1·2⁻²⁴·|x|. From 5.65 on, where Q is below 2⁻²⁴/7, x stays and −x gives zero.
/// </summary>
internal readonly struct GeluErfFunction : IActivation
{
    private const float Last = -5.65f;

    public static bool IsGated => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Apply(Vector512<float> x, Vector512<float> second) => Avx512F.IsSupported
        ? Apply<Lanes512, Vector512<float>>(x)
        : Vector512.Create(Apply<Lanes256, Vector256<float>>(x.GetLower()), Apply<Lanes256, Vector256<float>>(x.GetUpper()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Apply<TLanes, TVector>(TVector x)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        var negative = TLanes.NegativeAbs(x);
        var t = TLanes.Max(TLanes.Create(Last), negative);

        // w(t) = log2 Q(−t) on [−5.65, 0], minimax in what its error does to Q; even and odd powers apart, to wait less.
        var z = TLanes.Multiply(t, t);
        var odd = TLanes.Create(-1.3486892669334338e-07f);
        odd = TLanes.Fma(odd, z, TLanes.Create(-3.3988508221227676e-05f));
        odd = TLanes.Fma(odd, z, TLanes.Create(0.00027031011995859444f));
        odd = TLanes.Fma(odd, z, TLanes.Create(0.052622366696596146f));
        odd = TLanes.Fma(odd, z, TLanes.Create(1.151108741760254f));
        var even = TLanes.Create(-3.410901626921259e-06f);
        even = TLanes.Fma(even, z, TLanes.Create(-0.0001404097129125148f));
        even = TLanes.Fma(even, z, TLanes.Create(0.007249034009873867f));
        even = TLanes.Fma(even, z, TLanes.Create(-0.45917052030563354f));
        even = TLanes.Fma(even, z, TLanes.Create(-1f));
        var tail = VectorMath.Exp2<TLanes, TVector>(TLanes.Fma(odd, t, even));

        tail = TLanes.Select(TLanes.LessThan(TLanes.Create(Last), negative), tail, TLanes.Create(0f));
        return TLanes.Fma(t, tail, TLanes.Max(TLanes.Create(0f), x));
    }
}

/// <summary>
/// x/2 · (1 + tanh u) = x / (1 + 2^w) with w = −2·log2(e)·u: no cancellation for negative x, and no case distinction.
/// </summary>
internal readonly struct GeluTanhFunction : IActivation
{
    private const float Linear = -2.3022081983f; // −2·log2(e)·√(2/π)
    private const float Cubic = -0.10294323958f; // 0.044715 times that

    public static bool IsGated => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Apply(Vector512<float> x, Vector512<float> second) => Gate.Apply(
        x, x * Vector512.FusedMultiplyAdd(x * x, Vector512.Create(Cubic), Vector512.Create(Linear)));
}

/// <summary>x / (1 + 2^w) with w = −log2(e)·x.</summary>
internal readonly struct SiluFunction : IActivation
{
    private const float Linear = -1.4426950409f; // −log2(e)

    public static bool IsGated => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Apply(Vector512<float> x, Vector512<float> second) =>
        Gate.Apply(x, x * Vector512.Create(Linear));
}

internal readonly struct SwiGluFunction : IActivation
{
    public static bool IsGated => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Apply(Vector512<float> x, Vector512<float> second) => SiluFunction.Apply(x, second) * second;
}

/// <summary>x / (1 + 2^w): what the sigmoid and the tanh gates have in common.</summary>
internal static class Gate
{
    /// <summary>From w = 128 on the power is +∞ and the result zero; below −126 the power is nothing beside 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Apply(Vector512<float> x, Vector512<float> w) => Avx512F.IsSupported
        ? Apply<Lanes512, Vector512<float>>(x, w)
        : Vector512.Create(
            Apply<Lanes256, Vector256<float>>(x.GetLower(), w.GetLower()),
            Apply<Lanes256, Vector256<float>>(x.GetUpper(), w.GetUpper()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Apply<TLanes, TVector>(TVector x, TVector w)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        var power = TLanes.Max(TLanes.Create(-126f), TLanes.Min(TLanes.Create(128f), w));
        return TLanes.Divide(x, TLanes.Add(TLanes.Create(1f), VectorMath.Exp2<TLanes, TVector>(power)));
    }
}
