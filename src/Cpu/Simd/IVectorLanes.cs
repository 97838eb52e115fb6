using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

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

    /// <summary>The sums of every fourth lane: upper half onto lower half until four lanes are left.</summary>
    static abstract Vector128<float> SumToFour(TVector a);

    /// <summary>Positive normal x as f·2^e with f in [√½, √2).</summary>
    static abstract (TVector Fraction, TVector Exponent) SplitAroundOne(TVector x);
}

/// <summary>Sixteen lanes.</summary>
internal readonly unsafe struct Lanes512 : IVectorLanes<Vector512<float>>
{
    private static Vector512<int> LaneBits
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector512.Create(
            1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768);
    }

    public static int Width => 16;

    public static Vector512<float> Create(float value) => Vector512.Create(value);

    public static Vector512<float> Load(float* source) => Vector512.Load(source);

    public static void Store(Vector512<float> value, float* destination) => value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector512<float> Lower, Vector512<float> Upper) WidenBFloat16(Vector512<float> pairs)
    {
        var bits = pairs.AsUInt32();
        return ((bits << 16).AsSingle(), (bits & Vector512.Create(0xFFFF0000u)).AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector512<float> Lower, Vector512<float> Upper) WidenHalf(Vector512<float> pairs, Vector512<float> factor)
    {
        // The arithmetic shift smears the sign over three bits too many; they are cleared.
        var kept = Vector512.Create(0x8FFFE000u);
        var lower = ((pairs.AsInt32() << 16) >> 3).AsUInt32() & kept;
        var upper = (pairs.AsInt32() >> 3).AsUInt32() & kept;
        return (lower.AsSingle() * factor, upper.AsSingle() * factor);
    }

    public static Vector512<float> Add(Vector512<float> a, Vector512<float> b) => a + b;

    public static Vector512<float> Subtract(Vector512<float> a, Vector512<float> b) => a - b;

    public static Vector512<float> Multiply(Vector512<float> a, Vector512<float> b) => a * b;

    public static Vector512<float> Divide(Vector512<float> a, Vector512<float> b) => a / b;

    public static Vector512<float> Fma(Vector512<float> a, Vector512<float> b, Vector512<float> c) =>
        Vector512.FusedMultiplyAdd(a, b, c);

    public static Vector512<float> Min(Vector512<float> a, Vector512<float> b) => Vector512.MinNative(a, b);

    public static Vector512<float> Max(Vector512<float> a, Vector512<float> b) => Vector512.MaxNative(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float MaxAcross(Vector512<float> a) => Lanes256.MaxAcross(Vector256.MaxNative(a.GetLower(), a.GetUpper()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float SumAcross(Vector512<float> a) => Lanes256.SumAcross(a.GetLower() + a.GetUpper());

    public static Vector512<float> Abs(Vector512<float> a) => Vector512.Abs(a);

    public static Vector512<float> NegativeAbs(Vector512<float> a) => a | Vector512.Create(-0f);

    public static Vector512<float> CopySign(Vector512<float> magnitude, Vector512<float> sign) =>
        magnitude | (sign & Vector512.Create(-0f));

    public static Vector512<float> LessThan(Vector512<float> a, Vector512<float> b) => Vector512.LessThan(a, b);

    public static Vector512<float> Equal(Vector512<float> a, Vector512<float> b) => Vector512.Equals(a, b);

    public static Vector512<float> Select(Vector512<float> mask, Vector512<float> yes, Vector512<float> no) =>
        Vector512.ConditionalSelect(mask, yes, no);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> SelectBits(uint bits, Vector512<float> yes, Vector512<float> no)
    {
        var off = Vector512.Equals(Vector512.Create((int)bits) & LaneBits, Vector512<int>.Zero);
        return Vector512.ConditionalSelect(off.AsSingle(), no, yes);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector512<float> First, Vector512<float> Second) LookUp(Vector512<float> index, float* first, float* second)
    {
        var i = index.AsInt32();
        return (
            Avx512F.PermuteVar16x32(Vector512.Load(first), i),
            Avx512F.PermuteVar16x32(Vector512.Load(second), i));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> ScaleBySixteenths(Vector512<float> value, Vector512<float> shifted, Vector512<float> k) =>
        Avx512F.Scale(value, k * Vector512.Create(0.0625f));

    public static Vector512<float> AddToExponent(Vector512<float> value, Vector512<float> shifted) =>
        (value.AsInt32() + Vector512.ShiftLeft(shifted.AsInt32(), 23)).AsSingle();

    public static Vector512<float> ExponentBits(Vector512<float> integers) => Vector512.ShiftLeft(integers.AsInt32(), 23).AsSingle();

    public static Vector128<float> SumToFour(Vector512<float> a) => Lanes256.SumToFour(a.GetLower() + a.GetUpper());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector512<float> Fraction, Vector512<float> Exponent) SplitAroundOne(Vector512<float> x)
    {
        var e = Vector512.ShiftRightArithmetic(x.AsInt32() - Vector512.Create(VectorMath.SqrtHalfBits), 23);
        return ((x.AsInt32() - Vector512.ShiftLeft(e, 23)).AsSingle(), Vector512.ConvertToSingle(e));
    }
}

/// <summary>Eight lanes.</summary>
internal readonly unsafe struct Lanes256 : IVectorLanes<Vector256<float>>
{
    private static Vector256<int> LaneBits
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector256.Create(1, 2, 4, 8, 16, 32, 64, 128);
    }

    public static int Width => 8;

    public static Vector256<float> Create(float value) => Vector256.Create(value);

    public static Vector256<float> Load(float* source) => Vector256.Load(source);

    public static void Store(Vector256<float> value, float* destination) => value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector256<float> Lower, Vector256<float> Upper) WidenBFloat16(Vector256<float> pairs)
    {
        var bits = pairs.AsUInt32();
        return ((bits << 16).AsSingle(), (bits & Vector256.Create(0xFFFF0000u)).AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector256<float> Lower, Vector256<float> Upper) WidenHalf(Vector256<float> pairs, Vector256<float> factor)
    {
        // The arithmetic shift smears the sign over three bits too many; they are cleared.
        var kept = Vector256.Create(0x8FFFE000u);
        var lower = ((pairs.AsInt32() << 16) >> 3).AsUInt32() & kept;
        var upper = (pairs.AsInt32() >> 3).AsUInt32() & kept;
        return (lower.AsSingle() * factor, upper.AsSingle() * factor);
    }

    public static Vector256<float> Add(Vector256<float> a, Vector256<float> b) => a + b;

    public static Vector256<float> Subtract(Vector256<float> a, Vector256<float> b) => a - b;

    public static Vector256<float> Multiply(Vector256<float> a, Vector256<float> b) => a * b;

    public static Vector256<float> Divide(Vector256<float> a, Vector256<float> b) => a / b;

    public static Vector256<float> Fma(Vector256<float> a, Vector256<float> b, Vector256<float> c) =>
        Vector256.FusedMultiplyAdd(a, b, c);

    public static Vector256<float> Min(Vector256<float> a, Vector256<float> b) => Vector256.MinNative(a, b);

    public static Vector256<float> Max(Vector256<float> a, Vector256<float> b) => Vector256.MaxNative(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float MaxAcross(Vector256<float> a) => Lanes128.MaxAcross(Vector128.MaxNative(a.GetLower(), a.GetUpper()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float SumAcross(Vector256<float> a) => Lanes128.SumAcross(a.GetLower() + a.GetUpper());

    public static Vector256<float> Abs(Vector256<float> a) => Vector256.Abs(a);

    public static Vector256<float> NegativeAbs(Vector256<float> a) => a | Vector256.Create(-0f);

    public static Vector256<float> CopySign(Vector256<float> magnitude, Vector256<float> sign) =>
        magnitude | (sign & Vector256.Create(-0f));

    public static Vector256<float> LessThan(Vector256<float> a, Vector256<float> b) => Vector256.LessThan(a, b);

    public static Vector256<float> Equal(Vector256<float> a, Vector256<float> b) => Vector256.Equals(a, b);

    public static Vector256<float> Select(Vector256<float> mask, Vector256<float> yes, Vector256<float> no) =>
        Vector256.ConditionalSelect(mask, yes, no);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> SelectBits(uint bits, Vector256<float> yes, Vector256<float> no)
    {
        var off = Vector256.Equals(Vector256.Create((int)bits) & LaneBits, Vector256<int>.Zero);
        return Vector256.ConditionalSelect(off.AsSingle(), no, yes);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector256<float> First, Vector256<float> Second) LookUp(Vector256<float> index, float* first, float* second)
    {
        var i = index.AsInt32();
        if (!Avx2.IsSupported)
        {
            var (a0, b0) = Lanes128.LookUp(index.GetLower(), first, second);
            var (a1, b1) = Lanes128.LookUp(index.GetUpper(), first, second);
            return (Vector256.Create(a0, a1), Vector256.Create(b0, b1));
        }

        // A permutation reads three index bits; the fourth chooses between two permutations.
        var upper = Vector256.ShiftRightArithmetic(Vector256.ShiftLeft(i, 28), 31).AsSingle();
        return (Permute(first, i, upper), Permute(second, i, upper));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> ScaleBySixteenths(Vector256<float> value, Vector256<float> shifted, Vector256<float> k)
    {
        // Two exact powers of two, the first of which cannot leave the normal range: one rounding, at the second product.
        var n = Vector256.ShiftRightArithmetic(shifted.AsInt32() - Vector256.Create(VectorMath.ShifterBits), 4);
        var half = Vector256.ShiftRightArithmetic(n, 1);
        return value * PowerOfTwo(half) * PowerOfTwo(n - half);
    }

    public static Vector256<float> AddToExponent(Vector256<float> value, Vector256<float> shifted) =>
        (value.AsInt32() + Vector256.ShiftLeft(shifted.AsInt32(), 23)).AsSingle();

    public static Vector256<float> ExponentBits(Vector256<float> integers) => Vector256.ShiftLeft(integers.AsInt32(), 23).AsSingle();

    public static Vector128<float> SumToFour(Vector256<float> a) => a.GetLower() + a.GetUpper();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector256<float> Fraction, Vector256<float> Exponent) SplitAroundOne(Vector256<float> x)
    {
        var e = Vector256.ShiftRightArithmetic(x.AsInt32() - Vector256.Create(VectorMath.SqrtHalfBits), 23);
        return ((x.AsInt32() - Vector256.ShiftLeft(e, 23)).AsSingle(), Vector256.ConvertToSingle(e));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Permute(float* table, Vector256<int> index, Vector256<float> upper) =>
        Vector256.ConditionalSelect(
            upper,
            Avx2.PermuteVar8x32(Vector256.Load(table + 8), index),
            Avx2.PermuteVar8x32(Vector256.Load(table), index));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> PowerOfTwo(Vector256<int> n) => Vector256.ShiftLeft(n + Vector256.Create(127), 23).AsSingle();
}

/// <summary>Four lanes: hardware without AVX.</summary>
internal readonly unsafe struct Lanes128 : IVectorLanes<Vector128<float>>
{
    private static Vector128<int> LaneBits
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector128.Create(1, 2, 4, 8);
    }

    public static int Width => 4;

    public static Vector128<float> Create(float value) => Vector128.Create(value);

    public static Vector128<float> Load(float* source) => Vector128.Load(source);

    public static void Store(Vector128<float> value, float* destination) => value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector128<float> Lower, Vector128<float> Upper) WidenBFloat16(Vector128<float> pairs)
    {
        var bits = pairs.AsUInt32();
        return ((bits << 16).AsSingle(), (bits & Vector128.Create(0xFFFF0000u)).AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector128<float> Lower, Vector128<float> Upper) WidenHalf(Vector128<float> pairs, Vector128<float> factor)
    {
        // The arithmetic shift smears the sign over three bits too many; they are cleared.
        var kept = Vector128.Create(0x8FFFE000u);
        var lower = ((pairs.AsInt32() << 16) >> 3).AsUInt32() & kept;
        var upper = (pairs.AsInt32() >> 3).AsUInt32() & kept;
        return (lower.AsSingle() * factor, upper.AsSingle() * factor);
    }

    public static Vector128<float> Add(Vector128<float> a, Vector128<float> b) => a + b;

    public static Vector128<float> Subtract(Vector128<float> a, Vector128<float> b) => a - b;

    public static Vector128<float> Multiply(Vector128<float> a, Vector128<float> b) => a * b;

    public static Vector128<float> Divide(Vector128<float> a, Vector128<float> b) => a / b;

    public static Vector128<float> Fma(Vector128<float> a, Vector128<float> b, Vector128<float> c) =>
        Vector128.FusedMultiplyAdd(a, b, c);

    public static Vector128<float> Min(Vector128<float> a, Vector128<float> b) => Vector128.MinNative(a, b);

    public static Vector128<float> Max(Vector128<float> a, Vector128<float> b) => Vector128.MaxNative(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float MaxAcross(Vector128<float> a)
    {
        var pairs = Vector128.MaxNative(a, Vector128.Shuffle(a, Vector128.Create(2, 3, 0, 1)));
        return Vector128.MaxNative(pairs, Vector128.Shuffle(pairs, Vector128.Create(1, 0, 3, 2))).ToScalar();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float SumAcross(Vector128<float> a)
    {
        var pairs = a + Vector128.Shuffle(a, Vector128.Create(2, 3, 0, 1));
        return (pairs + Vector128.Shuffle(pairs, Vector128.Create(1, 0, 3, 2))).ToScalar();
    }

    public static Vector128<float> Abs(Vector128<float> a) => Vector128.Abs(a);

    public static Vector128<float> NegativeAbs(Vector128<float> a) => a | Vector128.Create(-0f);

    public static Vector128<float> CopySign(Vector128<float> magnitude, Vector128<float> sign) =>
        magnitude | (sign & Vector128.Create(-0f));

    public static Vector128<float> LessThan(Vector128<float> a, Vector128<float> b) => Vector128.LessThan(a, b);

    public static Vector128<float> Equal(Vector128<float> a, Vector128<float> b) => Vector128.Equals(a, b);

    public static Vector128<float> Select(Vector128<float> mask, Vector128<float> yes, Vector128<float> no) =>
        Vector128.ConditionalSelect(mask, yes, no);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> SelectBits(uint bits, Vector128<float> yes, Vector128<float> no)
    {
        var off = Vector128.Equals(Vector128.Create((int)bits) & LaneBits, Vector128<int>.Zero);
        return Vector128.ConditionalSelect(off.AsSingle(), no, yes);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector128<float> First, Vector128<float> Second) LookUp(Vector128<float> index, float* first, float* second)
    {
        var i = index.AsInt32() & Vector128.Create(15);
        return (
            Vector128.Create(first[i[0]], first[i[1]], first[i[2]], first[i[3]]),
            Vector128.Create(second[i[0]], second[i[1]], second[i[2]], second[i[3]]));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> ScaleBySixteenths(Vector128<float> value, Vector128<float> shifted, Vector128<float> k)
    {
        var n = Vector128.ShiftRightArithmetic(shifted.AsInt32() - Vector128.Create(VectorMath.ShifterBits), 4);
        var half = Vector128.ShiftRightArithmetic(n, 1);
        return value * PowerOfTwo(half) * PowerOfTwo(n - half);
    }

    public static Vector128<float> AddToExponent(Vector128<float> value, Vector128<float> shifted) =>
        (value.AsInt32() + Vector128.ShiftLeft(shifted.AsInt32(), 23)).AsSingle();

    public static Vector128<float> ExponentBits(Vector128<float> integers) => Vector128.ShiftLeft(integers.AsInt32(), 23).AsSingle();

    public static Vector128<float> SumToFour(Vector128<float> a) => a;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector128<float> Fraction, Vector128<float> Exponent) SplitAroundOne(Vector128<float> x)
    {
        var e = Vector128.ShiftRightArithmetic(x.AsInt32() - Vector128.Create(VectorMath.SqrtHalfBits), 23);
        return ((x.AsInt32() - Vector128.ShiftLeft(e, 23)).AsSingle(), Vector128.ConvertToSingle(e));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> PowerOfTwo(Vector128<int> n) => Vector128.ShiftLeft(n + Vector128.Create(127), 23).AsSingle();
}
