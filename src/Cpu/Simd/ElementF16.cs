using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Stof.Reference.Cpu.Simd;

/// <summary>
/// binary16. .NET exposes no vector conversion for it; both directions are a few integer operations around one float
/// operation that is exact (widening) or rounds to nearest-even in the right place (narrowing).
/// </summary>
internal readonly unsafe struct ElementF16 : IElement
{
    private const float Rebias = 1.925929944387236e-34f; // 2^-112, the difference of the exponent biases
    private const float Overflow = 65536f; // 2^16: one binade above the largest half
    private const int ExponentBits = 0x7F800000;
    private const int SmallestNormal = (127 - 14) << 23;
    private const uint RoundingDistance = (23 - 10) << 23; // stored significand bits of a float less those of a half
    private const uint QuietNan = 0x7E00;

    public static int Size => sizeof(ushort);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(byte* source)
    {
        // The bits in a float's places, the exponent field counted from the top: infinities and NaN are themselves then, and the
        // product brings normal halves down by the 112 binades. (Counted from the bottom they would need a product with 2^112,
        // but the hardware multiplies subnormal floats, which subnormal halves would be there, a hundred times slower.)
        var words = Vector512.WidenLower(Vector256.Load((short*)source).ToVector512Unsafe()) << 13;
        var top = ((words & Vector512.Create(0x0FFFE000)) | Vector512.Create(0x70000000)).AsSingle();

        // A subnormal half came out as 2^-15·(1 + m) and is 2^-14·m, twice that less 2^-14: the smaller of the two. For all others
        // it is the larger.
        var magnitude = Vector512.MinNative(
            top * Vector512.Create(Rebias),
            Vector512.FusedMultiplyAdd(top, Vector512.Create(2 * Rebias), Vector512.Create(-6.103515625e-5f)));
        return ((words & Vector512.Create(int.MinValue)) | magnitude.AsInt32()).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(byte* destination, Vector512<float> value)
    {
        var result = ((value.AsUInt32() >> 16) & Vector512.Create(0x8000u)) | Round(value);
        Halves.Lower(result).Store((ushort*)destination);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StorePair<TStreamed>(
        byte* destination, nint groupStride, Vector512<float> first, Vector512<float> second)
        where TStreamed : struct, IPresence
    {
        var magnitudes = Halves.Lower(Round(first), Round(second));
        var signs = Halves.Upper(first.AsUInt32(), second.AsUInt32());
        Halves.Store<TStreamed>(magnitudes | (signs & Vector512.Create((ushort)0x8000)), destination);
    }

    /// <summary>The rounded magnitude in the lower halves; anything in the upper.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Round(Vector512<float> value)
    {
        // The adder rounds: added to a power of two thirteen binades up, one unit of the sum's last place is one unit of the
        // half's. That power's own low bits hold the half's exponent field, less the leading one that the sum brings along.
        var magnitude = Vector512.MinNative(Vector512.Abs(value), Vector512.Create(Overflow));
        var exponent = Vector512.Max(magnitude.AsInt32() & Vector512.Create(ExponentBits), Vector512.Create(SmallestNormal)).AsUInt32();
        var anchor = exponent + (exponent >> 13) + Vector512.Create(RoundingDistance - (SmallestNormal >> 13));
        var half = (magnitude + anchor.AsSingle()).AsUInt32();
        return Vector512.ConditionalSelect(Vector512.Equals(value, value).AsUInt32(), half, Vector512.Create(QuietNan));
    }
}
