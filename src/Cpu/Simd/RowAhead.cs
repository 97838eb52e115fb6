using System.Runtime.CompilerServices;

namespace Stof.Reference.Cpu.Simd;

/// <summary>
/// What a norm asks for while it works on a row, and how it stores it. Default for nothing, through the caches. Its passes share out what the
/// next row needs: asked for in one of them it would come in a burst, and the memory would rest in the others.
/// </summary>
internal unsafe struct RowAhead
{
    /// <summary>Asked for by the pass that sums.</summary>
    public Asked Sum;

    /// <summary>Asked for by the pass that sums squares.</summary>
    public Asked Squares;

    /// <summary>Asked for by the pass that stores.</summary>
    public Asked Apply;

    /// <summary>From an output element written to the one to ask for, in bytes.</summary>
    public nint Output;

    /// <summary>True if the output passes by the caches.</summary>
    public bool IsStreamed;
}

/// <summary>Memory that a pass over a row asks for, chunk by chunk.</summary>
/// <param name="at">Where it begins.</param>
/// <param name="bytes">Bytes a chunk: one line or two; 0 for nothing.</param>
internal unsafe struct Asked(byte* at, nint bytes)
{
    private readonly nint _bytes = bytes;
    private byte* _at = at;

    /// <summary>Asks for a chunk's part.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Next()
    {
        if (_bytes == 0)
        {
            return;
        }

        Prefetch.ToSecondLevel(_at);
        if (_bytes > Prefetch.LineBytes)
        {
            Prefetch.ToSecondLevel(_at + Prefetch.LineBytes);
        }

        _at += _bytes;
    }
}
