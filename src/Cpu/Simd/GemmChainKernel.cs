using Stof.Reference.Cpu.Threading;

namespace Stof.Reference.Cpu.Simd;

/// <summary>
/// C = epilogue₂(act(prologue(A)·B₁ + b₁)·B₂): two products in one pass over the rows. The intermediate rows stay in float in
/// the scratch of their worker, already in the layout that the second product reads; they are never stored as a matrix, and
/// F16 or BF16 outputs are rounded once instead of twice.
/// </summary>
/// <remarks>Not thread-safe: kernels of one workspace run one after the other.</remarks>
public sealed unsafe class GemmChainKernel
{
    private const int DefaultRowBlock = 96; // 3,072 intermediate columns then take 1.2 MB of a 2 MB second-level cache
    private const int IntermediateColumnBlock = 256;
    private const int OutputColumnBlock = 512;

    private readonly PackedMatrix _first;
    private readonly PackedMatrix _second;
    private readonly KernelWorkspace _workspace;
    private readonly RowNorm? _prologue;
    private readonly GemmEpilogue _middle;
    private readonly GemmEpilogue _epilogue;
    private readonly int? _rowBlock;
    private readonly int _depthBlock;

    /// <summary>Binds weights and parameters; nothing is computed yet.</summary>
    /// <param name="first">B₁ [K, F], or gated [K, 2F] with SwiGLU.</param>
    /// <param name="second">B₂ [F, N].</param>
    /// <param name="workspace">Threads and scratch.</param>
    /// <param name="middle">Bias and activation between the products; its norm must be absent.</param>
    /// <param name="prologue">Normalisation of A's rows; null for none.</param>
    /// <param name="epilogue">What happens to C's rows before the store; null for nothing.</param>
    /// <param name="rowBlock">Rows per task, rounded up to a multiple of 12; null chooses from the shape of each run.</param>
    /// <param name="depthBlock">As <see cref="GemmTiling.DepthBlock"/>.</param>
    /// <exception cref="InvalidInputException">Shapes or parameter lengths do not fit, or a block is not positive.</exception>
    public GemmChainKernel(
        PackedMatrix first,
        PackedMatrix second,
        KernelWorkspace workspace,
        GemmEpilogue? middle = null,
        RowNorm? prologue = null,
        GemmEpilogue? epilogue = null,
        int? rowBlock = null,
        int depthBlock = 256)
    {
        ArgumentNullException.ThrowIfNull(first);
        ArgumentNullException.ThrowIfNull(second);
        ArgumentNullException.ThrowIfNull(workspace);
        _first = first;
        _second = second;
        _workspace = workspace;
        _middle = middle ?? GemmEpilogue.Empty;
        _prologue = prologue;
        _epilogue = epilogue ?? GemmEpilogue.Empty;
        var tiling = new GemmTiling(rowBlock ?? DefaultRowBlock, depthBlock, OutputColumnBlock).Rounded();
        _rowBlock = rowBlock is null ? null : tiling.RowBlock;
        _depthBlock = tiling.DepthBlock;
        prologue?.Require(nameof(prologue), first.Depth);
        _middle.Require(nameof(middle), first);
        _epilogue.Require(nameof(epilogue), second);
        if (_middle.Norm is not null)
        {
            throw new InvalidInputException($"{nameof(middle)}.{nameof(_middle.Norm)}", "a norm", "none between the products");
        }

        if (_middle.OutputColumns(first.Columns) != second.Depth)
        {
            throw new InvalidInputException(
                nameof(second), $"depth {second.Depth}", $"{_middle.OutputColumns(first.Columns)}, the intermediate columns");
        }
    }

    /// <summary>Columns of C.</summary>
    public int OutputColumns => _epilogue.OutputColumns(_second.Columns);

    /// <summary>Computes C.</summary>
    /// <inheritdoc cref="GemmKernel.Run"/>
    public void Run(MatrixView a, MatrixView c, MatrixView residual = default, MatrixView preNorm = default)
    {
        GemmKernel.Check(a, c, residual, preNorm, _first.Depth, OutputColumns, _epilogue.Norm is not null);
        if (a.Rows == 0 || OutputColumns == 0)
        {
            return;
        }

        using var prologue = new PinnedNorm(_prologue);
        using var norm = new PinnedNorm(_epilogue.Norm);
        using var middleBias = _middle.Bias.AsMemory().Pin();
        using var bias = _epilogue.Bias.AsMemory().Pin();
        var rowBlock = _rowBlock ?? BalancedRowBlock(a.Rows);
        var middle = new GemmStage(
            _first, (float*)middleBias.Pointer, _middle.Activation, default, default, default, default, _depthBlock);
        var last = new GemmStage(
            _second, (float*)bias.Pointer, _epilogue.Activation, norm, c, residual, preNorm, _depthBlock);
        var outputBlock = norm.IsPresent ? last.OutputPanels : OutputColumnBlock / GemmLayout.PanelColumns;
        var job = new Job(_workspace, a, prologue, middle, last, _second.Depth, rowBlock, outputBlock);
        _workspace.Pool.Run((a.Rows + rowBlock - 1) / rowBlock, job);
        GC.KeepAlive(_first);
        GC.KeepAlive(_second);
    }

    // As few blocks as the default allows, but one for every thread.
    private int BalancedRowBlock(int rows)
    {
        var panels = GemmLayout.RowPanels(rows);
        var threads = _workspace.Pool.Threads;
        var blocks = (panels * GemmLayout.PanelRows + DefaultRowBlock - 1) / DefaultRowBlock;
        blocks = Math.Min(panels, (blocks + threads - 1) / threads * threads);
        return (panels + blocks - 1) / blocks * GemmLayout.PanelRows;
    }

    private readonly struct Job(
        KernelWorkspace workspace,
        MatrixView a,
        PinnedNorm prologue,
        GemmStage middle,
        GemmStage last,
        int middleColumns,
        int rowBlock,
        int outputBlock) : IParallelBody
    {
        public void Execute(int task, int worker)
        {
            var rowStart = task * rowBlock;
            var rows = Math.Min(rowBlock, a.Rows - rowStart);
            var rowPanels = GemmLayout.RowPanels(rows);
            var packed = workspace.Rent(
                worker, KernelWorkspace.Room.PackedRows, rowPanels * GemmLayout.RowPanelFloats(a.Columns));
            var scratch = prologue.IsPresent ? workspace.Rent(worker, KernelWorkspace.Room.Row, a.Columns) : null;
            workspace.PackedKey(worker) = default; // these packed rows are no GemmKernel's
            RowPacking.Run(a.SliceRows(rowStart, rows), in prologue, scratch, packed);

            var between = workspace.Rent(
                worker, KernelWorkspace.Room.PackedIntermediate, rowPanels * GemmLayout.RowPanelFloats(middleColumns));
            const int MiddleBlock = IntermediateColumnBlock / GemmLayout.PanelColumns;
            for (var panel = 0; panel < middle.OutputPanels; panel += MiddleBlock)
            {
                var panels = Math.Min(MiddleBlock, middle.OutputPanels - panel);
                middle.RunPacked(workspace, worker, packed, rows, panel, panels, between);
            }

            for (var panel = 0; panel < last.OutputPanels; panel += outputBlock)
            {
                var panels = Math.Min(outputBlock, last.OutputPanels - panel);
                last.Run(workspace, worker, between, rowStart, rows, panel, panels);
            }
        }
    }
}
