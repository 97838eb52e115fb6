using Stof.Reference.Cpu.Threading;

namespace Stof.Reference.Cpu.Simd;

/// <summary>
/// C = epilogue₂(act(prologue(A)·B₁ + b₁)·B₂): two products in one pass over the rows. The intermediate rows stay in float in
/// the scratch of their worker, already in the layout that the second product reads; they are never stored as a matrix, and
/// F16 or BF16 outputs are rounded once instead of twice. Where rows are too few for the workers, these share the intermediate
/// rows instead, with the same bits: all of the first product, then all of the second.
/// </summary>
/// <remarks>Not thread-safe: kernels of one workspace run one after the other.</remarks>
public sealed unsafe class GemmChainKernel
{
    private readonly PackedMatrix _first;
    private readonly PackedMatrix _second;
    private readonly KernelWorkspace _workspace;
    private readonly RowNorm? _prologue;
    private readonly GemmEpilogue _middle;
    private readonly GemmEpilogue _epilogue;
    private readonly GemmChainTiling? _tiling;
    private readonly int _depthBlock;
    private GemmChainTiling? _automatic; // of the last run
    private int _automaticRows;

    /// <summary>Binds weights and parameters; nothing is computed yet.</summary>
    /// <param name="first">B₁ [K, F], or gated [K, 2F] with SwiGLU.</param>
    /// <param name="second">B₂ [F, N].</param>
    /// <param name="workspace">Threads and scratch.</param>
    /// <param name="middle">Bias and activation between the products; its norm must be absent.</param>
    /// <param name="prologue">Normalisation of A's rows; null for none.</param>
    /// <param name="epilogue">What happens to C's rows before the store; null for nothing.</param>
    /// <param name="rowBlock">Rows that a task takes through both products; null chooses from the shape of each run.</param>
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
        _depthBlock = new GemmTiling(rowBlock ?? 1, depthBlock, 1).Rounded().DepthBlock;
        _tiling = rowBlock is { } rows ? new GemmChainTiling(rows, null) : null;
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
        var tiling = _tiling ?? Automatic(a.Rows);
        var middle = new GemmStage(
            _first, (float*)middleBias.Pointer, _middle.Activation, default, default, default, default, _depthBlock);
        var finishes = norm.IsPresent && tiling.Panels is { } blocks && blocks.Second < GemmLayout.Panels(OutputColumns);
        var sums = finishes
            ? _workspace.Rent(KernelWorkspace.SharedRoom.Sums, GemmStage.SumFloats(_second, a.Rows))
            : null;
        var last = new GemmStage(
            _second, (float*)bias.Pointer, _epilogue.Activation, norm, c, residual, preNorm, _depthBlock, sums);
        if (tiling.Panels is { } panels)
        {
            RunApart(a, prologue, in middle, in last, Math.Min(tiling.RowBlock, a.Rows), panels);
        }
        else
        {
            var job = new Job(_workspace, a, prologue, middle, last, _second.Depth, Math.Min(tiling.RowBlock, a.Rows));
            _workspace.Pool.Run(job.Tasks, job);
        }

        if (finishes)
        {
            new GemmFinishLoop(_workspace.Pool, last, a.Rows).Run();
        }

        GC.KeepAlive(_first);
        GC.KeepAlive(_second);
    }

    private void RunApart(
        MatrixView a, PinnedNorm prologue, in GemmStage middle, in GemmStage last, int rowBlock, (int First, int Second) panels)
    {
        var depth = _second.Depth;
        var room = _workspace.Rent(
            KernelWorkspace.SharedRoom.PackedIntermediate, PackedBlocks.Floats(a.Rows, rowBlock, depth));
        var between = new PackedBlocks(room, rowBlock, depth);
        var source = new GemmRows(a, prologue, default, a.Rows);
        new GemmLoop(_workspace, in source, in middle, rowBlock, panels.First, between).Run();
        var packed = new GemmRows(default, default, between, a.Rows);
        new GemmLoop(_workspace, in packed, in last, rowBlock, panels.Second).Run();
    }

    private GemmChainTiling Automatic(int rows)
    {
        if (_automatic is null || _automaticRows != rows)
        {
            var first = new GemmWork(rows, _second.Depth, _first.Depth)
            {
                IsGated = _first.IsGated,
                NormalisesInput = _prologue is not null,
            };
            var second = new GemmWork(rows, OutputColumns, _second.Depth)
            {
                IsGated = _second.IsGated,
                NormalisesOutput = _epilogue.Norm is not null,
            };
            _automatic = GemmChainTiling.For(in first, in second, _workspace.Pool.Threads);
            _automaticRows = rows;
        }

        return _automatic;
    }

    private readonly struct Job(
        KernelWorkspace workspace,
        MatrixView a,
        PinnedNorm prologue,
        GemmStage middle,
        GemmStage last,
        int middleColumns,
        int rowBlock) : IParallelBody
    {
        public int Tasks => (a.Rows + rowBlock - 1) / rowBlock;

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
            middle.RunPacked(workspace, worker, packed, rows, 0, middle.OutputPanels, between);
            last.Run(workspace, worker, between, rowStart, rows, 0, last.OutputPanels);
        }
    }
}
