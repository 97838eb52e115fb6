using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Stof.Reference.Cpu.Simd;

/// <summary>bfloat16: the upper half of a binary32.</summary>
internal readonly unsafe struct ElementBF16 : IElement
{
    public static int Size => sizeof(ushort);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(byte* source)
    {
        var bits = Vector512.WidenLower(Vector256.Load((ushort*)source).ToVector512Unsafe());
        return (bits << 16).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(byte* destination, Vector512<float> value)
    {
        var bits = value.AsUInt32();

        // Adding 0x7FFF plus the lowest kept bit carries exactly when nearest-even says "up".
        var rounded = (bits + Vector512.Create(0x7FFFu) + ((bits >> 16) & Vector512<uint>.One)) >> 16;
        var quieted = (bits >> 16) | Vector512.Create(0x0040u);
        var result = Vector512.ConditionalSelect(Vector512.Equals(value, value).AsUInt32(), rounded, quieted);
        PartialElements.Narrow(result).Store((ushort*)destination);
    }
}
