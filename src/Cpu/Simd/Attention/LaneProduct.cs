using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Stof.Reference.Cpu.Simd.Attention;

/// <summary>
/// C (+)= A·B with query rows in the lanes: B [depth, columns] and C [rows, columns] hold one query a column, A is read one
/// element at a time and sent to all lanes, wherever it lies. So keys and values need no packing, a softmax over the rows of C
/// needs no reduction across lanes, and its weights are the next product's B as they stand. An element of C is one chain of
/// fused multiply-adds over ascending depth, so its bits depend neither on the register width nor on how rows and columns
/// are blocked.
/// </summary>
internal static unsafe class LaneProduct
{
    /// <summary>Registers of columns in a block: 6×4 or 8×3 accumulators and the operands fill 32 registers, 6×2 fill 16.</summary>
    private static int WidestBlock => Vector512.IsHardwareAccelerated || AdvSimd.IsSupported ? 4 : 2;

    /// <summary>Computes the product.</summary>
    /// <param name="a">A(0, 0); A(row, k) lies row · <paramref name="rowStep"/> + k · <paramref name="depthStep"/> floats on.</param>
    /// <param name="rowStep">Floats from row to row of A.</param>
    /// <param name="depthStep">Floats from step to step of the depth.</param>
    /// <param name="b">B(0, 0).</param>
    /// <param name="c">C(0, 0).</param>
    /// <param name="stride">Floats from row to row of B and of C.</param>
    /// <param name="rows">Rows of C.</param>
    /// <param name="columns">Columns of B and C, a multiple of 16.</param>
    /// <param name="depth">Products of an element.</param>
    /// <param name="start">What the chains start from.</param>
    /// <param name="perColumn">
    /// One float a column: with <see cref="ChainStart.Scaled"/> the factor of what C holds; with <see cref="ChainStart.Zero"/>
    /// the largest element so far, raised to that of the product, or null.
    /// </param>
    public static void Run<TLanes, TVector>(
        float* a, nint rowStep, nint depthStep, float* b, float* c, nint stride, int rows, int columns, int depth,
        ChainStart start, float* perColumn)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        var widest = WidestBlock;
        for (var column = 0; column < columns;)
        {
            var registers = Math.Min((columns - column) / TLanes.Width, widest);
            var operands = new LaneOperands(
                a, rowStep, depthStep, b + column, c + column, stride, depth, start, perColumn is null ? null : perColumn + column);
            switch (registers)
            {
                case 4:
                    Panel<TLanes, TVector, Count4>(operands, rows, 6);
                    break;
                case 3:
                    Panel<TLanes, TVector, Count3>(operands, rows, 8);
                    break;
                case 2:
                    Panel<TLanes, TVector, Count2>(operands, rows, widest == 4 ? 8 : 6);
                    break;
                default:
                    Panel<TLanes, TVector, Count1>(operands, rows, 8);
                    break;
            }

            column += registers * TLanes.Width;
        }
    }

    /// <summary>All rows of one to four registers' width.</summary>
    private static void Panel<TLanes, TVector, TColumns>(in LaneOperands operands, int rows, int blockRows)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
        where TColumns : struct, ICount
    {
        for (var row = 0; row < rows; row += blockRows)
        {
            switch (Math.Min(rows - row, blockRows))
            {
                case 1:
                    Block<TLanes, TVector, Count1, TColumns>(operands, row);
                    break;
                case 2:
                    Block<TLanes, TVector, Count2, TColumns>(operands, row);
                    break;
                case 3:
                    Block<TLanes, TVector, Count3, TColumns>(operands, row);
                    break;
                case 4:
                    Block<TLanes, TVector, Count4, TColumns>(operands, row);
                    break;
                case 5:
                    Block<TLanes, TVector, Count5, TColumns>(operands, row);
                    break;
                case 6:
                    Block<TLanes, TVector, Count6, TColumns>(operands, row);
                    break;
                case 7:
                    Block<TLanes, TVector, Count7, TColumns>(operands, row);
                    break;
                default:
                    Block<TLanes, TVector, Count8, TColumns>(operands, row);
                    break;
            }
        }
    }

    /// <summary>One register block: TRows rows of TColumns registers, in registers from the first to the last k.</summary>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Block<TLanes, TVector, TRows, TColumns>(in LaneOperands x, int row)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
        where TRows : struct, ICount
        where TColumns : struct, ICount
    {
        var zero = TLanes.Create(0f);
        TVector c00 = zero, c01 = zero, c02 = zero, c03 = zero;
        TVector c10 = zero, c11 = zero, c12 = zero, c13 = zero;
        TVector c20 = zero, c21 = zero, c22 = zero, c23 = zero;
        TVector c30 = zero, c31 = zero, c32 = zero, c33 = zero;
        TVector c40 = zero, c41 = zero, c42 = zero, c43 = zero;
        TVector c50 = zero, c51 = zero, c52 = zero, c53 = zero;
        TVector c60 = zero, c61 = zero, c62 = zero, c63 = zero;
        TVector c70 = zero, c71 = zero, c72 = zero, c73 = zero;
        var stride = x.Stride;
        var c = x.C + (row * stride);
        if (x.Start != ChainStart.Zero)
        {
            c00 = TLanes.Load(c);
            c01 = TColumns.Count > 1 ? TLanes.Load(c + TLanes.Width) : zero;
            c02 = TColumns.Count > 2 ? TLanes.Load(c + (2 * TLanes.Width)) : zero;
            c03 = TColumns.Count > 3 ? TLanes.Load(c + (3 * TLanes.Width)) : zero;

            if (TRows.Count > 1)
            {
                c10 = TLanes.Load(c + (1 * stride));
                c11 = TColumns.Count > 1 ? TLanes.Load(c + (1 * stride) + TLanes.Width) : zero;
                c12 = TColumns.Count > 2 ? TLanes.Load(c + (1 * stride) + (2 * TLanes.Width)) : zero;
                c13 = TColumns.Count > 3 ? TLanes.Load(c + (1 * stride) + (3 * TLanes.Width)) : zero;
            }

            if (TRows.Count > 2)
            {
                c20 = TLanes.Load(c + (2 * stride));
                c21 = TColumns.Count > 1 ? TLanes.Load(c + (2 * stride) + TLanes.Width) : zero;
                c22 = TColumns.Count > 2 ? TLanes.Load(c + (2 * stride) + (2 * TLanes.Width)) : zero;
                c23 = TColumns.Count > 3 ? TLanes.Load(c + (2 * stride) + (3 * TLanes.Width)) : zero;
            }

            if (TRows.Count > 3)
            {
                c30 = TLanes.Load(c + (3 * stride));
                c31 = TColumns.Count > 1 ? TLanes.Load(c + (3 * stride) + TLanes.Width) : zero;
                c32 = TColumns.Count > 2 ? TLanes.Load(c + (3 * stride) + (2 * TLanes.Width)) : zero;
                c33 = TColumns.Count > 3 ? TLanes.Load(c + (3 * stride) + (3 * TLanes.Width)) : zero;
            }

            if (TRows.Count > 4)
            {
                c40 = TLanes.Load(c + (4 * stride));
                c41 = TColumns.Count > 1 ? TLanes.Load(c + (4 * stride) + TLanes.Width) : zero;
                c42 = TColumns.Count > 2 ? TLanes.Load(c + (4 * stride) + (2 * TLanes.Width)) : zero;
                c43 = TColumns.Count > 3 ? TLanes.Load(c + (4 * stride) + (3 * TLanes.Width)) : zero;
            }

            if (TRows.Count > 5)
            {
                c50 = TLanes.Load(c + (5 * stride));
                c51 = TColumns.Count > 1 ? TLanes.Load(c + (5 * stride) + TLanes.Width) : zero;
                c52 = TColumns.Count > 2 ? TLanes.Load(c + (5 * stride) + (2 * TLanes.Width)) : zero;
                c53 = TColumns.Count > 3 ? TLanes.Load(c + (5 * stride) + (3 * TLanes.Width)) : zero;
            }

            if (TRows.Count > 6)
            {
                c60 = TLanes.Load(c + (6 * stride));
                c61 = TColumns.Count > 1 ? TLanes.Load(c + (6 * stride) + TLanes.Width) : zero;
                c62 = TColumns.Count > 2 ? TLanes.Load(c + (6 * stride) + (2 * TLanes.Width)) : zero;
                c63 = TColumns.Count > 3 ? TLanes.Load(c + (6 * stride) + (3 * TLanes.Width)) : zero;
            }

            if (TRows.Count > 7)
            {
                c70 = TLanes.Load(c + (7 * stride));
                c71 = TColumns.Count > 1 ? TLanes.Load(c + (7 * stride) + TLanes.Width) : zero;
                c72 = TColumns.Count > 2 ? TLanes.Load(c + (7 * stride) + (2 * TLanes.Width)) : zero;
                c73 = TColumns.Count > 3 ? TLanes.Load(c + (7 * stride) + (3 * TLanes.Width)) : zero;
            }
        }

        if (x.Start == ChainStart.Scaled)
        {
            var factor = x.PerColumn;
            var f0 = TLanes.Load(factor);
            var f1 = TColumns.Count > 1 ? TLanes.Load(factor + TLanes.Width) : zero;
            var f2 = TColumns.Count > 2 ? TLanes.Load(factor + (2 * TLanes.Width)) : zero;
            var f3 = TColumns.Count > 3 ? TLanes.Load(factor + (3 * TLanes.Width)) : zero;
            c00 = TLanes.Multiply(c00, f0);
            c01 = TColumns.Count > 1 ? TLanes.Multiply(c01, f1) : zero;
            c02 = TColumns.Count > 2 ? TLanes.Multiply(c02, f2) : zero;
            c03 = TColumns.Count > 3 ? TLanes.Multiply(c03, f3) : zero;

            if (TRows.Count > 1)
            {
                c10 = TLanes.Multiply(c10, f0);
                c11 = TColumns.Count > 1 ? TLanes.Multiply(c11, f1) : zero;
                c12 = TColumns.Count > 2 ? TLanes.Multiply(c12, f2) : zero;
                c13 = TColumns.Count > 3 ? TLanes.Multiply(c13, f3) : zero;
            }

            if (TRows.Count > 2)
            {
                c20 = TLanes.Multiply(c20, f0);
                c21 = TColumns.Count > 1 ? TLanes.Multiply(c21, f1) : zero;
                c22 = TColumns.Count > 2 ? TLanes.Multiply(c22, f2) : zero;
                c23 = TColumns.Count > 3 ? TLanes.Multiply(c23, f3) : zero;
            }

            if (TRows.Count > 3)
            {
                c30 = TLanes.Multiply(c30, f0);
                c31 = TColumns.Count > 1 ? TLanes.Multiply(c31, f1) : zero;
                c32 = TColumns.Count > 2 ? TLanes.Multiply(c32, f2) : zero;
                c33 = TColumns.Count > 3 ? TLanes.Multiply(c33, f3) : zero;
            }

            if (TRows.Count > 4)
            {
                c40 = TLanes.Multiply(c40, f0);
                c41 = TColumns.Count > 1 ? TLanes.Multiply(c41, f1) : zero;
                c42 = TColumns.Count > 2 ? TLanes.Multiply(c42, f2) : zero;
                c43 = TColumns.Count > 3 ? TLanes.Multiply(c43, f3) : zero;
            }

            if (TRows.Count > 5)
            {
                c50 = TLanes.Multiply(c50, f0);
                c51 = TColumns.Count > 1 ? TLanes.Multiply(c51, f1) : zero;
                c52 = TColumns.Count > 2 ? TLanes.Multiply(c52, f2) : zero;
                c53 = TColumns.Count > 3 ? TLanes.Multiply(c53, f3) : zero;
            }

            if (TRows.Count > 6)
            {
                c60 = TLanes.Multiply(c60, f0);
                c61 = TColumns.Count > 1 ? TLanes.Multiply(c61, f1) : zero;
                c62 = TColumns.Count > 2 ? TLanes.Multiply(c62, f2) : zero;
                c63 = TColumns.Count > 3 ? TLanes.Multiply(c63, f3) : zero;
            }

            if (TRows.Count > 7)
            {
                c70 = TLanes.Multiply(c70, f0);
                c71 = TColumns.Count > 1 ? TLanes.Multiply(c71, f1) : zero;
                c72 = TColumns.Count > 2 ? TLanes.Multiply(c72, f2) : zero;
                c73 = TColumns.Count > 3 ? TLanes.Multiply(c73, f3) : zero;
            }
        }

        var b = x.B;
        var rowStep = x.RowStep;
        var depthStep = x.DepthStep;
        var a0 = x.A + (row * rowStep);
        var a1 = a0 + rowStep;
        var a2 = a1 + rowStep;
        var a3 = a2 + rowStep;
        var a4 = a3 + rowStep;
        var a5 = a4 + rowStep;
        var a6 = a5 + rowStep;
        var a7 = a6 + rowStep;
        nint at = 0;
        for (var k = x.Depth; k > 0; k--)
        {
            var b0 = TLanes.Load(b);
            var b1 = TColumns.Count > 1 ? TLanes.Load(b + TLanes.Width) : zero;
            var b2 = TColumns.Count > 2 ? TLanes.Load(b + (2 * TLanes.Width)) : zero;
            var b3 = TColumns.Count > 3 ? TLanes.Load(b + (3 * TLanes.Width)) : zero;
            b += stride;
            var x0 = TLanes.Create(a0[at]);
            c00 = TLanes.Fma(x0, b0, c00);
            c01 = TColumns.Count > 1 ? TLanes.Fma(x0, b1, c01) : zero;
            c02 = TColumns.Count > 2 ? TLanes.Fma(x0, b2, c02) : zero;
            c03 = TColumns.Count > 3 ? TLanes.Fma(x0, b3, c03) : zero;

            if (TRows.Count > 1)
            {
                var x1 = TLanes.Create(a1[at]);
                c10 = TLanes.Fma(x1, b0, c10);
                c11 = TColumns.Count > 1 ? TLanes.Fma(x1, b1, c11) : zero;
                c12 = TColumns.Count > 2 ? TLanes.Fma(x1, b2, c12) : zero;
                c13 = TColumns.Count > 3 ? TLanes.Fma(x1, b3, c13) : zero;
            }

            if (TRows.Count > 2)
            {
                var x2 = TLanes.Create(a2[at]);
                c20 = TLanes.Fma(x2, b0, c20);
                c21 = TColumns.Count > 1 ? TLanes.Fma(x2, b1, c21) : zero;
                c22 = TColumns.Count > 2 ? TLanes.Fma(x2, b2, c22) : zero;
                c23 = TColumns.Count > 3 ? TLanes.Fma(x2, b3, c23) : zero;
            }

            if (TRows.Count > 3)
            {
                var x3 = TLanes.Create(a3[at]);
                c30 = TLanes.Fma(x3, b0, c30);
                c31 = TColumns.Count > 1 ? TLanes.Fma(x3, b1, c31) : zero;
                c32 = TColumns.Count > 2 ? TLanes.Fma(x3, b2, c32) : zero;
                c33 = TColumns.Count > 3 ? TLanes.Fma(x3, b3, c33) : zero;
            }

            if (TRows.Count > 4)
            {
                var x4 = TLanes.Create(a4[at]);
                c40 = TLanes.Fma(x4, b0, c40);
                c41 = TColumns.Count > 1 ? TLanes.Fma(x4, b1, c41) : zero;
                c42 = TColumns.Count > 2 ? TLanes.Fma(x4, b2, c42) : zero;
                c43 = TColumns.Count > 3 ? TLanes.Fma(x4, b3, c43) : zero;
            }

            if (TRows.Count > 5)
            {
                var x5 = TLanes.Create(a5[at]);
                c50 = TLanes.Fma(x5, b0, c50);
                c51 = TColumns.Count > 1 ? TLanes.Fma(x5, b1, c51) : zero;
                c52 = TColumns.Count > 2 ? TLanes.Fma(x5, b2, c52) : zero;
                c53 = TColumns.Count > 3 ? TLanes.Fma(x5, b3, c53) : zero;
            }

            if (TRows.Count > 6)
            {
                var x6 = TLanes.Create(a6[at]);
                c60 = TLanes.Fma(x6, b0, c60);
                c61 = TColumns.Count > 1 ? TLanes.Fma(x6, b1, c61) : zero;
                c62 = TColumns.Count > 2 ? TLanes.Fma(x6, b2, c62) : zero;
                c63 = TColumns.Count > 3 ? TLanes.Fma(x6, b3, c63) : zero;
            }

            if (TRows.Count > 7)
            {
                var x7 = TLanes.Create(a7[at]);
                c70 = TLanes.Fma(x7, b0, c70);
                c71 = TColumns.Count > 1 ? TLanes.Fma(x7, b1, c71) : zero;
                c72 = TColumns.Count > 2 ? TLanes.Fma(x7, b2, c72) : zero;
                c73 = TColumns.Count > 3 ? TLanes.Fma(x7, b3, c73) : zero;
            }

            at += depthStep;
        }

        Store<TLanes, TVector, TColumns>(c, c00, c01, c02, c03);

        if (TRows.Count > 1)
        {
            Store<TLanes, TVector, TColumns>(c + (1 * stride), c10, c11, c12, c13);
        }

        if (TRows.Count > 2)
        {
            Store<TLanes, TVector, TColumns>(c + (2 * stride), c20, c21, c22, c23);
        }

        if (TRows.Count > 3)
        {
            Store<TLanes, TVector, TColumns>(c + (3 * stride), c30, c31, c32, c33);
        }

        if (TRows.Count > 4)
        {
            Store<TLanes, TVector, TColumns>(c + (4 * stride), c40, c41, c42, c43);
        }

        if (TRows.Count > 5)
        {
            Store<TLanes, TVector, TColumns>(c + (5 * stride), c50, c51, c52, c53);
        }

        if (TRows.Count > 6)
        {
            Store<TLanes, TVector, TColumns>(c + (6 * stride), c60, c61, c62, c63);
        }

        if (TRows.Count > 7)
        {
            Store<TLanes, TVector, TColumns>(c + (7 * stride), c70, c71, c72, c73);
        }

        if (x.Start == ChainStart.Zero && x.PerColumn is not null)
        {
            var largest = x.PerColumn;
            var m0 = TLanes.Max(c00, TLanes.Load(largest));
            m0 = TRows.Count > 1 ? TLanes.Max(c10, m0) : m0;
            m0 = TRows.Count > 2 ? TLanes.Max(c20, m0) : m0;
            m0 = TRows.Count > 3 ? TLanes.Max(c30, m0) : m0;
            m0 = TRows.Count > 4 ? TLanes.Max(c40, m0) : m0;
            m0 = TRows.Count > 5 ? TLanes.Max(c50, m0) : m0;
            m0 = TRows.Count > 6 ? TLanes.Max(c60, m0) : m0;
            m0 = TRows.Count > 7 ? TLanes.Max(c70, m0) : m0;
            TLanes.Store(m0, largest);

            if (TColumns.Count > 1)
            {
                var m1 = TLanes.Max(c01, TLanes.Load(largest + TLanes.Width));
                m1 = TRows.Count > 1 ? TLanes.Max(c11, m1) : m1;
                m1 = TRows.Count > 2 ? TLanes.Max(c21, m1) : m1;
                m1 = TRows.Count > 3 ? TLanes.Max(c31, m1) : m1;
                m1 = TRows.Count > 4 ? TLanes.Max(c41, m1) : m1;
                m1 = TRows.Count > 5 ? TLanes.Max(c51, m1) : m1;
                m1 = TRows.Count > 6 ? TLanes.Max(c61, m1) : m1;
                m1 = TRows.Count > 7 ? TLanes.Max(c71, m1) : m1;
                TLanes.Store(m1, largest + TLanes.Width);
            }

            if (TColumns.Count > 2)
            {
                var m2 = TLanes.Max(c02, TLanes.Load(largest + (2 * TLanes.Width)));
                m2 = TRows.Count > 1 ? TLanes.Max(c12, m2) : m2;
                m2 = TRows.Count > 2 ? TLanes.Max(c22, m2) : m2;
                m2 = TRows.Count > 3 ? TLanes.Max(c32, m2) : m2;
                m2 = TRows.Count > 4 ? TLanes.Max(c42, m2) : m2;
                m2 = TRows.Count > 5 ? TLanes.Max(c52, m2) : m2;
                m2 = TRows.Count > 6 ? TLanes.Max(c62, m2) : m2;
                m2 = TRows.Count > 7 ? TLanes.Max(c72, m2) : m2;
                TLanes.Store(m2, largest + (2 * TLanes.Width));
            }

            if (TColumns.Count > 3)
            {
                var m3 = TLanes.Max(c03, TLanes.Load(largest + (3 * TLanes.Width)));
                m3 = TRows.Count > 1 ? TLanes.Max(c13, m3) : m3;
                m3 = TRows.Count > 2 ? TLanes.Max(c23, m3) : m3;
                m3 = TRows.Count > 3 ? TLanes.Max(c33, m3) : m3;
                m3 = TRows.Count > 4 ? TLanes.Max(c43, m3) : m3;
                m3 = TRows.Count > 5 ? TLanes.Max(c53, m3) : m3;
                m3 = TRows.Count > 6 ? TLanes.Max(c63, m3) : m3;
                m3 = TRows.Count > 7 ? TLanes.Max(c73, m3) : m3;
                TLanes.Store(m3, largest + (3 * TLanes.Width));
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<TLanes, TVector, TColumns>(float* c, TVector first, TVector second, TVector third, TVector fourth)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
        where TColumns : struct, ICount
    {
        TLanes.Store(first, c);
        if (TColumns.Count > 1)
        {
            TLanes.Store(second, c + TLanes.Width);
        }

        if (TColumns.Count > 2)
        {
            TLanes.Store(third, c + (2 * TLanes.Width));
        }

        if (TColumns.Count > 3)
        {
            TLanes.Store(fourth, c + (3 * TLanes.Width));
        }
    }
}

/// <summary>What the chains of a product start from.</summary>
internal enum ChainStart
{
    /// <summary>Zero: C is written only.</summary>
    Zero,

    /// <summary>What C holds.</summary>
    Held,

    /// <summary>What C holds times a factor a column.</summary>
    Scaled,
}

/// <summary>The arguments of <see cref="LaneProduct.Run"/> for one range of columns.</summary>
internal readonly unsafe struct LaneOperands(
    float* a, nint rowStep, nint depthStep, float* b, float* c, nint stride, int depth, ChainStart start, float* perColumn)
{
    public readonly float* A = a;
    public readonly nint RowStep = rowStep;
    public readonly nint DepthStep = depthStep;
    public readonly float* B = b;
    public readonly float* C = c;
    public readonly nint Stride = stride;
    public readonly int Depth = depth;
    public readonly ChainStart Start = start;
    public readonly float* PerColumn = perColumn;
}
