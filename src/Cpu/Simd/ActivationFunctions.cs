using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Stof.Reference.Cpu.Simd;

/// <summary>An <see cref="Activation"/> as a type: the JIT compiles one row loop per function.</summary>
internal unsafe interface IActivation
{
    /// <summary>True if a second value (SwiGLU's other half) takes part.</summary>
    static abstract bool IsGated { get; }

    /// <summary>What <see cref="Apply"/> looks up; null for nothing. To be read before a loop: reading it may initialise it.</summary>
    static virtual float* Table => null;

    /// <summary>Applies the function to sixteen values.</summary>
    static abstract Vector512<float> Apply(Vector512<float> x, Vector512<float> second, float* table);
}

internal readonly unsafe struct IdentityFunction : IActivation
{
    public static bool IsGated => false;

    public static Vector512<float> Apply(Vector512<float> x, Vector512<float> second, float* table) => x;
}

internal readonly unsafe struct ReluFunction : IActivation
{
    public static bool IsGated => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Apply(Vector512<float> x, Vector512<float> second, float* table) =>
        Vector512.ConditionalSelect(Vector512.LessThan(x, Vector512<float>.Zero), Vector512<float>.Zero, x);
}

/// <summary>
/// max(x, 0) − |x|·Q(|x|) with the normal distribution's tail Q(a) = erfc(a/√2)/2, a polynomial around each sixteenth of [0, 5.65]:
/// no exponential, and no cancellation for negative x. The error is at most 2.1·2⁻²⁴·|x|, and 2·10⁻⁵ of the result down to
/// x = −5. From 5.65 on, where Q is below 2⁻²⁴/7, x stays and −x gives zero.
/// </summary>
internal readonly unsafe struct GeluErfFunction : IActivation
{
    private const float Last = -5.65f;
    private const float Step = 0.36474609375f; // of few bits: whole multiples are exact
    private const float PerStep = 2.741633176803589f;
    private const int Entries = 16;

    // Q(k·Step − u) by powers of u, the fifth first: least largest error relative to Q over |u| ≤ Step/2; 1.9e-5 of Q, 1.6e-8 in all.
    private static readonly float* Tail = VectorMath.Pin(
        0.009904743172228336f, 0.006813580635935068f, 0.00018248640117235482f, -0.005009177606552839f,
        -0.005954183172434568f, -0.0036583365872502327f, -0.0008182387100532651f, 0.0008182830060832202f,
        0.0011387545382604003f, 0.0008157832780852914f, 0.00042212067637592554f, 0.00017187025514431298f,
        5.710721598006785e-05f, 1.5789171811775304e-05f, 3.6758151509275194e-06f, 7.262559620357933e-07f,
        0f, -0.01613566093146801f, -0.02278117462992668f, -0.017944693565368652f,
        -0.007313576526939869f, 0.0018058483256027102f, 0.005882684141397476f, 0.00571569474413991f,
        0.0037901911418884993f, 0.00194874859880656f, 0.0008141904836520553f, 0.0002828923752531409f,
        8.284091018140316e-05f, 2.062051498796791e-05f, 4.388487468531821e-06f, 8.018761263883789e-07f,
        -0.06648923456668854f, -0.05393201485276222f, -0.023837285116314888f, 0.007211774587631226f,
        0.025885770097374916f, 0.029315980151295662f, 0.022976884618401527f, 0.01409381814301014f,
        0.00707568135112524f, 0.0029714854899793863f, 0.001056901179254055f, 0.00032088192529045045f,
        8.359849016414955e-05f, 1.8759590602712706e-05f, 3.6360086141939973e-06f, 6.09989513122855e-07f,
        0f, 0.06807245314121246f, 0.1115158274769783f, 0.11994601041078568f,
        0.10039328038692474f, 0.0689629390835762f, 0.03981233760714531f, 0.01956154592335224f,
        0.008242330513894558f, 0.0029927582945674658f, 0.0009395293309353292f, 0.0002556196122895926f,
        6.037841012584977e-05f, 1.2397907994454727e-05f, 2.2153451482154196e-06f, 3.447583196702908e-07f,
        0.3989422619342804f, 0.3732680678367615f, 0.3057406544685364f, 0.21923363208770752f,
        0.13762038946151733f, 0.07562754303216934f, 0.03638302534818649f, 0.015322833321988583f,
        0.00564937898889184f, 0.0018234062008559704f, 0.0005152130033820868f, 0.00012744135165121406f,
        2.7596455765888095e-05f, 5.23136077390518e-06f, 8.681470831106708e-07f, 1.261210655911782e-07f,
        0.5f, 0.357650488615036f, 0.2328503280878067f, 0.13692525029182434f,
        0.07228470593690872f, 0.03409641236066818f, 0.014317451976239681f, 0.00533656170591712f,
        0.0017615982796996832f, 0.000514063227456063f, 0.00013242241402622312f, 3.007692430401221e-05f,
        6.017518444423331e-06f, 1.0596735364742926e-06f, 1.641397346929807e-07f, 2.2351409612042517e-08f);

    public static bool IsGated => false;

    public static float* Table => Tail;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Apply(Vector512<float> x, Vector512<float> second, float* table) => Avx512F.IsSupported
        ? Apply<Lanes512, Vector512<float>>(x, table)
        : Vector512.Create(
            Apply<Lanes256, Vector256<float>>(x.GetLower(), table), Apply<Lanes256, Vector256<float>>(x.GetUpper(), table));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Apply<TLanes, TVector>(TVector x, float* table)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        var negative = TLanes.NegativeAbs(x);
        var t = TLanes.Max(TLanes.Create(Last), negative);
        var shifted = TLanes.Fma(t, TLanes.Create(-PerStep), TLanes.Create(VectorMath.Shifter));
        var u = TLanes.Fma(TLanes.Subtract(shifted, TLanes.Create(VectorMath.Shifter)), TLanes.Create(Step), t);
        var (c5, c4) = TLanes.LookUp(shifted, table, table + Entries);
        var (c3, c2) = TLanes.LookUp(shifted, table + (2 * Entries), table + (3 * Entries));
        var (c1, c0) = TLanes.LookUp(shifted, table + (4 * Entries), table + (5 * Entries));
        var tail = TLanes.Fma(c5, u, c4);
        tail = TLanes.Fma(tail, u, c3);
        tail = TLanes.Fma(tail, u, c2);
        tail = TLanes.Fma(tail, u, c1);
        tail = TLanes.Fma(tail, u, c0);
        tail = TLanes.Select(TLanes.LessThan(TLanes.Create(Last), negative), tail, TLanes.Create(0f));
        return TLanes.Fma(t, tail, TLanes.Max(TLanes.Create(0f), x));
    }
}

/// <summary>
/// x/2 · (1 + tanh u) = x / (1 + 2^w) with w = −2·log2(e)·u: no cancellation for negative x, and no case distinction.
/// </summary>
internal readonly unsafe struct GeluTanhFunction : IActivation
{
    private const float Linear = -2.3022081983f; // −2·log2(e)·√(2/π)
    private const float Cubic = -0.10294323958f; // 0.044715 times that

    public static bool IsGated => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Apply(Vector512<float> x, Vector512<float> second, float* table) => Gate.Apply(
        x, x * Vector512.FusedMultiplyAdd(x * x, Vector512.Create(Cubic), Vector512.Create(Linear)));
}

/// <summary>x / (1 + 2^w) with w = −log2(e)·x.</summary>
internal readonly unsafe struct SiluFunction : IActivation
{
    private const float Linear = -1.4426950409f; // −log2(e)

    public static bool IsGated => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Apply(Vector512<float> x, Vector512<float> second, float* table) =>
        Gate.Apply(x, x * Vector512.Create(Linear));
}

internal readonly unsafe struct SwiGluFunction : IActivation
{
    public static bool IsGated => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Apply(Vector512<float> x, Vector512<float> second, float* table) => SiluFunction.Apply(x, second, table) * second;
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
