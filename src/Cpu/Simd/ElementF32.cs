using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Stof.Reference.Cpu.Simd;

/// <summary>binary32.</summary>
internal readonly unsafe struct ElementF32 : IElement
{
    public static int Size => sizeof(float);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(byte* source) => Vector512.Load((float*)source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(byte* destination, Vector512<float> value) => value.Store((float*)destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StorePair<TStreamed>(
        byte* destination, nint groupStride, Vector512<float> first, Vector512<float> second)
        where TStreamed : struct, IPresence
    {
        if (TStreamed.IsPresent)
        {
            first.StoreAlignedNonTemporal((float*)destination);
            second.StoreAlignedNonTemporal((float*)(destination + groupStride));
        }
        else
        {
            first.Store((float*)destination);
            second.Store((float*)(destination + groupStride));
        }
    }
}
