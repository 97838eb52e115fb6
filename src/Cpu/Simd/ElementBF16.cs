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
    public static void Store(byte* destination, Vector512<float> value) =>
        Halves.Lower(Round(value) >> 16).Store((ushort*)destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StorePair<TStreamed>(
        byte* destination, nint groupStride, Vector512<float> first, Vector512<float> second)
        where TStreamed : struct, IPresence =>
        Halves.Store<TStreamed>(Halves.Upper(Round(first), Round(second)), destination);

    /// <summary>The rounded value in the upper halves; anything in the lower.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Round(Vector512<float> value)
    {
        var bits = value.AsUInt32();

        // Adding 0x7FFF plus the lowest kept bit carries exactly when nearest-even says "up".
        var carry = ((bits >> 16) & Vector512<uint>.One) + Vector512.Create(0x7FFFu);
        return Vector512.ConditionalSelect(
            Vector512.Equals(value, value).AsUInt32(), bits + carry, bits | Vector512.Create(0x00400000u));
    }
}
