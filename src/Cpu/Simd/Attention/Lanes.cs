using System.Runtime.CompilerServices;
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

    /// <summary>The dot products of one row with four others, all padded with zeros to a multiple of the lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Dot<TLanes, TVector>(float* row, float* a, float* b, float* c, float* d, int count)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        // Four lanes are left of each product; turned into columns, all four are added by the same tree at once.
        var (first, second, third, fourth) = QueryLanes.Transpose(
            FourLanes<TLanes, TVector>(row, a, count),
            FourLanes<TLanes, TVector>(row, b, count),
            FourLanes<TLanes, TVector>(row, c, count),
            FourLanes<TLanes, TVector>(row, d, count));
        return (first + third) + (second + fourth);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> FourLanes<TLanes, TVector>(float* a, float* b, int count)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        if (TLanes.Width == Count)
        {
            return TLanes.SumToFour(Lane<TLanes, TVector>(a, b, count));
        }

        var half = TLanes.Add(Lane<TLanes, TVector>(a, b, count), Lane<TLanes, TVector>(a + 8, b + 8, count - 8));
        if (TLanes.Width == 8)
        {
            return TLanes.SumToFour(half);
        }

        var other = TLanes.Add(Lane<TLanes, TVector>(a + 4, b + 4, count - 4), Lane<TLanes, TVector>(a + 12, b + 12, count - 12));
        return TLanes.SumToFour(TLanes.Add(half, other));
    }

    /// <summary>Every sixteenth register's worth of a dot product, from the first element on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Lane<TLanes, TVector>(float* a, float* b, int count)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        var sum = TLanes.Create(0f);
        for (var i = 0; i < count; i += Count)
        {
            sum = TLanes.Fma(TLanes.Load(a + i), TLanes.Load(b + i), sum);
        }

        return sum;
    }
}
