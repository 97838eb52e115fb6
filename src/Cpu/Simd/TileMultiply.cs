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
    /// <param name="widened">
    /// Room for a block of a 16-bit panel in float, which the first of several row panels widens for the others; null lets
    /// every row panel widen for itself.
    /// </param>
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
        switch (weights.Type)
        {
            case DType.F16:
                Run<TLanes, TVector, PanelF16>(a, rows, weights, panelStart, panels, widened, c, stride, depthBlock);
                break;
            case DType.BF16:
                Run<TLanes, TVector, PanelBF16>(a, rows, weights, panelStart, panels, widened, c, stride, depthBlock);
                break;
            default:
                Run<TLanes, TVector, PanelF32>(a, rows, weights, panelStart, panels, null, c, stride, depthBlock);
                break;
        }
    }

    private static void Run<TLanes, TVector, TPanel>(
        float* a, int rows, PackedMatrix weights, int panelStart, int panels, float* widened, float* c, nint stride, int depthBlock)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
        where TPanel : struct, IPanelType
    {
        var depth = weights.Depth;
        for (var panel = 0; panel < panels; panel++)
        {
            var block = new MicroTile
            {
                A = a,
                B = weights.Panel(panelStart + panel),
                HalfFactor = weights.HalfFactor,
                C = c + (panel * GemmLayout.PanelColumns),
                Stride = stride,
                AheadStep = TPanel.StepBytes / GemmLayout.RowPanels(rows),
            };
            for (var start = 0; start < depth; start += depthBlock)
            {
                block.Depth = Math.Min(depthBlock, depth - start);
                var next = block.B + ((nint)block.Depth * TPanel.StepBytes);
                block.Ahead = next;
                if (widened is null)
                {
                    RowPanels<TLanes, TVector, TPanel>(in block, 0, rows, depth);
                }
                else
                {
                    // The first row panel widens, in the shadow of its multiplications, for all the others.
                    block.Kept = widened;
                    RowPanels<TLanes, TVector, PanelKept<TPanel>>(in block, 0, GemmLayout.PanelRows, depth);
                    block.B = (byte*)widened;
                    RowPanels<TLanes, TVector, PanelF32>(in block, GemmLayout.PanelRows, rows, depth);
                }

                block.A += (long)block.Depth / GemmLayout.DepthGroup * GemmLayout.GroupFloats;
                block.B = next;
                block.Resume = true;
            }
        }
    }

    // One block of a column panel times rows [from, to).
    private static void RowPanels<TLanes, TVector, TPanel>(in MicroTile block, int from, int to, int depth)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
        where TPanel : struct, IPanelType
    {
        var panel = block;
        var first = from / GemmLayout.PanelRows;
        panel.A += first * GemmLayout.RowPanelFloats(depth);
        panel.C += from * panel.Stride;
        panel.Ahead += first * panel.Depth * panel.AheadStep;
        for (var row = from; row < to; row += GemmLayout.PanelRows)
        {
            RowPanel<TLanes, TVector, TPanel>(in panel, Math.Min(GemmLayout.PanelRows, to - row));
            panel.A += GemmLayout.RowPanelFloats(depth);
            panel.C += GemmLayout.PanelRows * panel.Stride;
            panel.Ahead += panel.Depth * panel.AheadStep;
        }
    }

    // A single tile where there are 32 registers of sixteen lanes, else several.
    private static void RowPanel<TLanes, TVector, TPanel>(in MicroTile panel, int rows)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
        where TPanel : struct, IPanelType
    {
        var tile = panel;
        for (var column = 0; column < GemmLayout.PairDistance; column += TLanes.Width)
        {
            for (var row = 0; row < rows; row += MicroKernel<TLanes, TVector>.Rows)
            {
                tile.A = panel.A + (row * GemmLayout.DepthGroup);
                tile.B = panel.B + (column * sizeof(float));
                tile.Kept = panel.Kept + column;
                tile.C = panel.C + (row * panel.Stride) + column;
                Tile<TLanes, TVector, TPanel>(in tile, Math.Min(MicroKernel<TLanes, TVector>.Rows, rows - row));
            }
        }
    }

    private static void Tile<TLanes, TVector, TPanel>(in MicroTile tile, int rows)
        where TLanes : struct, IVectorLanes<TVector>
        where TVector : struct
        where TPanel : struct, IPanelType
    {
        switch (rows)
        {
            case 1:
                MicroKernel<TLanes, TVector>.Run<Count1, TPanel>(in tile);
                break;
            case 2:
                MicroKernel<TLanes, TVector>.Run<Count2, TPanel>(in tile);
                break;
            case 3:
                MicroKernel<TLanes, TVector>.Run<Count3, TPanel>(in tile);
                break;
            case 4:
                MicroKernel<TLanes, TVector>.Run<Count4, TPanel>(in tile);
                break;
            case 5:
                MicroKernel<TLanes, TVector>.Run<Count5, TPanel>(in tile);
                break;
            case 6:
                MicroKernel<TLanes, TVector>.Run<Count6, TPanel>(in tile);
                break;
            case 7:
                MicroKernel<TLanes, TVector>.Run<Count7, TPanel>(in tile);
                break;
            case 8:
                MicroKernel<TLanes, TVector>.Run<Count8, TPanel>(in tile);
                break;
            case 9:
                MicroKernel<TLanes, TVector>.Run<Count9, TPanel>(in tile);
                break;
            case 10:
                MicroKernel<TLanes, TVector>.Run<Count10, TPanel>(in tile);
                break;
            case 11:
                MicroKernel<TLanes, TVector>.Run<Count11, TPanel>(in tile);
                break;
            default:
                MicroKernel<TLanes, TVector>.Run<Count12, TPanel>(in tile);
                break;
        }
    }
}
