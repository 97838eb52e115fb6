using Stof.Reference.Cpu.Threading;

namespace Stof.Reference.Cpu.Simd;

/// <summary>Packed rows that workers share, block after block; default for none.</summary>
internal readonly unsafe struct PackedBlocks(float* address, int rowBlock, int depth)
{
    /// <summary>False for default.</summary>
    public bool IsPresent => address is not null;

    /// <summary>Floats of so many rows in blocks.</summary>
    public static long Floats(int rows, int rowBlock, int depth) =>
        ((rows + (long)rowBlock - 1) / rowBlock) * GemmLayout.RowPanels(rowBlock) * GemmLayout.RowPanelFloats(depth);

    /// <summary>First row panel of a block.</summary>
    public float* Block(int index) => address + (index * GemmLayout.RowPanels(rowBlock) * GemmLayout.RowPanelFloats(depth));
}

/// <summary>Where a product's rows come from: a matrix, whose rows a worker packs for itself, or rows packed before.</summary>
/// <param name="matrix">The matrix; default if they are packed.</param>
/// <param name="prologue">Normalisation of its rows, if any.</param>
/// <param name="packed">The packed rows; default if they are not.</param>
/// <param name="count">Number of rows.</param>
internal readonly struct GemmRows(MatrixView matrix, PinnedNorm prologue, PackedBlocks packed, int count)
{
    public readonly MatrixView Matrix = matrix;
    public readonly PinnedNorm Prologue = prologue;
    public readonly PackedBlocks Packed = packed;
    public readonly int Count = count;
}

/// <summary>The tasks of one product: blocks of rows by blocks of column panels.</summary>
internal readonly unsafe struct GemmLoop : IParallelBody
{
    private readonly KernelWorkspace _workspace;
    private readonly GemmRows _rows;
    private readonly GemmStage _stage;
    private readonly PackedBlocks _next;
    private readonly int _rowBlock;
    private readonly int _panelBlock;
    private readonly int _rowTasks;
    private readonly int _columnTasks;
    private readonly int _group;
    private readonly long _ticket;

    /// <summary>Prepares a loop.</summary>
    /// <param name="workspace">Threads and scratch.</param>
    /// <param name="rows">A.</param>
    /// <param name="stage">The product.</param>
    /// <param name="rowBlock">Rows of a task.</param>
    /// <param name="panelBlock">Column panels of a task.</param>
    /// <param name="next">Where the result is packed for a next product; default if it is stored.</param>
    public GemmLoop(KernelWorkspace workspace, in GemmRows rows, in GemmStage stage, int rowBlock, int panelBlock, PackedBlocks next = default)
    {
        _workspace = workspace;
        _rows = rows;
        _stage = stage;
        _next = next;
        _rowBlock = Math.Min(rowBlock, rows.Count);
        _panelBlock = Math.Min(panelBlock, stage.OutputPanels);
        _rowTasks = (rows.Count + _rowBlock - 1) / _rowBlock;
        _columnTasks = (stage.OutputPanels + _panelBlock - 1) / _panelBlock;
        _group = Math.Min(_rowTasks, workspace.Pool.Threads);
        _ticket = workspace.NextTicket();
    }

    /// <summary>Runs all tasks.</summary>
    public void Run() => _workspace.Pool.Run(_rowTasks * _columnTasks, this);

    /// <inheritdoc/>
    public void Execute(int task, int worker)
    {
        // Workers that keep step keep their row block, which they pack once, and read the same column panels at the same time, each after the one
        // before: tasks go through as many row blocks as there are workers, then to the next columns.
        var first = task / (_group * _columnTasks) * _group;
        var group = Math.Min(_group, _rowTasks - first);
        var turn = task - (first * _columnTasks);
        var block = first + (turn % group);
        var rowStart = block * _rowBlock;
        var rows = Math.Min(_rowBlock, _rows.Count - rowStart);
        var packed = _rows.Packed.IsPresent ? _rows.Packed.Block(block) : PackedRows(worker, block, rowStart, rows);
        var panelStart = turn / group * _panelBlock;
        var panels = Math.Min(_panelBlock, _stage.OutputPanels - panelStart);
        if (_next.IsPresent)
        {
            _stage.RunPacked(_workspace, worker, packed, rows, panelStart, panels, _next.Block(block));
        }
        else
        {
            _stage.Run(_workspace, worker, packed, rowStart, rows, panelStart, panels);
        }
    }

    private float* PackedRows(int worker, int block, int rowStart, int rows)
    {
        var depth = _rows.Matrix.Columns;
        var packed = _workspace.Rent(
            worker, KernelWorkspace.Room.PackedRows, GemmLayout.RowPanels(rows) * GemmLayout.RowPanelFloats(depth));
        ref var key = ref _workspace.PackedKey(worker);
        if (key != (_ticket, block))
        {
            var scratch = _rows.Prologue.IsPresent ? _workspace.Rent(worker, KernelWorkspace.Room.Row, depth) : null;
            RowPacking.Run(_rows.Matrix.SliceRows(rowStart, rows), in _rows.Prologue, scratch, packed);
            key = (_ticket, block);
        }

        return packed;
    }
}

/// <summary>Runs the epilogue on sums that all workers have made, a few rows a task.</summary>
internal readonly struct GemmFinishLoop(WorkerPool pool, GemmStage stage, int rows) : IParallelBody
{
    // So many that a task is worth taking, and that two can be on their way.
    private const int MostRows = 16;

    private readonly int _block = Math.Clamp((rows + pool.Threads - 1) / pool.Threads, 1, MostRows);

    /// <summary>Runs all tasks.</summary>
    public void Run() => pool.Run((rows + _block - 1) / _block, this);

    /// <inheritdoc/>
    public void Execute(int task, int worker) => stage.Finish(task * _block, Math.Min(_block, rows - (task * _block)));
}
