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
}
