using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Stof.Reference.Cpu.Simd;

/// <summary>binary16. .NET exposes no vector conversion for it, so both directions are integer arithmetic.</summary>
internal readonly unsafe struct ElementF16 : IElement
{
    private const uint ExponentRebias = (127 - 15) << 23;
    private const uint HalfInfinity = 0x7C00;
    private const uint HalfSmallestNormal = 0x0400;
    private const float HalfSmallestSubnormal = 1.0f / (1 << 24);
    private const uint FloatInfinity = 0x7F800000;
    private const uint FloatOfHalfOverflow = (127 + 16) << 23;
    private const uint FloatOfHalfSmallestNormal = (127 - 14) << 23;

    public static int Size => sizeof(ushort);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(byte* source)
    {
        var bits = Vector512.WidenLower(Vector256.Load((ushort*)source).ToVector512Unsafe());
        var magnitude = bits & Vector512.Create(0x7FFFu);
        var sign = (bits & Vector512.Create(0x8000u)) << 16;
        var normal = (magnitude << 13) + Vector512.Create(ExponentRebias);
        var special = (magnitude << 13) | Vector512.Create(FloatInfinity);

        // A subnormal is a small integer times 2^-24: converted as such, no subnormal float takes part.
        var subnormal = (Vector512.ConvertToSingle(magnitude.AsInt32()) * Vector512.Create(HalfSmallestSubnormal)).AsUInt32();
        var signed = magnitude.AsInt32();
        var isSubnormal = Vector512.LessThan(signed, Vector512.Create((int)HalfSmallestNormal)).AsUInt32();
        var isSpecial = Vector512.GreaterThanOrEqual(signed, Vector512.Create((int)HalfInfinity)).AsUInt32();
        var wide = Vector512.ConditionalSelect(isSubnormal, subnormal, Vector512.ConditionalSelect(isSpecial, special, normal));
        return (wide | sign).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(byte* destination, Vector512<float> value)
    {
        var bits = value.AsUInt32();
        var sign = (bits >> 16) & Vector512.Create(0x8000u);
        var magnitude = bits & Vector512.Create(0x7FFFFFFFu);
        var signed = magnitude.AsInt32();

        // Nearest-even on the thirteen discarded bits; the carry may run into the exponent, up to infinity.
        var odd = (magnitude >> 13) & Vector512<uint>.One;
        var normal = (magnitude - Vector512.Create(ExponentRebias) + Vector512.Create(0x0FFFu) + odd) >> 13;

        // Adding 0.5 leaves exactly the half-precision subnormal in the low bits, rounded by the adder.
        var half = Vector512.Create(0.5f);
        var subnormal = (magnitude.AsSingle() + half).AsUInt32() - half.AsUInt32();

        var isSubnormal = Vector512.LessThan(signed, Vector512.Create((int)FloatOfHalfSmallestNormal)).AsUInt32();
        var overflows = Vector512.GreaterThanOrEqual(signed, Vector512.Create((int)FloatOfHalfOverflow)).AsUInt32();
        var isNan = Vector512.GreaterThan(signed, Vector512.Create((int)FloatInfinity)).AsUInt32();
        var quiet = ((magnitude >> 13) & Vector512.Create(0x03FFu)) | Vector512.Create(0x7E00u);
        var special = Vector512.ConditionalSelect(isNan, quiet, Vector512.Create(HalfInfinity));
        var result = Vector512.ConditionalSelect(isSubnormal, subnormal, Vector512.ConditionalSelect(overflows, special, normal));
        result |= sign;
        PartialElements.Narrow(result).Store((ushort*)destination);
    }
}
