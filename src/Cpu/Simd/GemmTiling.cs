namespace Stof.Reference.Cpu.Simd;

/// <summary>
/// How a GEMM is cut into tasks. None of the three changes a bit of the result.
/// </summary>
/// <param name="RowBlock">Rows of C per task.</param>
/// <param name="DepthBlock">
/// Products per element between two visits of the accumulator scratch; rounded up to a multiple of 16. A column panel of this
/// depth (128 bytes per step) should leave most of the second-level cache to packed rows.
/// </param>
/// <param name="ColumnBlock">
/// Columns of C per task; rounded up to whole panels of 32. With a norm in the epilogue a task that owns whole rows normalises them;
/// fewer columns leave them in float, as large as C, for a second loop.
/// </param>
public sealed record GemmTiling(int RowBlock, int DepthBlock, int ColumnBlock)
{
    private const int MaximumRowBlock = 192; // a 16-bit panel is widened once for all of them
    private const int MinimumRowBlock = 48;
    private const int MinimumDepthBlock = 128; // the accumulators travel once a block
    private const int MaximumDepthBlock = 768;
    private const int DepthStep = 64;

    /// <summary>Block sizes for a product on a number of threads: of all equal blocks those that take least by counting.</summary>
    /// <param name="work">The product.</param>
    /// <param name="threads">Workers.</param>
    /// <param name="caches">What the blocks should fit; null for this machine's.</param>
    /// <param name="rowBlock">Rows of a task, if they are to be these.</param>
    /// <param name="columnBlock">Columns of a task, if they are to be these.</param>
    public static GemmTiling For(
        in GemmWork work, int threads, CacheSizes? caches = null, int? rowBlock = null, int? columnBlock = null)
    {
        caches ??= CacheSizes.OfThisMachine;
        var (bestRows, bestPanels, bestCost) = (0, 0, double.PositiveInfinity);
        for (var rows = rowBlock ?? LargestRowBlock(in work, caches); rows > 0; rows = rowBlock is null ? Shorter(work.Rows, rows) : 0)
        {
            int? panels = columnBlock is { } columns ? Math.Min(work.Panels, GemmLayout.Panels(columns)) : null;
            var (best, cost) = Columns(in work, rows, threads, caches, panels);
            (bestRows, bestPanels, bestCost) = cost < bestCost ? (rows, best, cost) : (bestRows, bestPanels, bestCost);
        }

        return new GemmTiling(bestRows, DepthBlockFor(caches, work.Depth), bestPanels * GemmLayout.PanelColumns);
    }

    /// <summary>Column panels of a task for a block of rows, and what the product then takes by counting.</summary>
    /// <param name="work">The product.</param>
    /// <param name="rows">Rows of a task.</param>
    /// <param name="threads">Workers.</param>
    /// <param name="caches">What rows left in float should fit.</param>
    /// <param name="panels">Panels of a task, if they are to be these.</param>
    /// <param name="isPacked">True if A has been packed for all workers.</param>
    internal static (int Panels, double Cost) Columns(
        in GemmWork work, int rows, int threads, CacheSizes caches, int? panels = null, bool isPacked = false)
    {
        var splits = !work.NormalisesOutput || LeavesRows(in work, caches);
        var finish = work.NormalisesOutput ? GemmCost.Finish(in work, threads) : 0;
        var (best, least) = (0, double.PositiveInfinity);
        for (var block = panels ?? work.Panels; block > 0; block = panels is null && splits ? Shorter(work.Panels, block) : 0)
        {
            var cost = GemmCost.Blocks(in work, rows, block, threads, isPacked) + (block < work.Panels ? finish : 0);
            (best, least) = cost < least ? (block, cost) : (best, least);
        }

        return (best, least);
    }

    /// <summary>The most rows of a task: three quarters of the second level for the packed rows; the rest is for panels and output on their way through.</summary>
    internal static int LargestRowBlock(in GemmWork work, CacheSizes caches)
    {
        var rows = (int)Math.Clamp(
            caches.SecondLevel / 4 * 3 / (sizeof(float) * Math.Max(work.Depth, 1L)), MinimumRowBlock, MaximumRowBlock);
        return Ceiling(Math.Max(1, work.Rows), Ceiling(Math.Max(1, work.Rows), rows));
    }

    /// <summary>The next smaller size of equal blocks, 0 where there is none.</summary>
    internal static int Shorter(int total, int block) => block <= 1 || total <= 1 ? 0 : Ceiling(total, Ceiling(total, block - 1));

    /// <summary>Rounds the blocks to what the layouts allow.</summary>
    /// <exception cref="InvalidInputException">A block is not positive.</exception>
    internal GemmTiling Rounded()
    {
        Require(nameof(RowBlock), RowBlock);
        Require(nameof(DepthBlock), DepthBlock);
        Require(nameof(ColumnBlock), ColumnBlock);
        return new GemmTiling(
            RowBlock, RoundUp(DepthBlock, GemmLayout.DepthGroup), RoundUp(ColumnBlock, GemmLayout.PanelColumns));
    }

    // Equal blocks of the depth, whose column panel takes about a tenth of the second level, from where the kernel asks for it ahead of time:
    // a shorter one, kept in the first level, costs more visits of the accumulators than it saves.
    private static int DepthBlockFor(CacheSizes caches, int k)
    {
        var longest = (int)Math.Clamp(caches.SecondLevel / 32 * 3 / (sizeof(float) * GemmLayout.PanelColumns), MinimumDepthBlock, MaximumDepthBlock);
        var blocks = Math.Max(1, Ceiling(k, longest));
        return Math.Max(MinimumDepthBlock, Ceiling(Ceiling(k, blocks), DepthStep) * DepthStep);
    }

    // Beyond the last level rows left in float would travel through memory.
    private static bool LeavesRows(in GemmWork work, CacheSizes caches) =>
        (long)work.Rows * work.Columns * sizeof(float) * (work.IsGated ? 2 : 1) <= caches.LastLevel / 2;

    /// <summary>How many blocks of a size hold so many.</summary>
    internal static int Ceiling(int value, int divisor) => (value + divisor - 1) / divisor;

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
