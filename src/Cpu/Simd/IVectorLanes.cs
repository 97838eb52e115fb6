using System.Runtime.Intrinsics;

namespace Stof.Reference.Cpu.Simd;

/// <summary>
/// The few operations that the kernels of this folder are written in, for one register width. An algorithm is written once,
/// generic over the implementation, and compiled for sixteen, eight and four lanes: the same steps on every element, hence
/// the same bits at every width.
/// </summary>
/// <typeparam name="TVector">A register of floats.</typeparam>
internal unsafe interface IVectorLanes<TVector>
    where TVector : struct
{
    /// <summary>Floats in a register.</summary>
    static abstract int Width { get; }

    /// <summary>One value in every lane.</summary>
    static abstract TVector Create(float value);

    /// <summary>Reads <see cref="Width"/> floats, at any alignment.</summary>
    static abstract TVector Load(float* source);

    /// <summary>Writes <see cref="Width"/> floats, at any alignment.</summary>
    static abstract void Store(TVector value, float* destination);

    /// <summary>Widens two bfloat16 a lane, exactly: those in the lower and those in the upper halves of the lanes.</summary>
    static abstract (TVector Lower, TVector Upper) WidenBFloat16(TVector pairs);

    /// <summary>
    /// Widens two binary16 a lane, exactly: those in the lower and those in the upper halves of the lanes. All must be finite.
    /// Subnormal ones take a hundred cycles.
    /// </summary>
    /// <param name="pairs">The halves.</param>
    /// <param name="factor">2¹¹², the difference of the exponent biases, times any other power of two.</param>
    static abstract (TVector Lower, TVector Upper) WidenHalf(TVector pairs, TVector factor);

    /// <summary>a + b.</summary>
    static abstract TVector Add(TVector a, TVector b);

    /// <summary>a − b.</summary>
    static abstract TVector Subtract(TVector a, TVector b);

    /// <summary>a · b.</summary>
    static abstract TVector Multiply(TVector a, TVector b);

    /// <summary>a / b.</summary>
    static abstract TVector Divide(TVector a, TVector b);

    /// <summary>a · b + c, rounded once.</summary>
    static abstract TVector Fma(TVector a, TVector b, TVector c);

    /// <summary>The smaller; <paramref name="b"/> where a lane is not a number in b.</summary>
    static abstract TVector Min(TVector a, TVector b);

    /// <summary>The larger; <paramref name="b"/> where a lane is not a number in b.</summary>
    static abstract TVector Max(TVector a, TVector b);

    /// <summary>The nearest integer, the even one of two; what is not finite stays.</summary>
    static abstract TVector Round(TVector a);

    /// <summary>The largest lane.</summary>
    static abstract float MaxAcross(TVector a);

    /// <summary>The sum of the lanes: upper half onto lower half, again and again.</summary>
    static abstract float SumAcross(TVector a);

    /// <summary>Clears the sign.</summary>
    static abstract TVector Abs(TVector a);

    /// <summary>Sets the sign.</summary>
    static abstract TVector NegativeAbs(TVector a);

    /// <summary>The magnitude of <paramref name="magnitude"/> (not negative) with the sign of <paramref name="sign"/>.</summary>
    static abstract TVector CopySign(TVector magnitude, TVector sign);

    /// <summary>All bits set where a &lt; b.</summary>
    static abstract TVector LessThan(TVector a, TVector b);

    /// <summary>All bits set where a = b.</summary>
    static abstract TVector Equal(TVector a, TVector b);

    /// <summary>True if a bit of <paramref name="mask"/> is set.</summary>
    static abstract bool IsAny(TVector mask);

    /// <summary>Lanes of <paramref name="yes"/> where <paramref name="mask"/> is set, else of <paramref name="no"/>.</summary>
    static abstract TVector Select(TVector mask, TVector yes, TVector no);

    /// <summary>Lane i of <paramref name="yes"/> where bit i is set, else of <paramref name="no"/>.</summary>
    static abstract TVector SelectBits(uint bits, TVector yes, TVector no);

    /// <summary>For each lane entry (bits of the lane mod 16) of two tables of sixteen floats.</summary>
    static abstract (TVector First, TVector Second) LookUp(TVector index, float* first, float* second);

    /// <summary>
    /// value · 2^⌊k/16⌋ with one rounding, where k is the integer that <paramref name="shifted"/> holds in its low bits
    /// (a float 1.5·2²³ + k) and <paramref name="k"/> holds as a number.
    /// </summary>
    static abstract TVector ScaleBySixteenths(TVector value, TVector shifted, TVector k);

    /// <summary>
    /// value · 2^k by adding to the exponent, where k is the integer that <paramref name="shifted"/> holds in its low bits. For
    /// products that are normal, and for 1 · 2^128, which becomes +∞.
    /// </summary>
    static abstract TVector AddToExponent(TVector value, TVector shifted);

    /// <summary>The low nine bits of each lane as sign and exponent of a float: 2^(i − 127) for i from 1 to 254, zero for 0.</summary>
    static abstract TVector ExponentBits(TVector integers);

    /// <summary>
    /// The sums of the lanes of four registers, one after the other: upper half onto lower half until four lanes are left, then
    /// (first + third) + (second + fourth).
    /// </summary>
    static abstract Vector128<float> SumEach(TVector a, TVector b, TVector c, TVector d);

    /// <summary>Positive normal x as f·2^e with f in [√½, √2).</summary>
    static abstract (TVector Fraction, TVector Exponent) SplitAroundOne(TVector x);
}
