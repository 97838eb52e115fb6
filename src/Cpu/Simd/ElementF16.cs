using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Stof.Reference.Cpu.Simd;

/// <summary>
/// binary16. .NET exposes no vector conversion for it; both directions are a few integer operations around one float
/// operation that is exact (widening) or rounds to nearest-even in the right place (narrowing).
/// </summary>
internal readonly unsafe struct ElementF16 : IElement
{
    private const uint Rebias = 112 << 23; // the difference of the exponent biases, in a float's place
    private const float Overflow = 65536f; // 2^16: one binade above the largest half
    private const uint ExponentBits = 0x7F800000;
    private const uint SmallestNormal = (127 - 14) << 23;
    private const uint RoundingDistance = (23 - 10) << 23; // stored significand bits of a float less those of a half
    private const uint QuietNan = 0x7E00;

    public static int Size => sizeof(ushort);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(byte* source)
    {
        // The bits in a float's places, 112 binades too low for a normal half. (A product with 2^112 would do for all of them,
        // but the hardware multiplies subnormal floats, which subnormal halves would be here, a hundred times slower.)
        var words = Vector512.WidenLower(Vector256.Load((ushort*)source).ToVector512Unsafe());
        var shifted = (words << 13) & Vector512.Create(0x0FFFE000u);
        var value = (shifted + Vector512.Create(Rebias)).AsSingle();

        // A subnormal half came out as 2^-15·(1 + m) and is 2^-14·m; infinities and NaN lack as many binades again.
        var smallest = Vector512.Create(SmallestNormal).AsSingle();
        value = Vector512.ConditionalSelect(
            Vector512.LessThan(value, smallest), Vector512.FusedMultiplyAdd(value, Vector512.Create(2f), -smallest), value);
        value = Vector512.ConditionalSelect(
            Vector512.GreaterThanOrEqual(value, Vector512.Create(Overflow)), value | Vector512.Create(ExponentBits).AsSingle(), value);
        return (((words << 16) & Vector512.Create(0x80000000u)) | value.AsUInt32()).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(byte* destination, Vector512<float> value)
    {
        // The adder rounds: added to a power of two thirteen binades up, one unit of the sum's last place is one unit of the
        // half's. That power's own low bits hold the half's exponent field, less the leading one that the sum brings along.
        var magnitude = Vector512.MinNative(Vector512.Abs(value), Vector512.Create(Overflow));
        var exponent = Vector512.Max(
            (magnitude.AsUInt32() & Vector512.Create(ExponentBits)).AsInt32(), Vector512.Create((int)SmallestNormal)).AsUInt32();
        var anchor = exponent + (exponent >> 13) + Vector512.Create(RoundingDistance - (SmallestNormal >> 13));
        var half = (magnitude + anchor.AsSingle()).AsUInt32();
        half = Vector512.ConditionalSelect(Vector512.Equals(value, value).AsUInt32(), half, Vector512.Create(QuietNan));
        var result = ((value.AsUInt32() >> 16) & Vector512.Create(0x8000u)) | half;
        PartialElements.Narrow(result).Store((ushort*)destination);
    }
}
