using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Stof.Reference.Cpu.Simd;

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

    public static Vector256<float> Round(Vector256<float> a) => Vector256.Round(a);

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

    public static bool IsAny(Vector256<float> mask) => mask.AsInt32() != Vector256<int>.Zero;

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

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> SumEach(Vector256<float> a, Vector256<float> b, Vector256<float> c, Vector256<float> d) =>
        Lanes128.SumEach(
            a.GetLower() + a.GetUpper(), b.GetLower() + b.GetUpper(), c.GetLower() + c.GetUpper(), d.GetLower() + d.GetUpper());

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
