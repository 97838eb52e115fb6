using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Stof.Reference.Cpu.Simd;

/// <summary>What becomes of a <see cref="RowMap"/>'s results.</summary>
internal enum RowEnd
{
    /// <summary>They are stored.</summary>
    Stored,

    /// <summary>They are stored past the caches: lines that nobody will find there need not be read before they are overwritten.</summary>
    Streamed,

    /// <summary>They are stored and summed, for a LayerNorm.</summary>
    Summed,

    /// <summary>They are stored and their squares are summed, for an RMSNorm.</summary>
    Squared,
}

/// <summary>A <see cref="RowEnd"/> as a type. Present are the stores that pass by the caches.</summary>
internal interface IRowEnd : IPresence
{
    /// <summary>True if there is a sum.</summary>
    static abstract bool IsSummed { get; }

    /// <summary>Adds sixteen results to a sum.</summary>
    static abstract Vector512<float> Add(Vector512<float> value, Vector512<float> sum);
}

internal readonly struct StoredRow : IRowEnd
{
    public static bool IsPresent => false;

    public static bool IsSummed => false;

    public static Vector512<float> Add(Vector512<float> value, Vector512<float> sum) => sum;
}

internal readonly struct StreamedRow : IRowEnd
{
    public static bool IsPresent => true;

    public static bool IsSummed => false;

    public static Vector512<float> Add(Vector512<float> value, Vector512<float> sum) => sum;
}

internal readonly struct SummedRow : IRowEnd
{
    public static bool IsPresent => false;

    public static bool IsSummed => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Add(Vector512<float> value, Vector512<float> sum) => sum + value;
}

internal readonly struct SquaredRow : IRowEnd
{
    public static bool IsPresent => false;

    public static bool IsSummed => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Add(Vector512<float> value, Vector512<float> sum) =>
        Vector512.FusedMultiplyAdd(value, value, sum);
}
