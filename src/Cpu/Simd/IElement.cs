using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

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

/// <summary>Row ends: fewer than sixteen elements. And the narrowing that all sixteen-bit types share.</summary>
internal static unsafe class PartialElements
{
    /// <summary>The lower halves of sixteen words; the portable form takes four instructions where AVX-512 has one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<ushort> Narrow(Vector512<uint> words) => Avx512F.IsSupported
        ? Avx512F.ConvertToVector256UInt16(words)
        : Vector256.Narrow(words.GetLower(), words.GetUpper());

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
