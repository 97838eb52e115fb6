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

    /// <summary>
    /// The dot products of one row with others, all padded with zeros to a multiple of the lanes. Four at a time: their lanes,
    /// turned into columns, are added by the same tree at once.
    /// </summary>
    /// <param name="row">The row.</param>
    /// <param name="others">The other rows.</param>
    /// <param name="number">Their number, 1 or more.</param>
    /// <param name="size">Floats of a row, padding included.</param>
    /// <param name="products">Destination, with room for the number rounded up to 4.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Dot<TLanes, TVector>(float* row, float** others, int number, int size, float* products)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        var last = number - 1;
        for (var i = 0; i < number; i += 4)
        {
            // The last four repeat the last row.
            var a = others[i];
            var b = others[Math.Min(i + 1, last)];
            var c = others[Math.Min(i + 2, last)];
            var d = others[Math.Min(i + 3, last)];
            var (sumA, sumB, sumC, sumD) = FourSums<TLanes, TVector>(row, a, b, c, d, 0, size);
            if (TLanes.Width < Count)
            {
                var (moreA, moreB, moreC, moreD) = FourSums<TLanes, TVector>(row, a, b, c, d, 8, size);
                (sumA, sumB) = (TLanes.Add(sumA, moreA), TLanes.Add(sumB, moreB));
                (sumC, sumD) = (TLanes.Add(sumC, moreC), TLanes.Add(sumD, moreD));
            }

            if (TLanes.Width == 4)
            {
                var (lowA, lowB, lowC, lowD) = FourSums<TLanes, TVector>(row, a, b, c, d, 4, size);
                var (highA, highB, highC, highD) = FourSums<TLanes, TVector>(row, a, b, c, d, 12, size);
                (sumA, sumB) = (TLanes.Add(sumA, TLanes.Add(lowA, highA)), TLanes.Add(sumB, TLanes.Add(lowB, highB)));
                (sumC, sumD) = (TLanes.Add(sumC, TLanes.Add(lowC, highC)), TLanes.Add(sumD, TLanes.Add(lowD, highD)));
            }

            var (first, second, third, fourth) = QueryLanes.Transpose(
                TLanes.SumToFour(sumA), TLanes.SumToFour(sumB), TLanes.SumToFour(sumC), TLanes.SumToFour(sumD));
            ((first + third) + (second + fourth)).Store(products + i);
        }
    }

    /// <summary>Four dot products over every sixteenth register's worth of elements from <paramref name="from"/> on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (TVector A, TVector B, TVector C, TVector D) FourSums<TLanes, TVector>(
        float* row, float* a, float* b, float* c, float* d, int from, int size)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        var sumA = TLanes.Create(0f);
        var (sumB, sumC, sumD) = (sumA, sumA, sumA);
        for (nint i = from; i < size; i += Count)
        {
            var x = TLanes.Load(row + i);
            sumA = TLanes.Fma(x, TLanes.Load(a + i), sumA);
            sumB = TLanes.Fma(x, TLanes.Load(b + i), sumB);
            sumC = TLanes.Fma(x, TLanes.Load(c + i), sumC);
            sumD = TLanes.Fma(x, TLanes.Load(d + i), sumD);
        }

        return (sumA, sumB, sumC, sumD);
    }
}
