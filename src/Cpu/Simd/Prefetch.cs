using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Stof.Reference.Cpu.Simd;

/// <summary>
/// Requests for lines that a loop will read soon. Row operators need them because the hardware's own prefetcher follows one stream a
/// page, and rests while a norm looks at its row for the second and third time; products because it does not see that the next
/// block of a panel will be wanted. No fault, whatever the address: at most a wasted read. Nothing where the hardware has no such request
/// that .NET knows.
/// </summary>
internal static unsafe class Prefetch
{
    /// <summary>How far ahead a streaming loop asks, in bytes: more than memory delivers in one access time.</summary>
    public const int Distance = 4096;

    /// <summary>Bytes of a cache line.</summary>
    public const int LineBytes = 64;

    /// <summary>
    /// Asks for the lines of 64 elements of a stream. Into the second level: requests for the first one stand in each other's way, and what
    /// they bring pushes out what was brought before it is used.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Lines<T>(byte* address)
        where T : struct, IElement
    {
        HalfLines<T>(address);
        HalfLines<T>(address + (32 * T.Size));
    }

    /// <summary>Asks for the lines of 32 elements of a stream.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void HalfLines<T>(byte* address)
        where T : struct, IElement
    {
        ToSecondLevel(address);
        if (T.Size == sizeof(float))
        {
            ToSecondLevel(address + LineBytes);
        }
    }

    /// <summary>Asks for the lines of 64 elements to come to the first level: better where there is enough arithmetic between two requests.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void NearLines<T>(byte* address)
        where T : struct, IElement
    {
        if (!Sse.IsSupported)
        {
            return;
        }

        Sse.Prefetch0(address);
        Sse.Prefetch0(address + LineBytes);
        if (T.Size == sizeof(float))
        {
            Sse.Prefetch0(address + (2 * LineBytes));
            Sse.Prefetch0(address + (3 * LineBytes));
        }
    }

    /// <summary>Asks for the line of an address to come to the second-level cache: it will be wanted, but not yet.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ToSecondLevel(byte* address)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch1(address);
        }
    }
}
