namespace Stof.Reference.Cpu.Simd;

/// <summary>
/// How a GEMM is cut into tasks. None of the three changes a bit of the result.
/// </summary>
/// <param name="RowBlock">Rows of C per task; rounded up to whole panels of 12.</param>
/// <param name="DepthBlock">
/// Products per element between two visits of the accumulator scratch; rounded up to a multiple of 16. A column panel of this
/// depth (128 bytes per step) should leave most of the second-level cache to packed rows.
/// </param>
/// <param name="ColumnBlock">
/// Columns of C per task; rounded up to whole panels of 32. Ignored where a task must own whole rows (norm epilogue).
/// </param>
public sealed record GemmTiling(int RowBlock, int DepthBlock, int ColumnBlock)
{
    private const int MaximumRowBlock = 192; // a 16-bit panel is widened once for all of them
    private const int MinimumRowBlock = 48;
    private const int MinimumDepthBlock = 128; // the accumulators travel once a block
    private const int MaximumDepthBlock = 768;
    private const int DepthStep = 64;
    private const int MaximumColumnBlock = 768;
    private const int MinimumColumnBlock = 128;
    private const int TasksPerThread = 3; // enough to even out a worker that is interrupted

    /// <summary>Block sizes for a product [m, k]·[k, n] on a number of threads.</summary>
    /// <param name="m">Rows of C.</param>
    /// <param name="n">Columns of C.</param>
    /// <param name="k">Depth.</param>
    /// <param name="threads">Workers.</param>
    /// <param name="wholeRows">True if a task must own whole rows.</param>
    /// <param name="caches">What the blocks should fit; null for this machine's.</param>
    public static GemmTiling For(int m, int n, int k, int threads, bool wholeRows, CacheSizes? caches = null)
    {
        caches ??= CacheSizes.OfThisMachine;

        // Three quarters of the second level for the packed rows; the rest is for panels and output on their way through.
        var widest = (int)Math.Clamp(caches.SecondLevel / 4 * 3 / (sizeof(float) * Math.Max(k, 1L)), MinimumRowBlock, MaximumRowBlock);
        var rowPanels = Math.Max(1, GemmLayout.RowPanels(m));
        var rowTasks = Split(rowPanels, widest / GemmLayout.PanelRows, wholeRows && threads > 1 ? threads : 1);
        var rowBlock = Ceiling(rowPanels, rowTasks) * GemmLayout.PanelRows;

        var columnPanels = Math.Max(1, GemmLayout.Panels(n));
        var wanted = threads > 1 ? Ceiling(TasksPerThread * threads, rowTasks) : 1;
        var narrowest = Math.Max(1, Math.Min(MinimumColumnBlock / GemmLayout.PanelColumns, Ceiling(columnPanels, threads)));
        var columnTasks = Math.Min(wanted, Math.Max(1, columnPanels / narrowest));
        columnTasks = Split(columnPanels, MaximumColumnBlock / GemmLayout.PanelColumns, columnTasks);
        return new GemmTiling(rowBlock, DepthBlockFor(caches, k), Ceiling(columnPanels, columnTasks) * GemmLayout.PanelColumns);
    }

    /// <summary>Rounds the blocks to what the layouts allow.</summary>
    /// <exception cref="InvalidInputException">A block is not positive.</exception>
    internal GemmTiling Rounded()
    {
        Require(nameof(RowBlock), RowBlock);
        Require(nameof(DepthBlock), DepthBlock);
        Require(nameof(ColumnBlock), ColumnBlock);
        return new GemmTiling(
            RoundUp(RowBlock, GemmLayout.PanelRows),
            RoundUp(DepthBlock, GemmLayout.DepthGroup),
            RoundUp(ColumnBlock, GemmLayout.PanelColumns));
    }

    // Equal blocks of the depth, whose column panel takes about a tenth of the second level, from where the kernel asks for it ahead of time:
    // a shorter one, kept in the first level, costs more visits of the accumulators than it saves.
    private static int DepthBlockFor(CacheSizes caches, int k)
    {
        var longest = (int)Math.Clamp(caches.SecondLevel / 32 * 3 / (sizeof(float) * GemmLayout.PanelColumns), MinimumDepthBlock, MaximumDepthBlock);
        var blocks = Math.Max(1, Ceiling(k, longest));
        return Math.Max(MinimumDepthBlock, Ceiling(Ceiling(k, blocks), DepthStep) * DepthStep);
    }

    private static int Ceiling(int value, int divisor) => (value + divisor - 1) / divisor;

    // The number of equal parts: none larger than `largest`, and a multiple of `multiple` if there is that much to share.
    private static int Split(int total, int largest, int multiple)
    {
        var parts = Ceiling(total, Math.Max(1, largest));
        return Math.Min(total, Ceiling(parts, multiple) * multiple);
    }

    private static int RoundUp(int value, int multiple) =>
        (int)Math.Min(((long)value + multiple - 1) / multiple * multiple, int.MaxValue / multiple * multiple);

    private static void Require(string name, int value)
    {
        if (value < 1)
        {
            throw new InvalidInputException(name, $"{value}", "1 or more");
        }
    }
}
