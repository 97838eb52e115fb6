using Stof.Reference.Cpu.Threading;

namespace Stof.Reference.Cpu.Simd;

/// <summary>The tasks of one product: blocks of rows by blocks of column panels.</summary>
internal readonly unsafe struct GemmLoop : IParallelBody
{
    private readonly KernelWorkspace _workspace;
    private readonly GemmRows _rows;
    private readonly GemmStage _stage;
    private readonly PackedBlocks _next;
    private readonly GemmGrid _grid;
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
        var counts = (int*)workspace.Rent(KernelWorkspace.SharedRoom.Counts, GemmGrid.Counts(rows.Count, rowBlock));
        _grid = new GemmGrid(rows.Count, stage.OutputPanels, rowBlock, panelBlock, counts);
        _ticket = workspace.NextTicket();
    }

    /// <summary>Runs all tasks.</summary>
    public void Run() => _workspace.Pool.Run(_grid.Tasks, this);

    /// <inheritdoc/>
    public void Execute(int task, int worker)
    {
        ref var key = ref _workspace.PackedKey(worker);
        var own = key.Ticket == _ticket ? key.Block : -1;
        var taken = _grid.Take(own);
        var packed = _rows.Packed.IsPresent ? _rows.Packed.Block(taken.Block) : Packed(worker, in taken, isPacked: taken.Block == own);
        key = (_ticket, taken.Block);
        if (_next.IsPresent)
        {
            _stage.RunPacked(_workspace, worker, packed, taken.Rows, taken.PanelStart, taken.Panels, _next.Block(taken.Block));
        }
        else
        {
            _stage.Run(_workspace, worker, packed, taken.RowStart, taken.Rows, taken.PanelStart, taken.Panels);
        }
    }

    private float* Packed(int worker, in GemmTask task, bool isPacked)
    {
        var depth = _rows.Matrix.Columns;
        var packed = _workspace.Rent(
            worker, KernelWorkspace.Room.PackedRows, GemmLayout.RowPanels(task.Rows) * GemmLayout.RowPanelFloats(depth));
        if (!isPacked)
        {
            var scratch = _rows.Prologue.IsPresent ? _workspace.Rent(worker, KernelWorkspace.Room.Row, depth) : null;
            RowPacking.Run(_rows.Matrix.SliceRows(task.RowStart, task.Rows), in _rows.Prologue, scratch, packed);
        }

        return packed;
    }
}
