using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Stof.Reference.Cpu.Simd.Attention;

/// <summary>
/// The two products of one query row with rows that lie anywhere: row i of a list starts <c>index[i]</c> strides after a base. All
/// rows are padded with zeros to a multiple of the sixteen virtual lanes.
/// </summary>
internal static unsafe class RowProducts
{
    /// <summary>
    /// The dot products of one row with others: sixteen lanes of fused multiply-adds each, added by one tree.
    /// </summary>
    /// <param name="row">The row.</param>
    /// <param name="rows">The base of the others.</param>
    /// <param name="stride">Floats from row to row of the others, and of a row.</param>
    /// <param name="index">The list.</param>
    /// <param name="count">Its length, 1 or more.</param>
    /// <param name="products">Destination, with room for the number rounded up to 4.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Dot<TLanes, TVector>(float* row, float* rows, nint stride, int* index, int count, float* products)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        var last = count - 1;
        for (var i = 0; i < count; i += 4)
        {
            // The last four repeat the last row.
            var a = rows + (index[i] * stride);
            var b = rows + (index[Math.Min(i + 1, last)] * stride);
            var c = rows + (index[Math.Min(i + 2, last)] * stride);
            var d = rows + (index[Math.Min(i + 3, last)] * stride);
            var (sumA, sumB, sumC, sumD) = FourSums<TLanes, TVector>(row, a, b, c, d, 0, stride);
            if (TLanes.Width < Lanes.Count)
            {
                var (moreA, moreB, moreC, moreD) = FourSums<TLanes, TVector>(row, a, b, c, d, 8, stride);
                (sumA, sumB) = (TLanes.Add(sumA, moreA), TLanes.Add(sumB, moreB));
                (sumC, sumD) = (TLanes.Add(sumC, moreC), TLanes.Add(sumD, moreD));
            }

            if (TLanes.Width == 4)
            {
                var (lowA, lowB, lowC, lowD) = FourSums<TLanes, TVector>(row, a, b, c, d, 4, stride);
                var (highA, highB, highC, highD) = FourSums<TLanes, TVector>(row, a, b, c, d, 12, stride);
                (sumA, sumB) = (TLanes.Add(sumA, TLanes.Add(lowA, highA)), TLanes.Add(sumB, TLanes.Add(lowB, highB)));
                (sumC, sumD) = (TLanes.Add(sumC, TLanes.Add(lowC, highC)), TLanes.Add(sumD, TLanes.Add(lowD, highD)));
            }

            TLanes.SumEach(sumA, sumB, sumC, sumD).Store(products + i);
        }
    }

    /// <summary>
    /// Adds weighted rows to an output: those of even and of odd places in the list are two chains of fused multiply-adds from
    /// zero, whose sum is added.
    /// </summary>
    /// <param name="weights">One a row.</param>
    /// <param name="rows">The base of the rows.</param>
    /// <param name="stride">Floats from row to row, and of a row.</param>
    /// <param name="index">The list.</param>
    /// <param name="count">Its length.</param>
    /// <param name="output">Destination.</param>
    public static void AddRows<TLanes, TVector>(float* weights, float* rows, nint stride, int* index, int count, float* output)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        nint d = 0;
        for (; d <= stride - (4 * TLanes.Width); d += 4 * TLanes.Width)
        {
            AddFour<TLanes, TVector>(weights, rows + d, stride, index, count, output + d);
        }

        for (; d < stride; d += TLanes.Width)
        {
            var even = TLanes.Create(0f);
            var odd = even;
            var i = 0;
            for (; i < count - 1; i += 2)
            {
                even = TLanes.Fma(TLanes.Create(weights[i]), TLanes.Load(rows + (index[i] * stride) + d), even);
                odd = TLanes.Fma(TLanes.Create(weights[i + 1]), TLanes.Load(rows + (index[i + 1] * stride) + d), odd);
            }

            if (i < count)
            {
                even = TLanes.Fma(TLanes.Create(weights[i]), TLanes.Load(rows + (index[i] * stride) + d), even);
            }

            Add<TLanes, TVector>(output + d, even, odd);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddFour<TLanes, TVector>(float* weights, float* rows, nint stride, int* index, int count, float* output)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        var zero = TLanes.Create(0f);
        var (even0, even1, even2, even3) = (zero, zero, zero, zero);
        var (odd0, odd1, odd2, odd3) = (zero, zero, zero, zero);
        var i = 0;
        for (; i < count - 1; i += 2)
        {
            var weight = TLanes.Create(weights[i]);
            var row = rows + (index[i] * stride);
            even0 = TLanes.Fma(weight, TLanes.Load(row), even0);
            even1 = TLanes.Fma(weight, TLanes.Load(row + TLanes.Width), even1);
            even2 = TLanes.Fma(weight, TLanes.Load(row + (2 * TLanes.Width)), even2);
            even3 = TLanes.Fma(weight, TLanes.Load(row + (3 * TLanes.Width)), even3);
            weight = TLanes.Create(weights[i + 1]);
            row = rows + (index[i + 1] * stride);
            odd0 = TLanes.Fma(weight, TLanes.Load(row), odd0);
            odd1 = TLanes.Fma(weight, TLanes.Load(row + TLanes.Width), odd1);
            odd2 = TLanes.Fma(weight, TLanes.Load(row + (2 * TLanes.Width)), odd2);
            odd3 = TLanes.Fma(weight, TLanes.Load(row + (3 * TLanes.Width)), odd3);
        }

        if (i < count)
        {
            var weight = TLanes.Create(weights[i]);
            var row = rows + (index[i] * stride);
            even0 = TLanes.Fma(weight, TLanes.Load(row), even0);
            even1 = TLanes.Fma(weight, TLanes.Load(row + TLanes.Width), even1);
            even2 = TLanes.Fma(weight, TLanes.Load(row + (2 * TLanes.Width)), even2);
            even3 = TLanes.Fma(weight, TLanes.Load(row + (3 * TLanes.Width)), even3);
        }

        Add<TLanes, TVector>(output, even0, odd0);
        Add<TLanes, TVector>(output + TLanes.Width, even1, odd1);
        Add<TLanes, TVector>(output + (2 * TLanes.Width), even2, odd2);
        Add<TLanes, TVector>(output + (3 * TLanes.Width), even3, odd3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add<TLanes, TVector>(float* output, TVector even, TVector odd)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct => TLanes.Store(TLanes.Add(TLanes.Load(output), TLanes.Add(even, odd)), output);

    /// <summary>Four dot products over every sixteenth register's worth of elements from <paramref name="from"/> on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (TVector A, TVector B, TVector C, TVector D) FourSums<TLanes, TVector>(
        float* row, float* a, float* b, float* c, float* d, nint from, nint size)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        var sumA = TLanes.Create(0f);
        var (sumB, sumC, sumD) = (sumA, sumA, sumA);
        for (var i = from; i < size; i += Lanes.Count)
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
