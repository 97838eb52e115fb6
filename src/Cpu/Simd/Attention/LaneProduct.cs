using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Stof.Reference.Cpu.Simd.Attention;

/// <summary>
/// C = A·B or C = C + A·B with query rows in the lanes: B [depth, columns] and C [rows, columns] hold one query a column, A is read one
/// element at a time and sent to all lanes, wherever it lies. So keys and values need no packing, a softmax over the rows of C
/// needs no reduction across lanes, and its weights are the next product's B as they stand. An element of A·B is one chain of
/// fused multiply-adds over ascending depth that starts from zero, and is added to what C holds at its end: the bits depend
/// neither on the register width nor on how rows and columns are blocked, and rounding errors grow with the number of products
/// added, not with the number of terms.
/// </summary>
internal static unsafe class LaneProduct
{
    /// <summary>Registers of columns in a block: 6×4 or 8×3 accumulators and the operands fill 32 registers, 6×2 fill 16.</summary>
    private static int WidestBlock => Vector512.IsHardwareAccelerated || AdvSimd.IsSupported ? 4 : 2;

    /// <summary>Computes the product.</summary>
    /// <param name="operands">Operands.</param>
    /// <param name="rows">Rows of C.</param>
    /// <param name="columns">Columns of B and C, a multiple of 16.</param>
    public static void Run<TLanes, TVector>(in LaneOperands operands, int rows, int columns)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        var widest = WidestBlock;
        var panel = operands;
        for (var column = 0; column < columns;)
        {
            var registers = Math.Min((columns - column) / TLanes.Width, widest);
            switch (registers)
            {
                case 4:
                    Panel<TLanes, TVector, Count6, Count4>(in panel, rows);
                    break;
                case 3:
                    Panel<TLanes, TVector, Count8, Count3>(in panel, rows);
                    break;
                case 2 when widest == 4:
                    Panel<TLanes, TVector, Count8, Count2>(in panel, rows);
                    break;
                case 2:
                    Panel<TLanes, TVector, Count6, Count2>(in panel, rows);
                    break;
                default:
                    Column<TLanes, TVector>(in panel, rows, widest);
                    break;
            }

            var next = registers * TLanes.Width;
            column += next;
            panel.B += next;
            panel.C += next;
            panel.Largest = panel.Largest is null ? null : panel.Largest + next;
        }
    }

    /// <summary>All rows of one register's width.</summary>
    private static void Column<TLanes, TVector>(in LaneOperands operands, int rows, int widest)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        var row = 0;
        if (widest == 4)
        {
            row = rows - (rows % LaneColumn.Rows);
            LaneColumn.Blocks<TLanes, TVector>(in operands, row);
        }

        var eight = rows - ((rows - row) % 8);
        Blocks<TLanes, TVector, Count8, Count1>(in operands, row, eight);
        Rest<TLanes, TVector, Count1>(in operands, eight, rows);
    }

    /// <summary>All rows of two to four registers' width.</summary>
    private static void Panel<TLanes, TVector, TRows, TColumns>(in LaneOperands operands, int rows)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
        where TRows : struct, ICount
        where TColumns : struct, ICount
    {
        var row = rows - (rows % TRows.Count);
        Blocks<TLanes, TVector, TRows, TColumns>(in operands, 0, row);
        Rest<TLanes, TVector, TColumns>(in operands, row, rows);
    }

    /// <summary>One block of the rows that are left: less than eight.</summary>
    private static void Rest<TLanes, TVector, TColumns>(in LaneOperands operands, int row, int rows)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
        where TColumns : struct, ICount
    {
        switch (rows - row)
        {
            case 1:
                Blocks<TLanes, TVector, Count1, TColumns>(in operands, row, rows);
                break;
            case 2:
                Blocks<TLanes, TVector, Count2, TColumns>(in operands, row, rows);
                break;
            case 3:
                Blocks<TLanes, TVector, Count3, TColumns>(in operands, row, rows);
                break;
            case 4:
                Blocks<TLanes, TVector, Count4, TColumns>(in operands, row, rows);
                break;
            case 5:
                Blocks<TLanes, TVector, Count5, TColumns>(in operands, row, rows);
                break;
            case 6:
                Blocks<TLanes, TVector, Count6, TColumns>(in operands, row, rows);
                break;
            case 7:
                Blocks<TLanes, TVector, Count7, TColumns>(in operands, row, rows);
                break;
            default:
                break;
        }
    }

    /// <summary>Register blocks of TRows rows of TColumns registers, each in registers from the first to the last k.</summary>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Blocks<TLanes, TVector, TRows, TColumns>(in LaneOperands x, int row, int rows)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
        where TRows : struct, ICount
        where TColumns : struct, ICount
    {
        for (; row < rows; row += TRows.Count)
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
            var ahead = x.Ahead + ((nint)row * x.Depth * sizeof(float));
            nint at = 0;
            for (var k = x.Depth; k > 0; k--)
            {
                if (TColumns.Count > 2)
                {
                    // Narrower blocks load as fast as they multiply: a request would cost them time.
                    Prefetch.ToSecondLevel(ahead);
                    ahead += TRows.Count * sizeof(float);
                }

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

            if (!x.IsAdded)
            {
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

                if (x.Largest is not null)
                {
                    Raise<TLanes, TVector, TRows>(x.Largest, c00, c10, c20, c30, c40, c50, c60, c70);

                    if (TColumns.Count > 1)
                    {
                        Raise<TLanes, TVector, TRows>(x.Largest + TLanes.Width, c01, c11, c21, c31, c41, c51, c61, c71);
                    }

                    if (TColumns.Count > 2)
                    {
                        Raise<TLanes, TVector, TRows>(x.Largest + (2 * TLanes.Width), c02, c12, c22, c32, c42, c52, c62, c72);
                    }

                    if (TColumns.Count > 3)
                    {
                        Raise<TLanes, TVector, TRows>(x.Largest + (3 * TLanes.Width), c03, c13, c23, c33, c43, c53, c63, c73);
                    }
                }

                continue;
            }

            Add<TLanes, TVector, TColumns>(c, c00, c01, c02, c03);

            if (TRows.Count > 1)
            {
                Add<TLanes, TVector, TColumns>(c + (1 * stride), c10, c11, c12, c13);
            }

            if (TRows.Count > 2)
            {
                Add<TLanes, TVector, TColumns>(c + (2 * stride), c20, c21, c22, c23);
            }

            if (TRows.Count > 3)
            {
                Add<TLanes, TVector, TColumns>(c + (3 * stride), c30, c31, c32, c33);
            }

            if (TRows.Count > 4)
            {
                Add<TLanes, TVector, TColumns>(c + (4 * stride), c40, c41, c42, c43);
            }

            if (TRows.Count > 5)
            {
                Add<TLanes, TVector, TColumns>(c + (5 * stride), c50, c51, c52, c53);
            }

            if (TRows.Count > 6)
            {
                Add<TLanes, TVector, TColumns>(c + (6 * stride), c60, c61, c62, c63);
            }

            if (TRows.Count > 7)
            {
                Add<TLanes, TVector, TColumns>(c + (7 * stride), c70, c71, c72, c73);
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

    /// <summary>C = C + product, a row of it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add<TLanes, TVector, TColumns>(float* c, TVector first, TVector second, TVector third, TVector fourth)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
        where TColumns : struct, ICount
    {
        Store<TLanes, TVector, TColumns>(
            c,
            TLanes.Add(TLanes.Load(c), first),
            TColumns.Count > 1 ? TLanes.Add(TLanes.Load(c + TLanes.Width), second) : second,
            TColumns.Count > 2 ? TLanes.Add(TLanes.Load(c + (2 * TLanes.Width)), third) : third,
            TColumns.Count > 3 ? TLanes.Add(TLanes.Load(c + (3 * TLanes.Width)), fourth) : fourth);
    }

    /// <summary>Raises the largest elements of some columns to those of a block.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Raise<TLanes, TVector, TRows>(
        float* largest, TVector c0, TVector c1, TVector c2, TVector c3, TVector c4, TVector c5, TVector c6, TVector c7)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
        where TRows : struct, ICount
    {
        var found = TLanes.Max(c0, TLanes.Load(largest));
        found = TRows.Count > 1 ? TLanes.Max(c1, found) : found;
        found = TRows.Count > 2 ? TLanes.Max(c2, found) : found;
        found = TRows.Count > 3 ? TLanes.Max(c3, found) : found;
        found = TRows.Count > 4 ? TLanes.Max(c4, found) : found;
        found = TRows.Count > 5 ? TLanes.Max(c5, found) : found;
        found = TRows.Count > 6 ? TLanes.Max(c6, found) : found;
        found = TRows.Count > 7 ? TLanes.Max(c7, found) : found;
        TLanes.Store(found, largest);
    }
}
