using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Stof.Reference.Cpu.Simd;

/// <summary>
/// Requests for lines that a loop will read soon. The hardware's own prefetcher loses the rows of these operators: it follows
/// one stream a page, and rests while a norm looks at its row for the second and third time.
/// </summary>
internal static unsafe class Prefetch
{
    /// <summary>How far ahead a streaming loop asks, in bytes: more than memory delivers in one access time.</summary>
    public const int Distance = 4096;

    /// <summary>Asks for the line of an address, which may be beyond the data: no fault, at most a wasted read.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Line(byte* address)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(address);
        }
    }
}

/// <summary>What a norm asks for while it writes a row: the next row's operands. Default for nothing.</summary>
internal unsafe struct RowAhead
{
    /// <summary>The next row of the input; null for none.</summary>
    public byte* First;

    /// <summary>Bytes of sixteen elements of <see cref="First"/>.</summary>
    public nint FirstStep;

    /// <summary>The next row of the residual; null for none.</summary>
    public byte* Residual;

    /// <summary>Bytes of sixteen elements of <see cref="Residual"/>.</summary>
    public nint ResidualStep;

    /// <summary>From an output element written to the one to ask for, in bytes.</summary>
    public nint Output;
}
