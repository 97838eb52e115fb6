namespace Stof.Reference.Cpu.Simd;

/// <summary>One task of a product: a block of rows by a range of column panels.</summary>
internal readonly record struct GemmTask(int Block, int RowStart, int Rows, int PanelStart, int Panels);

/// <summary>
/// The tasks of one product. A worker goes through the columns of one row block, which it packs once, and then begins a block that nobody has begun;
/// where there is none it helps with the one that has most left.
/// </summary>
internal readonly unsafe struct GemmGrid
{
    // What workers count up lies on lines of its own: first the blocks that have been begun, then for each block the column tasks that have been taken.
    private const int Line = 32;

    private readonly int _rows;
    private readonly int _panels;
    private readonly int _rowBlock;
    private readonly int _panelBlock;
    private readonly int _rowTasks;
    private readonly int _columnTasks;
    private readonly int* _counts;

    /// <summary>Cuts a product.</summary>
    /// <param name="rows">Rows of C, 1 or more.</param>
    /// <param name="panels">Column panels of C, 1 or more.</param>
    /// <param name="rowBlock">Rows of a task.</param>
    /// <param name="panelBlock">Column panels of a task.</param>
    /// <param name="counts">Room for <see cref="Counts"/> numbers, which workers share.</param>
    public GemmGrid(int rows, int panels, int rowBlock, int panelBlock, int* counts)
    {
        _rows = rows;
        _panels = panels;
        _rowBlock = Math.Min(rowBlock, rows);
        _panelBlock = Math.Min(panelBlock, panels);
        _rowTasks = (rows + _rowBlock - 1) / _rowBlock;
        _columnTasks = (panels + _panelBlock - 1) / _panelBlock;
        _counts = counts;
        for (var block = -1; block < _rowTasks; block++)
        {
            Count(block) = 0;
        }
    }

    /// <summary>Number of tasks.</summary>
    public int Tasks => _rowTasks * _columnTasks;

    /// <summary>Numbers that a grid counts with.</summary>
    public static long Counts(int rows, int rowBlock) => Line * (((rows + (long)rowBlock - 1) / rowBlock) + 1);

    /// <summary>Takes a task; may be called as often as there are <see cref="Tasks"/>, by all workers at the same time.</summary>
    /// <param name="block">The worker's row block, −1 for none yet.</param>
    public GemmTask Take(int block)
    {
        if (block >= 0 && TryTake(block, out var column))
        {
            return Task(block, column);
        }

        while (true)
        {
            block = Volatile.Read(ref Count(-1)) < _rowTasks ? Interlocked.Increment(ref Count(-1)) - 1 : _rowTasks;
            block = block < _rowTasks ? block : WithMostLeft();
            if (TryTake(block, out column))
            {
                return Task(block, column);
            }
        }
    }

    private bool TryTake(int block, out int column)
    {
        column = Interlocked.Increment(ref Count(block)) - 1;
        return column < _columnTasks;
    }

    private int WithMostLeft()
    {
        var (best, least) = (0, int.MaxValue);
        for (var block = 0; block < _rowTasks; block++)
        {
            var taken = Volatile.Read(ref Count(block));
            (best, least) = taken < least ? (block, taken) : (best, least);
        }

        return best;
    }

    private ref int Count(int block) => ref _counts[(block + 1) * Line];

    private GemmTask Task(int block, int column)
    {
        var (row, panel) = (block * _rowBlock, column * _panelBlock);
        return new GemmTask(block, row, Math.Min(_rowBlock, _rows - row), panel, Math.Min(_panelBlock, _panels - panel));
    }
}
