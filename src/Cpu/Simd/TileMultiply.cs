using System.Runtime.Intrinsics;

namespace Stof.Reference.Cpu.Simd;

/// <summary>C = A·B for one packed row block and a range of column panels, accumulated in float scratch.</summary>
internal static unsafe class TileMultiply
{
    /// <summary>
    /// Runs the chains of all outputs over the whole depth. A block of one column panel stays in the first-level cache while
    /// the row panels pass by; at a block's end the accumulators go to scratch and the next block continues from there.
    /// </summary>
    /// <param name="a">Packed rows (<see cref="RowPacking"/>).</param>
    /// <param name="rows">Rows that count; scratch must hold whole row panels.</param>
    /// <param name="depth">Depth K.</param>
    /// <param name="b">First column panel.</param>
    /// <param name="panels">Number of column panels.</param>
    /// <param name="c">Scratch for the accumulators.</param>
    /// <param name="stride">Floats between rows of the scratch.</param>
    /// <param name="depthBlock">Depth of one block, a multiple of 16.</param>
    public static void Run(float* a, int rows, int depth, float* b, int panels, float* c, nint stride, int depthBlock)
    {
        if (depth == 0)
        {
            for (var row = 0; row < rows; row++)
            {
                new Span<float>(c + (row * stride), panels * GemmLayout.PanelColumns).Clear();
            }

            return;
        }

        var panelFloats = GemmLayout.RowPanelFloats(depth);
        for (var start = 0; start < depth; start += depthBlock)
        {
            var steps = Math.Min(depthBlock, depth - start);
            var aBlock = a + ((long)start / GemmLayout.DepthGroup * GemmLayout.GroupFloats);
            var bBlock = b + ((long)start * GemmLayout.PanelColumns);
            for (var panel = 0; panel < panels; panel++)
            {
                var tile = c + (panel * GemmLayout.PanelColumns);
                var rowPanel = aBlock;
                for (var row = 0; row < rows; row += GemmLayout.PanelRows)
                {
                    Tile(rowPanel, bBlock, tile, stride, Math.Min(GemmLayout.PanelRows, rows - row), steps, start > 0);
                    rowPanel += panelFloats;
                    tile += GemmLayout.PanelRows * stride;
                }

                bBlock += (long)depth * GemmLayout.PanelColumns;
            }
        }
    }

    private static void Tile(float* a, float* b, float* c, nint stride, int rows, int depth, bool resume)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            Rows512(a, b, c, stride, rows, depth, resume);
            return;
        }

        const int LowerRows = MicroKernel256.Rows;
        const int Half = MicroKernel256.Columns;
        for (var column = 0; column < GemmLayout.PanelColumns; column += Half)
        {
            Rows256(a, b + column, c + column, stride, Math.Min(rows, LowerRows), depth, resume);
            if (rows > LowerRows)
            {
                Rows256(
                    a + (LowerRows * GemmLayout.DepthGroup),
                    b + column,
                    c + (LowerRows * stride) + column,
                    stride,
                    rows - LowerRows,
                    depth,
                    resume);
            }
        }
    }

    // Rows up to the next size that has a kernel are computed from the zeros of the packing, and never read.
    private static void Rows512(float* a, float* b, float* c, nint stride, int rows, int depth, bool resume)
    {
        switch (rows)
        {
            case 1:
                MicroKernel512.Run<Count1>(a, b, c, stride, depth, resume);
                break;
            case 2:
                MicroKernel512.Run<Count2>(a, b, c, stride, depth, resume);
                break;
            case 3 or 4:
                MicroKernel512.Run<Count4>(a, b, c, stride, depth, resume);
                break;
            case 5 or 6:
                MicroKernel512.Run<Count6>(a, b, c, stride, depth, resume);
                break;
            case 7 or 8:
                MicroKernel512.Run<Count8>(a, b, c, stride, depth, resume);
                break;
            default:
                MicroKernel512.Run<Count12>(a, b, c, stride, depth, resume);
                break;
        }
    }

    private static void Rows256(float* a, float* b, float* c, nint stride, int rows, int depth, bool resume)
    {
        switch (rows)
        {
            case 1:
                MicroKernel256.Run<Count1>(a, b, c, stride, depth, resume);
                break;
            case 2:
                MicroKernel256.Run<Count2>(a, b, c, stride, depth, resume);
                break;
            case 3:
                MicroKernel256.Run<Count3>(a, b, c, stride, depth, resume);
                break;
            case 4:
                MicroKernel256.Run<Count4>(a, b, c, stride, depth, resume);
                break;
            default:
                MicroKernel256.Run<Count6>(a, b, c, stride, depth, resume);
                break;
        }
    }
}
