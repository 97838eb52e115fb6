using System.Runtime.CompilerServices;

namespace Stof.Reference.Cpu.Simd.Attention;

/// <summary>
/// C = A·B or C = C + A·B on small row-major panels that stay in cache. An element of A·B is one chain of fused multiply-adds
/// over ascending k that starts from zero, so its bits depend neither on the register width nor on how rows and columns are
/// blocked.
/// </summary>
internal static unsafe class TileProduct
{
    /// <summary>Rows that one register block holds at most; panels of A and C need no padding to it.</summary>
    private const int BlockRows = 8;

    /// <summary>Computes the product.</summary>
    /// <param name="a">A, [rows, depth].</param>
    /// <param name="strideA">Floats from row to row of A.</param>
    /// <param name="b">B, [depth, columns].</param>
    /// <param name="strideB">Floats from row to row of B.</param>
    /// <param name="c">C, [rows, columns].</param>
    /// <param name="strideC">Floats from row to row of C.</param>
    /// <param name="adds">True to add to what C holds, false if C holds nothing.</param>
    /// <param name="rows">Rows of A and C.</param>
    /// <param name="columns">Columns of B and C, a multiple of 16.</param>
    /// <param name="depth">Columns of A, rows of B.</param>
    public static void Run<TLanes, TVector>(
        float* a, nint strideA, float* b, nint strideB, float* c, nint strideC, bool adds, int rows, int columns, int depth)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        var column = 0;
        for (; column <= columns - (2 * TLanes.Width); column += 2 * TLanes.Width)
        {
            Panel<TLanes, TVector, Count2>(a, strideA, b + column, strideB, c + column, strideC, adds, rows, depth);
        }

        for (; column < columns; column += TLanes.Width)
        {
            Panel<TLanes, TVector, Count1>(a, strideA, b + column, strideB, c + column, strideC, adds, rows, depth);
        }
    }

    /// <summary>All rows of one or two registers' width.</summary>
    private static void Panel<TLanes, TVector, TColumns>(
        float* a, nint strideA, float* b, nint strideB, float* c, nint strideC, bool adds, int rows, int depth)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
        where TColumns : struct, ICount
    {
        // Sixteen accumulators fit the 32 registers of AVX-512; hardware with sixteen registers gets eight.
        var row = 0;
        if (TLanes.Width == 16)
        {
            for (; row <= rows - BlockRows; row += BlockRows)
            {
                Block<TLanes, TVector, Count8, TColumns>(
                    a + (row * strideA), strideA, b, strideB, c + (row * strideC), strideC, adds, depth);
            }
        }

        for (; row <= rows - 4; row += 4)
        {
            Block<TLanes, TVector, Count4, TColumns>(
                a + (row * strideA), strideA, b, strideB, c + (row * strideC), strideC, adds, depth);
        }

        for (; row < rows; row++)
        {
            Block<TLanes, TVector, Count1, TColumns>(
                a + (row * strideA), strideA, b, strideB, c + (row * strideC), strideC, adds, depth);
        }
    }

    /// <summary>One register block: TRows rows of TColumns registers, in registers from the first to the last k.</summary>
    [SkipLocalsInit]
    private static void Block<TLanes, TVector, TRows, TColumns>(
        float* a, nint strideA, float* b, nint strideB, float* c, nint strideC, bool adds, int depth)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
        where TRows : struct, ICount
        where TColumns : struct, ICount
    {
        var zero = TLanes.Create(0f);
        TVector c00 = zero, c01 = zero;
        TVector c10 = zero, c11 = zero;
        TVector c20 = zero, c21 = zero;
        TVector c30 = zero, c31 = zero;
        TVector c40 = zero, c41 = zero;
        TVector c50 = zero, c51 = zero;
        TVector c60 = zero, c61 = zero;
        TVector c70 = zero, c71 = zero;
        var a1 = a + (1 * strideA);
        var a2 = a + (2 * strideA);
        var a3 = a + (3 * strideA);
        var a4 = a + (4 * strideA);
        var a5 = a + (5 * strideA);
        var a6 = a + (6 * strideA);
        var a7 = a + (7 * strideA);
        for (nint k = 0; k < depth; k++)
        {
            var b0 = TLanes.Load(b);
            var b1 = TColumns.Count > 1 ? TLanes.Load(b + TLanes.Width) : zero;
            b += strideB;
            var x0 = TLanes.Create(a[k]);
            c00 = TLanes.Fma(x0, b0, c00);
            c01 = TColumns.Count > 1 ? TLanes.Fma(x0, b1, c01) : zero;

            if (TRows.Count > 1)
            {
                var x1 = TLanes.Create(a1[k]);
                c10 = TLanes.Fma(x1, b0, c10);
                c11 = TColumns.Count > 1 ? TLanes.Fma(x1, b1, c11) : zero;
            }

            if (TRows.Count > 2)
            {
                var x2 = TLanes.Create(a2[k]);
                c20 = TLanes.Fma(x2, b0, c20);
                c21 = TColumns.Count > 1 ? TLanes.Fma(x2, b1, c21) : zero;
            }

            if (TRows.Count > 3)
            {
                var x3 = TLanes.Create(a3[k]);
                c30 = TLanes.Fma(x3, b0, c30);
                c31 = TColumns.Count > 1 ? TLanes.Fma(x3, b1, c31) : zero;
            }

            if (TRows.Count > 4)
            {
                var x4 = TLanes.Create(a4[k]);
                c40 = TLanes.Fma(x4, b0, c40);
                c41 = TColumns.Count > 1 ? TLanes.Fma(x4, b1, c41) : zero;
            }

            if (TRows.Count > 5)
            {
                var x5 = TLanes.Create(a5[k]);
                c50 = TLanes.Fma(x5, b0, c50);
                c51 = TColumns.Count > 1 ? TLanes.Fma(x5, b1, c51) : zero;
            }

            if (TRows.Count > 6)
            {
                var x6 = TLanes.Create(a6[k]);
                c60 = TLanes.Fma(x6, b0, c60);
                c61 = TColumns.Count > 1 ? TLanes.Fma(x6, b1, c61) : zero;
            }

            if (TRows.Count > 7)
            {
                var x7 = TLanes.Create(a7[k]);
                c70 = TLanes.Fma(x7, b0, c70);
                c71 = TColumns.Count > 1 ? TLanes.Fma(x7, b1, c71) : zero;
            }
        }

        Store<TLanes, TVector, TColumns>(c00, c01, c, adds);

        if (TRows.Count > 1)
        {
            Store<TLanes, TVector, TColumns>(c10, c11, c + (1 * strideC), adds);
        }

        if (TRows.Count > 2)
        {
            Store<TLanes, TVector, TColumns>(c20, c21, c + (2 * strideC), adds);
        }

        if (TRows.Count > 3)
        {
            Store<TLanes, TVector, TColumns>(c30, c31, c + (3 * strideC), adds);
        }

        if (TRows.Count > 4)
        {
            Store<TLanes, TVector, TColumns>(c40, c41, c + (4 * strideC), adds);
        }

        if (TRows.Count > 5)
        {
            Store<TLanes, TVector, TColumns>(c50, c51, c + (5 * strideC), adds);
        }

        if (TRows.Count > 6)
        {
            Store<TLanes, TVector, TColumns>(c60, c61, c + (6 * strideC), adds);
        }

        if (TRows.Count > 7)
        {
            Store<TLanes, TVector, TColumns>(c70, c71, c + (7 * strideC), adds);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<TLanes, TVector, TColumns>(TVector first, TVector second, float* c, bool adds)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
        where TColumns : struct, ICount
    {
        TLanes.Store(adds ? TLanes.Add(TLanes.Load(c), first) : first, c);
        if (TColumns.Count > 1)
        {
            c += TLanes.Width;
            TLanes.Store(adds ? TLanes.Add(TLanes.Load(c), second) : second, c);
        }
    }
}
