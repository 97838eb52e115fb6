using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Stof.Reference.Cpu.Simd.Attention;

namespace Stof.Reference.Cpu.Simd;

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

    public static Vector128<float> Round(Vector128<float> a) => Vector128.Round(a);

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

    public static bool IsAny(Vector128<float> mask) => mask.AsInt32() != Vector128<int>.Zero;

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

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> SumEach(Vector128<float> a, Vector128<float> b, Vector128<float> c, Vector128<float> d)
    {
        var (first, second, third, fourth) = QueryLanes.Transpose(a, b, c, d);
        return (first + third) + (second + fourth);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector128<float> Fraction, Vector128<float> Exponent) SplitAroundOne(Vector128<float> x)
    {
        var e = Vector128.ShiftRightArithmetic(x.AsInt32() - Vector128.Create(VectorMath.SqrtHalfBits), 23);
        return ((x.AsInt32() - Vector128.ShiftLeft(e, 23)).AsSingle(), Vector128.ConvertToSingle(e));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> PowerOfTwo(Vector128<int> n) => Vector128.ShiftLeft(n + Vector128.Create(127), 23).AsSingle();
}
