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

    /// <summary>Asks for the line of an address, for use at once.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Line(byte* address)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(address);
        }
    }

    /// <summary>Asks for the lines of 64 elements.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Lines<T>(byte* address)
        where T : struct, IElement
    {
        Pair<T>(address);
        Pair<T>(address + (32 * T.Size));
    }

    /// <summary>Asks for the lines of 32 elements.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Pair<T>(byte* address)
        where T : struct, IElement
    {
        Line(address);
        if (T.Size == sizeof(float))
        {
            Line(address + 64);
        }
    }

    /// <summary>Asks for it to come to the second-level cache: it will be wanted, but not yet.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ToSecondLevel(byte* address)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch1(address);
        }
    }
}
