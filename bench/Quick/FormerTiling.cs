using Stof.Reference.Cpu.Simd;

namespace Stof.Reference.Bench.Quick;

/// <summary>
/// The rule that products were cut by until the end of November 2026: row blocks by the cache, then three tasks a worker by columns. What the rule of today is
/// compared with.
/// </summary>
internal static class FormerTiling
{
    /// <summary>Block sizes of rows and columns; the depth is cut as today.</summary>
    public static GemmTiling For(in GemmWork work, int threads, CacheSizes caches)
    {
        var widest = (int)Math.Clamp(caches.SecondLevel / 4 * 3 / (sizeof(float) * Math.Max(work.Depth, 1L)), 48, 192);
        var rowPanels = Math.Max(1, Ceiling(work.Rows, 12));
        var rowTasks = Split(rowPanels, widest / 12, work.NormalisesOutput && threads > 1 ? threads : 1);
        var columnPanels = Math.Max(1, Ceiling(work.Columns, 32));
        var wanted = threads > 1 ? Ceiling(3 * threads, rowTasks) : 1;
        var narrowest = Math.Max(1, Math.Min(4, Ceiling(columnPanels, threads)));
        var columnTasks = Split(columnPanels, 24, Math.Min(wanted, Math.Max(1, columnPanels / narrowest)));
        return new GemmTiling(
            Ceiling(rowPanels, rowTasks) * 12,
            GemmTiling.For(in work, threads, caches).DepthBlock,
            work.NormalisesOutput ? work.Columns : Ceiling(columnPanels, columnTasks) * 32);
    }

    /// <summary>Rows of a task of two products in a chain.</summary>
    public static int ChainRows(int rows, int threads)
    {
        var panels = Ceiling(rows, 12);
        var blocks = Math.Min(panels, Ceiling(Ceiling(panels * 12, 96), threads) * threads);
        return Ceiling(panels, blocks) * 12;
    }

    private static int Ceiling(int value, int divisor) => (value + divisor - 1) / divisor;

    private static int Split(int total, int largest, int multiple) =>
        Math.Min(total, Ceiling(Ceiling(total, Math.Max(1, largest)), multiple) * multiple);
}
