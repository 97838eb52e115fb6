using System.Runtime.CompilerServices;

namespace Stof.Reference.Cpu.Simd.Attention;

/// <summary>
/// Powers of two with their constants at hand: made before a loop it keeps them in registers, which the compiler does not always see
/// to by itself. All three forms split their argument at the nearest integer n and take the same polynomial of what is left, and the
/// integer only moves the exponent: so <see cref="Of(TVector, TVector)"/> under another reference m gives the same bits but for a factor
/// of a power of two, and <see cref="OfBounded(TVector)"/> gives those of m = 0.
/// </summary>
internal readonly struct PowerOfTwo<TLanes, TVector>
    where TLanes : struct, IVectorLanes<TVector>
    where TVector : struct
{
    private readonly TVector _lowest;
    private readonly TVector _least;
    private readonly TVector _bitShifter;
    private readonly TVector _powerShifter;
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
        // 1.5·2²³ and a number: the nearest integer plus the number lands in the low bits.
        _lowest = TLanes.Create(float.MinValue);
        _least = TLanes.Create(-126f);
        _bitShifter = TLanes.Create(12582912f + 126f);
        _powerShifter = TLanes.Create(12582912f - 1f);
        _c6 = TLanes.Create(0.000309063267f);
        _c5 = TLanes.Create(0.00267817266f);
        _c4 = TLanes.Create(0.019236166f);
        _c3 = TLanes.Create(0.111007139f);
        _c2 = TLanes.Create(0.480453014f);
        _c1 = TLanes.Create(1.38629436f);
        _c0 = TLanes.Create(2f);
    }

    /// <summary>2^t for t ≤ 127.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TVector Of(TVector t)
    {
        t = TLanes.Max(_least, t);
        var shifted = TLanes.Add(t, _bitShifter);
        var f = TLanes.Subtract(t, TLanes.Subtract(shifted, _bitShifter));
        return TLanes.Multiply(Doubled(f), TLanes.ExponentBits(shifted));
    }

    /// <summary>2^(s − m) for integers m and s − m ≤ 127: the fraction is that of s, however far m lies from it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TVector Of(TVector s, TVector m)
    {
        // −∞ has no distance from its nearest integer.
        s = TLanes.Max(_lowest, s);
        var n = TLanes.Round(s);
        var f = TLanes.Subtract(s, n);
        var shifted = TLanes.Add(TLanes.Max(_least, TLanes.Subtract(n, m)), _bitShifter);
        return TLanes.Multiply(Doubled(f), TLanes.ExponentBits(shifted));
    }

    /// <summary>2^s for |s| ≤ 125: nothing to clamp, and the exponent is moved by adding to it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TVector OfBounded(TVector s)
    {
        var shifted = TLanes.Add(s, _powerShifter);
        var f = TLanes.Subtract(s, TLanes.Subtract(shifted, _powerShifter));
        return TLanes.AddToExponent(Doubled(f), shifted);
    }

    /// <summary><see cref="Of(TVector, TVector)"/> of four step by step, so that none waits for another.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public (TVector A, TVector B, TVector C, TVector D) Of(TVector a, TVector b, TVector c, TVector d, TVector m)
    {
        (a, b, c, d) = (TLanes.Max(_lowest, a), TLanes.Max(_lowest, b), TLanes.Max(_lowest, c), TLanes.Max(_lowest, d));
        var (na, nb, nc, nd) = (TLanes.Round(a), TLanes.Round(b), TLanes.Round(c), TLanes.Round(d));
        (a, b, c, d) = (TLanes.Subtract(a, na), TLanes.Subtract(b, nb), TLanes.Subtract(c, nc), TLanes.Subtract(d, nd));
        (a, b, c, d) = Doubled(a, b, c, d);
        (na, nb, nc, nd) = (TLanes.Subtract(na, m), TLanes.Subtract(nb, m), TLanes.Subtract(nc, m), TLanes.Subtract(nd, m));
        (na, nb, nc, nd) = (TLanes.Max(_least, na), TLanes.Max(_least, nb), TLanes.Max(_least, nc), TLanes.Max(_least, nd));
        return (
            TLanes.Multiply(a, TLanes.ExponentBits(TLanes.Add(na, _bitShifter))),
            TLanes.Multiply(b, TLanes.ExponentBits(TLanes.Add(nb, _bitShifter))),
            TLanes.Multiply(c, TLanes.ExponentBits(TLanes.Add(nc, _bitShifter))),
            TLanes.Multiply(d, TLanes.ExponentBits(TLanes.Add(nd, _bitShifter))));
    }

    /// <summary><see cref="OfBounded(TVector)"/> of four step by step.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public (TVector A, TVector B, TVector C, TVector D) OfBounded(TVector a, TVector b, TVector c, TVector d)
    {
        var (na, nb) = (TLanes.Add(a, _powerShifter), TLanes.Add(b, _powerShifter));
        var (nc, nd) = (TLanes.Add(c, _powerShifter), TLanes.Add(d, _powerShifter));
        (a, b) = (TLanes.Subtract(a, TLanes.Subtract(na, _powerShifter)), TLanes.Subtract(b, TLanes.Subtract(nb, _powerShifter)));
        (c, d) = (TLanes.Subtract(c, TLanes.Subtract(nc, _powerShifter)), TLanes.Subtract(d, TLanes.Subtract(nd, _powerShifter)));
        (a, b, c, d) = Doubled(a, b, c, d);
        return (TLanes.AddToExponent(a, na), TLanes.AddToExponent(b, nb), TLanes.AddToExponent(c, nc), TLanes.AddToExponent(d, nd));
    }

    /// <summary>2·2^f for |f| ≤ ½.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private TVector Doubled(TVector f)
    {
        var p = TLanes.Fma(_c6, f, _c5);
        p = TLanes.Fma(p, f, _c4);
        p = TLanes.Fma(p, f, _c3);
        p = TLanes.Fma(p, f, _c2);
        p = TLanes.Fma(p, f, _c1);
        return TLanes.Fma(p, f, _c0);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private (TVector A, TVector B, TVector C, TVector D) Doubled(TVector a, TVector b, TVector c, TVector d)
    {
        var (p, q) = (TLanes.Fma(_c6, a, _c5), TLanes.Fma(_c6, b, _c5));
        var (r, s) = (TLanes.Fma(_c6, c, _c5), TLanes.Fma(_c6, d, _c5));
        (p, q, r, s) = (TLanes.Fma(p, a, _c4), TLanes.Fma(q, b, _c4), TLanes.Fma(r, c, _c4), TLanes.Fma(s, d, _c4));
        (p, q, r, s) = (TLanes.Fma(p, a, _c3), TLanes.Fma(q, b, _c3), TLanes.Fma(r, c, _c3), TLanes.Fma(s, d, _c3));
        (p, q, r, s) = (TLanes.Fma(p, a, _c2), TLanes.Fma(q, b, _c2), TLanes.Fma(r, c, _c2), TLanes.Fma(s, d, _c2));
        (p, q, r, s) = (TLanes.Fma(p, a, _c1), TLanes.Fma(q, b, _c1), TLanes.Fma(r, c, _c1), TLanes.Fma(s, d, _c1));
        return (TLanes.Fma(p, a, _c0), TLanes.Fma(q, b, _c0), TLanes.Fma(r, c, _c0), TLanes.Fma(s, d, _c0));
    }
}
