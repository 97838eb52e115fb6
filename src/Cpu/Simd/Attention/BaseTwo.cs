using System.Runtime.CompilerServices;

namespace Stof.Reference.Cpu.Simd.Attention;

/// <summary>Powers of two for a softmax in base 2: half the work of a general exponential, as arguments are at most a little above 0.</summary>
internal static class BaseTwo
{
    /// <summary>log₂ e: natural scores to base 2.</summary>
    public const float PerNatural = 1.44269504f;

    /// <summary>ln 2: base 2 to natural scores.</summary>
    public const float ToNatural = 0.693147181f;

    /// <summary>
    /// 2^t for t ≤ 127 within 1 ULP; exactly 0 for t ≤ −125.5, −∞ included, so that no weight is ever subnormal (hardware
    /// traps on those); NaN stays NaN; 2⁰ is exactly 1.
    /// t = n + f with |f| ≤ ½; 2·2^f by a polynomial of degree 6 (relative error 1e-8), times 2^(n−1) made of exponent bits,
    /// which are those of zero at the smallest n.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Power<TLanes, TVector>(TVector t)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct => new PowerOfTwo<TLanes, TVector>().Of(t);
}
