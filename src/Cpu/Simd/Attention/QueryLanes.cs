using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Stof.Reference.Numerics;

namespace Stof.Reference.Cpu.Simd.Attention;

/// <summary>Between rows in memory and one row a lane: 4×4 elements at a time.</summary>
internal static unsafe class QueryLanes
{
    /// <summary>Writes rows [first, first + rows) of a view as a panel [size, stride], zeros beyond the last row.</summary>
    /// <param name="view">Where the rows lie.</param>
    /// <param name="batch">Batch item.</param>
    /// <param name="head">Head.</param>
    /// <param name="first">First row.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="size">Elements of a row.</param>
    /// <param name="panel">Destination.</param>
    /// <param name="stride">Floats from row to row of the panel, a multiple of 16, at least the number of rows.</param>
    /// <param name="staging">Room for four rows, each padded to 16.</param>
    public static void Gather(
        AttentionView view, int batch, int head, int first, int rows, int size, float* panel, int stride, float* staging)
    {
        var rowStride = Lanes.RoundUp(size);
        new Span<float>(staging, 4 * rowStride).Clear();
        for (var i = 0; i < stride; i += 4)
        {
            if (view.Tensor.Type == DType.F32 && i + 4 <= rows)
            {
                ToLanes((float*)view.Row(batch, head, first + i), view.RowStride, size, panel + i, stride);
                continue;
            }

            for (var r = 0; r < 4; r++)
            {
                if (i + r < rows)
                {
                    RowConversion.Widen(view.Tensor.Type, view.Row(batch, head, first + i + r), staging + (r * rowStride), size);
                }
                else
                {
                    new Span<float>(staging + (r * rowStride), size).Clear();
                }
            }

            ToLanes(staging, rowStride, size, panel + i, stride);
        }
    }

    /// <summary>Writes four lanes of a panel [size, stride] as rows of <paramref name="rowStride"/> floats.</summary>
    /// <param name="panel">The first of the four lanes.</param>
    /// <param name="stride">Floats from row to row of the panel.</param>
    /// <param name="size">Rows of the panel.</param>
    /// <param name="rows">Destination.</param>
    /// <param name="rowStride">Floats from row to row of the destination, at least the size.</param>
    public static void Scatter(float* panel, int stride, int size, float* rows, long rowStride)
    {
        var d = 0;
        for (; d <= size - 4; d += 4)
        {
            Transpose(panel + ((long)d * stride), stride, rows + d, rowStride);
        }

        for (; d < size; d++)
        {
            for (var r = 0; r < 4; r++)
            {
                rows[(r * rowStride) + d] = panel[((long)d * stride) + r];
            }
        }
    }

    /// <summary>The rows a, b, c, d of four elements each, turned into columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector128<float> First, Vector128<float> Second, Vector128<float> Third, Vector128<float> Fourth) Transpose(
        Vector128<float> a, Vector128<float> b, Vector128<float> c, Vector128<float> d)
    {
        if (!Sse.IsSupported)
        {
            return (
                Vector128.Create(a[0], b[0], c[0], d[0]),
                Vector128.Create(a[1], b[1], c[1], d[1]),
                Vector128.Create(a[2], b[2], c[2], d[2]),
                Vector128.Create(a[3], b[3], c[3], d[3]));
        }

        var (lowerAb, upperAb) = (Sse.UnpackLow(a, b), Sse.UnpackHigh(a, b));
        var (lowerCd, upperCd) = (Sse.UnpackLow(c, d), Sse.UnpackHigh(c, d));
        return (
            Sse.MoveLowToHigh(lowerAb, lowerCd),
            Sse.MoveHighToLow(lowerCd, lowerAb),
            Sse.MoveLowToHigh(upperAb, upperCd),
            Sse.MoveHighToLow(upperCd, upperAb));
    }

    /// <summary>Writes four rows as lanes of a panel.</summary>
    private static void ToLanes(float* rows, long rowStride, int size, float* panel, int stride)
    {
        var d = 0;
        for (; d <= size - 4; d += 4)
        {
            Transpose(rows + d, rowStride, panel + ((long)d * stride), stride);
        }

        for (; d < size; d++)
        {
            for (var r = 0; r < 4; r++)
            {
                panel[((long)d * stride) + r] = rows[d + (r * rowStride)];
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose(float* source, long sourceStride, float* target, long targetStride)
    {
        var (a, b, c, d) = Transpose(
            Vector128.Load(source),
            Vector128.Load(source + sourceStride),
            Vector128.Load(source + (2 * sourceStride)),
            Vector128.Load(source + (3 * sourceStride)));
        a.Store(target);
        b.Store(target + targetStride);
        c.Store(target + (2 * targetStride));
        d.Store(target + (3 * targetStride));
    }
}
