using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Stof.Reference.Numerics;

namespace Stof.Reference.Cpu.Simd;

/// <summary>C = A·B for one packed row block and a range of column panels, in the widest registers that there are.</summary>
internal static unsafe class TileMultiply
{
    /// <summary>
    /// Runs the chains of all outputs over the whole depth, one column panel after the other. A block of the panel stays in
    /// the first-level cache while the row panels pass by, and the block after it is prefetched meanwhile; at a block's end
    /// the accumulators go to C and the next block continues from there.
    /// </summary>
    /// <param name="a">Packed rows (<see cref="RowPacking"/>).</param>
    /// <param name="rows">Rows.</param>
    /// <param name="weights">B.</param>
    /// <param name="panelStart">First column panel.</param>
    /// <param name="panels">Number of column panels.</param>
    /// <param name="widened">Room for a block of a 16-bit panel in float; null for panels that are float.</param>
    /// <param name="c">Element (0, 0) of C; its rows hold whole panels.</param>
    /// <param name="stride">Floats between rows of C.</param>
    /// <param name="depthBlock">Depth of one block, a multiple of 16.</param>
    public static void Run(
        float* a, int rows, PackedMatrix weights, int panelStart, int panels, float* widened, float* c, nint stride, int depthBlock)
    {
        if (weights.Depth == 0)
        {
            for (var row = 0; row < rows; row++)
            {
                new Span<float>(c + (row * stride), panels * GemmLayout.PanelColumns).Clear();
            }
        }
        else if (Vector512.IsHardwareAccelerated)
        {
            Run<Lanes512, Vector512<float>>(a, rows, weights, panelStart, panels, widened, c, stride, depthBlock);
        }
        else if (Vector256.IsHardwareAccelerated)
        {
            Run<Lanes256, Vector256<float>>(a, rows, weights, panelStart, panels, widened, c, stride, depthBlock);
        }
        else
        {
            Run<Lanes128, Vector128<float>>(a, rows, weights, panelStart, panels, widened, c, stride, depthBlock);
        }
    }

    private static void Run<TLanes, TVector>(
        float* a, int rows, PackedMatrix weights, int panelStart, int panels, float* widened, float* c, nint stride, int depthBlock)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        var depth = weights.Depth;
        var rowPanelFloats = GemmLayout.RowPanelFloats(depth);
        var stepBytes = GemmLayout.PanelColumns * weights.Type.Size();
        var aheadStep = stepBytes / GemmLayout.RowPanels(rows);
        for (var panel = 0; panel < panels; panel++)
        {
            var source = weights.Panel(panelStart + panel);
            for (var start = 0; start < depth; start += depthBlock)
            {
                var steps = Math.Min(depthBlock, depth - start);
                var b = Widened(weights.Type, source, steps * GemmLayout.PanelColumns, widened);
                source += (nint)steps * stepBytes;
                var ahead = source;
                var rowPanel = a + ((long)start / GemmLayout.DepthGroup * GemmLayout.GroupFloats);
                var tile = c;
                for (var row = 0; row < rows; row += GemmLayout.PanelRows)
                {
                    var count = Math.Min(GemmLayout.PanelRows, rows - row);
                    Panel<TLanes, TVector>(rowPanel, b, tile, stride, count, steps, start > 0, ahead, aheadStep);
                    ahead += steps * aheadStep;
                    rowPanel += rowPanelFloats;
                    tile += GemmLayout.PanelRows * stride;
                }
            }

            c += GemmLayout.PanelColumns;
        }
    }

    private static float* Widened(DType type, byte* source, int count, float* widened)
    {
        switch (type)
        {
            case DType.F16:
                Widen<ElementF16>(source, count, widened);
                return widened;
            case DType.BF16:
                Widen<ElementBF16>(source, count, widened);
                return widened;
            default:
                return (float*)source;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Widen<T>(byte* source, int count, float* destination)
        where T : struct, IElement
    {
        for (var end = destination + count; destination < end; destination += 16)
        {
            T.Load(source).Store(destination);
            source += 16 * T.Size;
        }
    }

    // One row panel times one column panel: a single tile where there are 32 registers of 16 lanes, else several.
    private static void Panel<TLanes, TVector>(
        float* a, float* b, float* c, nint stride, int rows, int depth, bool resume, byte* ahead, nint aheadStep)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        var tileRows = MicroKernel<TLanes, TVector>.Rows;
        for (var column = 0; column < GemmLayout.PanelColumns; column += MicroKernel<TLanes, TVector>.Columns)
        {
            for (var row = 0; row < rows; row += tileRows)
            {
                Tile<TLanes, TVector>(
                    a + (row * GemmLayout.DepthGroup),
                    b + column,
                    c + (row * stride) + column,
                    stride,
                    Math.Min(tileRows, rows - row),
                    depth,
                    resume,
                    ahead,
                    aheadStep);
            }
        }
    }

    private static void Tile<TLanes, TVector>(
        float* a, float* b, float* c, nint stride, int rows, int depth, bool resume, byte* ahead, nint aheadStep)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
    {
        switch (rows)
        {
            case 1:
                MicroKernel<TLanes, TVector>.Run<Count1>(a, b, c, stride, depth, resume, ahead, aheadStep);
                break;
            case 2:
                MicroKernel<TLanes, TVector>.Run<Count2>(a, b, c, stride, depth, resume, ahead, aheadStep);
                break;
            case 3:
                MicroKernel<TLanes, TVector>.Run<Count3>(a, b, c, stride, depth, resume, ahead, aheadStep);
                break;
            case 4:
                MicroKernel<TLanes, TVector>.Run<Count4>(a, b, c, stride, depth, resume, ahead, aheadStep);
                break;
            case 5:
                MicroKernel<TLanes, TVector>.Run<Count5>(a, b, c, stride, depth, resume, ahead, aheadStep);
                break;
            case 6:
                MicroKernel<TLanes, TVector>.Run<Count6>(a, b, c, stride, depth, resume, ahead, aheadStep);
                break;
            case 7:
                MicroKernel<TLanes, TVector>.Run<Count7>(a, b, c, stride, depth, resume, ahead, aheadStep);
                break;
            case 8:
                MicroKernel<TLanes, TVector>.Run<Count8>(a, b, c, stride, depth, resume, ahead, aheadStep);
                break;
            case 9:
                MicroKernel<TLanes, TVector>.Run<Count9>(a, b, c, stride, depth, resume, ahead, aheadStep);
                break;
            case 10:
                MicroKernel<TLanes, TVector>.Run<Count10>(a, b, c, stride, depth, resume, ahead, aheadStep);
                break;
            case 11:
                MicroKernel<TLanes, TVector>.Run<Count11>(a, b, c, stride, depth, resume, ahead, aheadStep);
                break;
            default:
                MicroKernel<TLanes, TVector>.Run<Count12>(a, b, c, stride, depth, resume, ahead, aheadStep);
                break;
        }
    }
}
