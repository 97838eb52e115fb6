using Stof.Reference.Numerics;

namespace Stof.Reference.Cpu.Simd;

/// <summary>
/// One product with its epilogue, as a worker runs it on packed rows: the accumulators stay in the worker's scratch, the
/// epilogue reads them from there and stores once.
/// </summary>
internal readonly unsafe struct GemmStage
{
    private readonly PackedMatrix _weights;
    private readonly float* _bias;
    private readonly RowPipeline _pipeline;
    private readonly MatrixView _output;
    private readonly MatrixView _residual;
    private readonly MatrixView _preNorm;
    private readonly int _depthBlock;

    public GemmStage(
        PackedMatrix weights,
        float* bias,
        Activation activation,
        PinnedNorm norm,
        MatrixView output,
        MatrixView residual,
        MatrixView preNorm,
        int depthBlock)
    {
        _weights = weights;
        _bias = bias;
        _output = output;
        _residual = residual;
        _preNorm = preNorm;
        _depthBlock = depthBlock;
        var type = output.IsPresent ? output.Type : DType.F32;
        _pipeline = new RowPipeline(DType.F32, type, type, activation, norm);
    }

    /// <summary>Column panels of the output; with gated weights every one of them takes two panels of the product.</summary>
    public int OutputPanels => _weights.IsGated ? _weights.PanelCount / 2 : _weights.PanelCount;

    private int OutputColumns => _weights.IsGated ? _weights.Columns / 2 : _weights.Columns;

    /// <summary>Computes a range of column panels for packed rows and stores them in the output matrix.</summary>
    public void Run(KernelWorkspace workspace, int worker, float* packed, int rowStart, int rows, int panelStart, int panels)
    {
        var block = Multiply(workspace, worker, packed, rows, panelStart, panels);
        var column = panelStart * GemmLayout.PanelColumns;
        var size = _output.Type.Size();
        block.Map.Rows = rows;
        block.Map.Output = At(_output, rowStart, column, size);
        block.Map.OutputStride = _output.StrideBytes;
        block.Map.OutputGroupStride = GemmLayout.DepthGroup * size;
        if (_residual.IsPresent)
        {
            block.Map.Residual = At(_residual, rowStart, column, size);
            block.Map.ResidualStride = _residual.StrideBytes;
        }

        if (_preNorm.IsPresent)
        {
            block.PreNorm = At(_preNorm, rowStart, column, size);
            block.PreNormStride = _preNorm.StrideBytes;
        }

        _pipeline.Run(in block);
    }

    /// <summary>As <see cref="Run"/>, but the result becomes the packed rows of a next product and never leaves the cache.</summary>
    public void RunPacked(
        KernelWorkspace workspace, int worker, float* packed, int rows, int panelStart, int panels, float* next)
    {
        var block = Multiply(workspace, worker, packed, rows, panelStart, panels);
        var first = block.Map.First;
        var second = block.Map.Second;
        var groups = panelStart * (GemmLayout.PanelColumns / GemmLayout.DepthGroup);
        block.Map.OutputStride = GemmLayout.DepthGroup * sizeof(float);
        block.Map.OutputGroupStride = GemmLayout.GroupFloats * sizeof(float);
        for (var row = 0; row < rows; row += GemmLayout.PanelRows)
        {
            var panel = next + (row / GemmLayout.PanelRows * GemmLayout.RowPanelFloats(OutputColumns));
            block.Map.First = first + (row * block.Map.InputStride);
            block.Map.Second = second + (row * block.Map.InputStride);
            block.Map.Output = (byte*)(panel + (groups * GemmLayout.GroupFloats));
            block.Map.Rows = Math.Min(GemmLayout.PanelRows, rows - row);
            _pipeline.Run(in block);
        }
    }

    private static byte* At(in MatrixView view, int row, int column, int size) =>
        (byte*)view.Address + (row * view.StrideBytes) + ((nint)column * size);

    private RowBlock Multiply(KernelWorkspace workspace, int worker, float* packed, int rows, int panelStart, int panels)
    {
        var width = panels * GemmLayout.PanelColumns;
        var panelFloats = (long)_weights.Depth * GemmLayout.PanelColumns;

        // One line more than the row needs: rows a multiple of 4 KiB apart would compete for the same cache sets.
        var stride = (_weights.IsGated ? 2 * width : width) + 16;
        var rowsStored = GemmLayout.RowPanels(rows) * GemmLayout.PanelRows;
        var sums = workspace.Rent(worker, KernelWorkspace.Room.Accumulators, (long)rowsStored * stride);
        var b = _weights.Panels + (panelStart * panelFloats);
        TileMultiply.Run(packed, rows, _weights.Depth, b, panels, sums, stride, _depthBlock);
        if (_weights.IsGated)
        {
            b += OutputPanels * panelFloats;
            TileMultiply.Run(packed, rows, _weights.Depth, b, panels, sums + width, stride, _depthBlock);
        }

        var column = panelStart * GemmLayout.PanelColumns;
        return new RowBlock
        {
            Map = new RowMapArguments
            {
                First = (byte*)sums,
                Second = (byte*)(sums + width),
                InputStride = stride * sizeof(float),
                Bias = _bias is null ? null : _bias + column,
                SecondBias = _bias is null ? null : _bias + OutputColumns + column,
                Columns = Math.Min(width, OutputColumns - column),
            },
            Scratch = sums,
            ScratchStride = stride,
        };
    }
}
