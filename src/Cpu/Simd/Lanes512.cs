using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Stof.Reference.Cpu.Simd;

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

    public static Vector512<float> Round(Vector512<float> a) => Vector512.Round(a);

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

    public static bool IsAny(Vector512<float> mask) => mask.AsInt32() != Vector512<int>.Zero;

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

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> SumEach(Vector512<float> a, Vector512<float> b, Vector512<float> c, Vector512<float> d)
    {
        // Quarters: of a and b (c and d) the lower halves, the upper halves; then of all four the even and the odd quarters.
        var ab = Avx512F.Shuffle4x128(a, b, 0b01_00_01_00) + Avx512F.Shuffle4x128(a, b, 0b11_10_11_10);
        var cd = Avx512F.Shuffle4x128(c, d, 0b01_00_01_00) + Avx512F.Shuffle4x128(c, d, 0b11_10_11_10);
        var four = Avx512F.Shuffle4x128(ab, cd, 0b10_00_10_00) + Avx512F.Shuffle4x128(ab, cd, 0b11_01_11_01);
        four += Avx512F.Permute4x32(four, 0b01_00_11_10);
        four += Avx512F.Permute4x32(four, 0b10_11_00_01);
        return Avx512F.PermuteVar16x32(four, Vector512.Create(0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12)).GetLower().GetLower();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector512<float> Fraction, Vector512<float> Exponent) SplitAroundOne(Vector512<float> x)
    {
        var e = Vector512.ShiftRightArithmetic(x.AsInt32() - Vector512.Create(VectorMath.SqrtHalfBits), 23);
        return ((x.AsInt32() - Vector512.ShiftLeft(e, 23)).AsSingle(), Vector512.ConvertToSingle(e));
    }
}
