using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Stof.Reference.Cpu.Simd;

/// <summary>
/// binary16. .NET exposes no vector conversion for it; both directions are a few integer operations around one float
/// operation that is exact (widening) or rounds to nearest-even in the right place (narrowing).
/// </summary>
internal readonly unsafe struct ElementF16 : IElement
{
    // A half's exponent field shifted to a float's place is 112 too small.
    private const float Rebias = 5.192296858534828e33f; // 2^112
    private const float Overflow = 65536f; // 2^16: one binade above the largest half
    private const uint ExponentBits = 0x7F800000;
    private const uint SmallestNormal = (127 - 14) << 23;
    private const uint RoundingDistance = (23 - 10) << 23; // stored significand bits of a float less those of a half
    private const uint QuietNan = 0x7E00;

    public static int Size => sizeof(ushort);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(byte* source)
    {
        var bits = Vector512.WidenLower(Vector256.Load((ushort*)source).ToVector512Unsafe());

        // The arithmetic shift smears the sign over three bits too many; they are cleared.
        var shifted = ((bits << 16).AsInt32() >> 3).AsUInt32() & Vector512.Create(0x8FFFFFFFu);
        var value = shifted.AsSingle() * Vector512.Create(Rebias);
        var special = Vector512.GreaterThanOrEqual(Vector512.Abs(value), Vector512.Create(Overflow)).AsUInt32();
        return (value.AsUInt32() | (special & Vector512.Create(ExponentBits))).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(byte* destination, Vector512<float> value)
    {
        var magnitude = Vector512.MinNative(Vector512.Abs(value), Vector512.Create(Overflow));

        // A power of two so much larger that one unit of the sum's last place is one unit of the half's: the adder rounds,
        // and the difference of the bits is the half's significand with its leading one (or, subnormal, without).
        var exponent = Vector512.Max(
            (magnitude.AsUInt32() & Vector512.Create(ExponentBits)).AsInt32(), Vector512.Create((int)SmallestNormal)).AsUInt32();
        var anchor = exponent + Vector512.Create(RoundingDistance);
        var significand = (magnitude + anchor.AsSingle()).AsUInt32() - anchor;
        var half = significand + ((exponent - Vector512.Create(SmallestNormal)) >> 13);
        half = Vector512.ConditionalSelect(Vector512.Equals(value, value).AsUInt32(), half, Vector512.Create(QuietNan));
        var result = ((value.AsUInt32() >> 16) & Vector512.Create(0x8000u)) | half;
        PartialElements.Narrow(result).Store((ushort*)destination);
    }
}
