using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Stof.Reference.Cpu.Simd;

/// <summary>Copies rows that an operator passes on as they are.</summary>
internal static unsafe class RowCopy
{
    /// <summary>Copies bytes.</summary>
    /// <param name="source">First byte.</param>
    /// <param name="target">First byte; a multiple of 64 if streamed.</param>
    /// <param name="bytes">How many.</param>
    /// <param name="ahead">From a byte read to the one to ask for.</param>
    /// <param name="end">Stored or streamed.</param>
    public static void Run(byte* source, byte* target, nint bytes, nint ahead, RowEnd end)
    {
        var whole = bytes / Prefetch.LineBytes * Prefetch.LineBytes;
        if (end == RowEnd.Streamed)
        {
            Lines<With>(source, target, whole, ahead);
        }
        else
        {
            Lines<Without>(source, target, whole, ahead);
        }

        Unsafe.CopyBlockUnaligned(target + whole, source + whole, (uint)(bytes - whole));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Lines<TStreamed>(byte* source, byte* target, nint bytes, nint ahead)
        where TStreamed : struct, IPresence
    {
        for (nint i = 0; i < bytes; i += Prefetch.LineBytes)
        {
            Prefetch.ToSecondLevel(source + i + ahead);
            Halves.Store<TStreamed>(Vector512.Load((ushort*)(source + i)), target + i);
        }
    }
}
