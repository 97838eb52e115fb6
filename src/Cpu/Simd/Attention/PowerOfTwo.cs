using System.Runtime.CompilerServices;

namespace Stof.Reference.Cpu.Simd.Attention;

/// <summary>
/// <see cref="BaseTwo.Power"/> with its constants at hand: made before a loop it keeps them in registers, which the compiler does not
/// always see to by itself.
/// </summary>
internal readonly struct PowerOfTwo<TLanes, TVector>
    where TLanes : struct, IVectorLanes<TVector>
    where TVector : struct
{
    private readonly TVector _least;
    private readonly TVector _shifter;
    private readonly TVector _c6;
    private readonly TVector _c5;
    private readonly TVector _c4;
    private readonly TVector _c3;
    private readonly TVector _c2;
    private readonly TVector _c1;
    private readonly TVector _c0;

    /// <summary>Loads the constants.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public PowerOfTwo()
    {
        _least = TLanes.Create(-126f);
        _shifter = TLanes.Create(12582912f + 126f); // 1.5·2²³: the nearest integer plus 126 lands in the low bits
        _c6 = TLanes.Create(0.000309063267f);
        _c5 = TLanes.Create(0.00267817266f);
        _c4 = TLanes.Create(0.019236166f);
        _c3 = TLanes.Create(0.111007139f);
        _c2 = TLanes.Create(0.480453014f);
        _c1 = TLanes.Create(1.38629436f);
        _c0 = TLanes.Create(2f);
    }

    /// <summary>2^t.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TVector Of(TVector t)
    {
        t = TLanes.Max(_least, t);
        var shifted = TLanes.Add(t, _shifter);
        var f = TLanes.Subtract(t, TLanes.Subtract(shifted, _shifter));
        var p = TLanes.Fma(_c6, f, _c5);
        p = TLanes.Fma(p, f, _c4);
        p = TLanes.Fma(p, f, _c3);
        p = TLanes.Fma(p, f, _c2);
        p = TLanes.Fma(p, f, _c1);
        p = TLanes.Fma(p, f, _c0);
        return TLanes.Multiply(p, TLanes.ExponentBits(shifted));
    }

    /// <summary>2^t and 2^u step by step, so that neither waits for the other.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public (TVector First, TVector Second) Of(TVector t, TVector u)
    {
        (t, u) = (TLanes.Max(_least, t), TLanes.Max(_least, u));
        var (first, second) = (TLanes.Add(t, _shifter), TLanes.Add(u, _shifter));
        t = TLanes.Subtract(t, TLanes.Subtract(first, _shifter));
        u = TLanes.Subtract(u, TLanes.Subtract(second, _shifter));
        var (p, q) = (TLanes.Fma(_c6, t, _c5), TLanes.Fma(_c6, u, _c5));
        (p, q) = (TLanes.Fma(p, t, _c4), TLanes.Fma(q, u, _c4));
        (p, q) = (TLanes.Fma(p, t, _c3), TLanes.Fma(q, u, _c3));
        (p, q) = (TLanes.Fma(p, t, _c2), TLanes.Fma(q, u, _c2));
        (p, q) = (TLanes.Fma(p, t, _c1), TLanes.Fma(q, u, _c1));
        (p, q) = (TLanes.Fma(p, t, _c0), TLanes.Fma(q, u, _c0));
        return (TLanes.Multiply(p, TLanes.ExponentBits(first)), TLanes.Multiply(q, TLanes.ExponentBits(second)));
    }
}
