using System.Runtime.Intrinsics;

namespace Stof.Reference.Cpu.Simd.Attention;

/// <summary>
/// The sixteen virtual lanes of every sum: element i belongs to lane i mod 16, a lane adds its elements in ascending order,
/// and the lanes are added upper half onto lower half. Wider or narrower registers change who holds a lane, not the sum.
/// </summary>
internal static unsafe class Lanes
{
    /// <summary>Virtual lanes.</summary>
    public const int Count = 16;

    /// <summary>Rounds up to a multiple of the lanes.</summary>
    public static int RoundUp(int count) => (count + Count - 1) & ~(Count - 1);

    /// <summary>The sum of sixteen stored lanes.</summary>
    public static float Sum(float* lanes)
    {
        var lower = Vector128.Load(lanes) + Vector128.Load(lanes + 8);
        var upper = Vector128.Load(lanes + 4) + Vector128.Load(lanes + 12);
        return Lanes128.SumAcross(lower + upper);
    }
}
