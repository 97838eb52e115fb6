namespace Stof.Reference.Cpu.Simd;

/// <summary>
/// How long a product takes on a number of workers, by counting. The unit is a step: the 32 multiply-adds of one row, one column panel and one k,
/// 0.54 ns on a core of 118 GFLOP/s. What every way to cut a product takes alike is left out: visits of the accumulators, the work of epilogues.
/// </summary>
internal static class GemmCost
{
    // Fewer rows than this wait for their own chains.
    private const int FewRows = 3;

    // The 128 bytes of a panel that a task needs at every k: asked for ahead of time but for its first block of the first panel, which comes at some
    // 25 GB/s. Asked for they are all but free on two threads; many workers share what brings them, on sixteen of a Xeon at some six steps.
    private const double PanelStep = 1;
    private const double PanelStepOfWorker = 0.25;
    private const int MostSharing = 16;
    private const double FirstPanelStep = 8;
    private const int FirstPanelDepth = 768;

    // An element of A: 0.1 ns from the caches of one's own core, 0.5 to 0.9 from those of another, where the operator before has left it.
    private const double PackedElement = 0.6;
    private const double NormedElement = 0.5;

    // Taking a task, and beginning a row of the epilogue for every strip of columns.
    private const double Task = 700;
    private const double StripRow = 32;

    // Beginning and ending a parallel loop: some 4 us on sixteen threads.
    private const double Loop = 7000;

    // Workers do not end together: the others wait for a share of a task that grows with their number (on sixteen a fifth), and for up to a whole one where
    // a worker is interrupted, every tenth of a second. So long work is cut finer than short work.
    private const double Tail = 0.05;
    private const double Interruptions = 5e-9;

    /// <summary>One loop over blocks of rows by blocks of column panels.</summary>
    /// <param name="work">The product.</param>
    /// <param name="rowBlock">Rows of a task.</param>
    /// <param name="panelBlock">Column panels of C of a task.</param>
    /// <param name="threads">Workers.</param>
    /// <param name="isPacked">True if A has been packed for all workers: they only fetch it.</param>
    public static double Blocks(in GemmWork work, int rowBlock, int panelBlock, int threads, bool isPacked = false)
    {
        var rows = Math.Min(rowBlock, Math.Max(1, work.Rows));
        var (rowTasks, columnTasks) = (Math.Max(1, GemmTiling.Ceiling(work.Rows, rows)), GemmTiling.Ceiling(work.Panels, panelBlock));
        var perElement = (work.NormalisesInput ? PackedElement + NormedElement : PackedElement) / (isPacked ? 2 : 1);
        var pack = perElement * work.Depth * rows;
        var begin = Task + (FirstPanelStep * Math.Min(work.Depth, FirstPanelDepth));
        var task = begin + Multiply(in work, rows, panelBlock, threads);
        var lastRows = Math.Max(1, work.Rows - ((rowTasks - 1) * rows));
        var whole = ((double)rowTasks * columnTasks * begin)
            + ((rowTasks - 1) * Multiply(in work, rows, work.Panels, threads)) + Multiply(in work, lastRows, work.Panels, threads);

        // A worker keeps its row block (GemmGrid); where blocks do not go into the workers, some help with another's.
        var others = rowTasks % threads;
        var packs = (rowTasks / threads)
            + (others == 0 ? 0 : threads % others == 0 ? 1 : Math.Min(others, GemmTiling.Ceiling(others * columnTasks, threads)));
        return Scheduled(rowTasks * columnTasks, task, whole, threads) + (packs * pack);
    }

    /// <summary>A loop over the rows of C that were left in float for others to normalise.</summary>
    public static double Finish(in GemmWork work, int threads) =>
        Loop + (PackedElement * GemmTiling.Ceiling(work.Rows, threads) * work.Columns * (work.IsGated ? 2 : 1));

    /// <summary>One loop over blocks of rows that take both products of a chain.</summary>
    /// <param name="first">The first product.</param>
    /// <param name="second">The second, as deep as the first has columns.</param>
    /// <param name="rowBlock">Rows of a task.</param>
    /// <param name="threads">Workers.</param>
    public static double Chain(in GemmWork first, in GemmWork second, int rowBlock, int threads)
    {
        var rows = Math.Min(rowBlock, Math.Max(1, first.Rows));
        var tasks = Math.Max(1, GemmTiling.Ceiling(first.Rows, rows));
        var pack = (first.NormalisesInput ? PackedElement + NormedElement : PackedElement) * first.Depth * rows;
        var task = Task + pack + Multiply(in first, rows, first.Panels, threads) + Multiply(in second, rows, second.Panels, threads);
        return Scheduled(tasks, task, tasks * task, threads);
    }

    private static double Multiply(in GemmWork work, int rows, int panels, int threads)
    {
        var last = rows % GemmLayout.PanelRows;
        var steps = rows - last + (last == 0 ? 0 : Math.Max(last, FewRows)) + PanelStep + (PanelStepOfWorker * Math.Min(threads, MostSharing));
        return ((work.IsGated ? 2.0 : 1.0) * panels * work.Depth * steps) + (StripRow * GemmTiling.Ceiling(panels, GemmStage.StripPanels) * rows);
    }

    // Workers that take a task when they are free end no later than either bound says; the second is the better one where the last blocks are short.
    private static double Scheduled(int tasks, double task, double whole, int threads)
    {
        var byRounds = GemmTiling.Ceiling(tasks, threads) * task;
        var byShare = (whole / threads) + (task * (threads - 1) / threads);
        var time = Math.Min(byRounds, byShare);
        return Loop + time + (threads > 1 ? task * ((Tail * Math.Log2(threads)) + (Interruptions * time)) : 0);
    }
}
