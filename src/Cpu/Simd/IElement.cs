using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Stof.Reference.Cpu.Simd;

/// <summary>Sixteen elements of one storage type, widened exactly on load and rounded once (nearest-even) on store.</summary>
internal unsafe interface IElement
{
    /// <summary>Bytes per element.</summary>
    static abstract int Size { get; }

    /// <summary>Reads sixteen elements; any alignment.</summary>
    static abstract Vector512<float> Load(byte* source);

    /// <summary>Writes sixteen elements; any alignment.</summary>
    static abstract void Store(byte* destination, Vector512<float> value);
}

/// <summary>Row ends: fewer than sixteen elements.</summary>
internal static unsafe class PartialElements
{
    /// <summary>Reads <paramref name="count"/> of sixteen elements; the other lanes are zero.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static Vector512<float> Load<T>(byte* source, int count)
        where T : struct, IElement
    {
        var buffer = stackalloc byte[64];
        new Span<byte>(buffer, 64).Clear();
        Unsafe.CopyBlockUnaligned(buffer, source, (uint)(count * T.Size));
        return T.Load(buffer);
    }

    /// <summary>Writes the first <paramref name="count"/> of sixteen elements.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Store<T>(byte* destination, Vector512<float> value, int count)
        where T : struct, IElement
    {
        var buffer = stackalloc byte[64];
        T.Store(buffer, value);
        Unsafe.CopyBlockUnaligned(destination, buffer, (uint)(count * T.Size));
    }
}
