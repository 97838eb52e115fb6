using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Stof.Reference.Cpu.Simd;

/// <summary>
/// Sixteen elements of one storage type, widened exactly on load and rounded once (nearest-even) on store. Stores come in pairs where
/// loops are long: sixteen-bit elements are then packed for both at once.
/// </summary>
internal unsafe interface IElement
{
    /// <summary>Bytes per element.</summary>
    static abstract int Size { get; }

    /// <summary>Reads sixteen elements; any alignment.</summary>
    static abstract Vector512<float> Load(byte* source);

    /// <summary>Writes sixteen elements; any alignment.</summary>
    static abstract void Store(byte* destination, Vector512<float> value);

    /// <summary>Writes two groups of sixteen elements.</summary>
    /// <typeparam name="TStreamed">Whether the store passes by the caches; the address is then a multiple of 64.</typeparam>
    /// <param name="destination">Of the first group.</param>
    /// <param name="groupStride">Bytes from one group to the next; sixteen elements of a 16-bit type.</param>
    /// <param name="first">Values of the first group.</param>
    /// <param name="second">Values of the second.</param>
    static abstract void StorePair<TStreamed>(
        byte* destination, nint groupStride, Vector512<float> first, Vector512<float> second)
        where TStreamed : struct, IPresence;
}

/// <summary>What the sixteen-bit types share: taking halves of words, and storing them.</summary>
internal static unsafe class Halves
{
    private static Vector512<ushort> Even
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector512.Create(
            (ushort)0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30,
            32, 34, 36, 38, 40, 42, 44, 46, 48, 50, 52, 54, 56, 58, 60, 62);
    }

    private static Vector512<ushort> Odd
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector512.Create(
            (ushort)1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31,
            33, 35, 37, 39, 41, 43, 45, 47, 49, 51, 53, 55, 57, 59, 61, 63);
    }

    /// <summary>The lower halves of sixteen words; the portable form takes four instructions where AVX-512 has one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<ushort> Lower(Vector512<uint> words) => Avx512F.IsSupported
        ? Avx512F.ConvertToVector256UInt16(words)
        : Vector256.Narrow(words.GetLower(), words.GetUpper());

    /// <summary>The lower halves of two times sixteen words.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<ushort> Lower(Vector512<uint> first, Vector512<uint> second) => Avx512BW.IsSupported
        ? Avx512BW.PermuteVar32x16x2(first.AsUInt16(), Even, second.AsUInt16())
        : Vector512.Create(Lower(first), Lower(second));

    /// <summary>The upper halves of two times sixteen words.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<ushort> Upper(Vector512<uint> first, Vector512<uint> second) => Avx512BW.IsSupported
        ? Avx512BW.PermuteVar32x16x2(first.AsUInt16(), Odd, second.AsUInt16())
        : Vector512.Create(Lower(first >> 16), Lower(second >> 16));

    /// <summary>Stores a line of them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<TStreamed>(Vector512<ushort> values, byte* destination)
        where TStreamed : struct, IPresence
    {
        if (TStreamed.IsPresent)
        {
            values.StoreAlignedNonTemporal((ushort*)destination);
        }
        else
        {
            values.Store((ushort*)destination);
        }
    }
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
