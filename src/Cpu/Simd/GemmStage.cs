using Stof.Reference.Numerics;

namespace Stof.Reference.Cpu.Simd;

/// <summary>
/// One product with its epilogue, as a worker runs it on packed rows. A plain float product is accumulated in the output
/// itself. Any other is accumulated in the worker's scratch, a strip of columns that stays in cache at a time; the epilogue
/// reads it from there and stores once. Where workers share rows that a norm needs whole, the product is accumulated in sums
/// that all of them see, and the epilogue runs when all are there.
/// </summary>
internal readonly unsafe struct GemmStage
{
    // Long enough that the epilogue's start of a row is small beside its work on it, short enough for the cache.
    public const int StripPanels = 4;

    // What becomes packed rows has no rows of its own to begin.
    private const int PackedStripPanels = 8;

    private readonly PackedMatrix _weights;
    private readonly float* _bias;
    private readonly RowPipeline _pipeline;
    private readonly MatrixView _output;
    private readonly MatrixView _residual;
    private readonly MatrixView _preNorm;
    private readonly float* _sums;
    private readonly int _depthBlock;
    private readonly bool _needsWholeRows;
    private readonly bool _isPlain;

    /// <summary>Binds the operands of a run.</summary>
    /// <param name="weights">B.</param>
    /// <param name="bias">Bias, or null.</param>
    /// <param name="activation">Activation.</param>
    /// <param name="norm">Norm of the output rows, if any.</param>
    /// <param name="output">C; default where the rows are packed for a next product.</param>
    /// <param name="residual">Residual, if any.</param>
    /// <param name="preNorm">Where C goes before the norm, if anywhere.</param>
    /// <param name="depthBlock">Depth of a block.</param>
    /// <param name="sums">Room for <see cref="SumFloats"/>, if the epilogue runs after all tasks; else null.</param>
    public GemmStage(
        PackedMatrix weights,
        float* bias,
        Activation activation,
        PinnedNorm norm,
        MatrixView output,
        MatrixView residual,
        MatrixView preNorm,
        int depthBlock,
        float* sums = null)
    {
        _sums = sums;
        _weights = weights;
        _bias = bias;
        _output = output;
        _residual = residual;
        _preNorm = preNorm;
        _depthBlock = Math.Min(depthBlock, weights.Depth);
        _needsWholeRows = norm.IsPresent;
        _isPlain = output.IsPresent && output.Type == DType.F32 && bias is null && activation == Activation.None
            && !residual.IsPresent && !norm.IsPresent;
        var type = output.IsPresent ? output.Type : DType.F32;
        _pipeline = new RowPipeline(DType.F32, type, type, activation, norm);
    }

    /// <summary>Column panels of the output; with gated weights every one of them takes two panels of the product.</summary>
    public int OutputPanels => _weights.IsGated ? _weights.PanelCount / 2 : _weights.PanelCount;

    private int OutputColumns => _weights.IsGated ? _weights.Columns / 2 : _weights.Columns;

    /// <summary>Floats of the sums of a product of so many rows.</summary>
    public static long SumFloats(PackedMatrix weights, int rows) => (long)rows * Stride(weights.PanelCount);

    /// <summary>Computes a range of column panels for packed rows and stores them in the output matrix, or in the sums.</summary>
    public void Run(KernelWorkspace workspace, int worker, float* packed, int rowStart, int rows, int panelStart, int panels)
    {
        if (_sums is not null)
        {
            MultiplyBoth(workspace, worker, packed, rows, panelStart, panels, SumsAt(rowStart, panelStart), Stride(_weights.PanelCount), OutputPanels);
            return;
        }

        var end = panelStart + panels;
        if (_isPlain)
        {
            // The last panel may be wider than the output.
            var whole = Math.Min(end, OutputColumns / GemmLayout.PanelColumns) - panelStart;
            var c = (float*)At(_output, rowStart, panelStart * GemmLayout.PanelColumns, sizeof(float));
            Multiply(workspace, worker, packed, rows, panelStart, whole, c, _output.Stride);
            panelStart += whole;
        }

        var strip = _needsWholeRows ? panels : StripPanels;
        for (; panelStart < end; panelStart += strip)
        {
            RunStrip(workspace, worker, packed, rowStart, rows, panelStart, Math.Min(strip, end - panelStart));
        }
    }

    /// <summary>Runs the epilogue on whole rows of the sums.</summary>
    public void Finish(int rowStart, int rows)
    {
        var block = Sums(SumsAt(rowStart, 0), Stride(_weights.PanelCount), OutputPanels, 0, OutputPanels, rows);
        Store(ref block, rowStart, rows, 0);
    }

    private void RunStrip(
        KernelWorkspace workspace, int worker, float* packed, int rowStart, int rows, int panelStart, int panels)
    {
        var block = Accumulate(workspace, worker, packed, rows, panelStart, panels);
        Store(ref block, rowStart, rows, panelStart);
    }

    private void Store(ref RowBlock block, int rowStart, int rows, int panelStart)
    {
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

    /// <summary>As <see cref="Run"/>, but the result becomes the packed rows of a next product, whole panels of them, and is never stored as a matrix.</summary>
    public void RunPacked(
        KernelWorkspace workspace, int worker, float* packed, int rows, int panelStart, int panels, float* next)
    {
        for (var end = panelStart + panels; panelStart < end; panelStart += PackedStripPanels)
        {
            RunPackedStrip(workspace, worker, packed, rows, panelStart, Math.Min(PackedStripPanels, end - panelStart), next);
        }
    }

    private void RunPackedStrip(
        KernelWorkspace workspace, int worker, float* packed, int rows, int panelStart, int panels, float* next)
    {
        var block = Accumulate(workspace, worker, packed, rows, panelStart, panels);
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

    // One line more than the row needs: rows a multiple of 4 KiB apart would compete for the same cache sets.
    private static int Stride(int panels) => (panels * GemmLayout.PanelColumns) + 16;

    private float* SumsAt(int row, int panel) =>
        _sums + ((long)row * Stride(_weights.PanelCount)) + (panel * GemmLayout.PanelColumns);

    private static byte* At(in MatrixView view, int row, int column, int size) =>
        (byte*)view.Address + (row * view.StrideBytes) + ((nint)column * size);

    private RowBlock Accumulate(KernelWorkspace workspace, int worker, float* packed, int rows, int panelStart, int panels)
    {
        var stride = Stride(_weights.IsGated ? 2 * panels : panels);
        var sums = workspace.Rent(worker, KernelWorkspace.Room.Accumulators, (long)rows * stride);
        MultiplyBoth(workspace, worker, packed, rows, panelStart, panels, sums, stride, panels);
        return Sums(sums, stride, panels, panelStart, panels, rows);
    }

    // The sums of a gated product lie a number of panels behind its gate's.
    private RowBlock Sums(float* sums, int stride, int gatedPanels, int panelStart, int panels, int rows)
    {
        var column = panelStart * GemmLayout.PanelColumns;
        return new RowBlock
        {
            Map = new RowMapArguments
            {
                First = (byte*)sums,
                Second = (byte*)(sums + (gatedPanels * GemmLayout.PanelColumns)),
                InputStride = stride * sizeof(float),
                Bias = _bias is null ? null : _bias + column,
                SecondBias = _bias is null ? null : _bias + OutputColumns + column,
                Columns = Math.Min(panels * GemmLayout.PanelColumns, OutputColumns - column),
            },
            Scratch = sums,
            ScratchStride = stride,
            ScratchRows = rows,
        };
    }

    private void MultiplyBoth(
        KernelWorkspace workspace, int worker, float* packed, int rows, int panelStart, int panels, float* sums, int stride, int gatedPanels)
    {
        Multiply(workspace, worker, packed, rows, panelStart, panels, sums, stride);
        if (_weights.IsGated)
        {
            Multiply(workspace, worker, packed, rows, OutputPanels + panelStart, panels, sums + (gatedPanels * GemmLayout.PanelColumns), stride);
        }
    }

    private void Multiply(
        KernelWorkspace workspace, int worker, float* packed, int rows, int panelStart, int panels, float* c, nint stride)
    {
        var widened = _weights.Type == DType.F32 || rows <= GemmLayout.PanelRows
            ? null
            : workspace.Rent(worker, KernelWorkspace.Room.WidenedPanel, (long)_depthBlock * GemmLayout.PanelColumns);
        TileMultiply.Run(packed, rows, _weights, panelStart, panels, widened, c, stride, _depthBlock);
    }
}
