using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Stof.Reference.Cpu.Simd;

/// <summary>Hints that a line will be read soon. They never fault, and do nothing where .NET exposes no such instruction.</summary>
internal static unsafe class Prefetch
{
    /// <summary>Fetches the line at an address into the second-level cache.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ToSecondLevel(void* address)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch1(address);
        }
    }
}
