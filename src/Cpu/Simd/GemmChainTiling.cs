namespace Stof.Reference.Cpu.Simd;

/// <summary>How a chain of two products is cut into tasks. Changes no bit of the result.</summary>
/// <param name="RowBlock">Rows per task.</param>
/// <param name="Panels">
/// Column panels per task of the first product and of the second, which then are a loop each with the intermediate rows between them in memory
/// that the workers share; null where a task takes its rows through both.
/// </param>
internal sealed record GemmChainTiling(int RowBlock, (int First, int Second)? Panels)
{
    private const int MostFusedRows = 96; // 3,072 intermediate columns then take 1.2 MB of a 2 MB second-level cache

    /// <summary>The cheaper of both ways by counting: rows that are few cannot feed many workers.</summary>
    /// <param name="first">The first product.</param>
    /// <param name="second">The second.</param>
    /// <param name="threads">Workers.</param>
    /// <param name="caches">What the blocks should fit; null for this machine's.</param>
    public static GemmChainTiling For(in GemmWork first, in GemmWork second, int threads, CacheSizes? caches = null)
    {
        caches ??= CacheSizes.OfThisMachine;
        var rowBlock = FusedRowBlock(first.Rows, threads);
        var (best, least) = (new GemmChainTiling(rowBlock, null), GemmCost.Chain(in first, in second, rowBlock, threads));
        var fits = (long)first.Rows * first.Columns * sizeof(float) <= caches.LastLevel / 2;
        var rows = fits ? Math.Min(GemmTiling.LargestRowBlock(in first, caches), GemmTiling.LargestRowBlock(in second, caches)) : 0;
        for (; rows > 0; rows = GemmTiling.Shorter(first.Rows, rows))
        {
            var (firstPanels, firstCost) = GemmTiling.Columns(in first, rows, threads, caches);
            var (secondPanels, secondCost) = GemmTiling.Columns(in second, rows, threads, caches, isPacked: true);
            if (firstCost + secondCost < least)
            {
                (best, least) = (new GemmChainTiling(rows, (firstPanels, secondPanels)), firstCost + secondCost);
            }
        }

        return best;
    }

    // As few blocks as the most rows allow, but one for every thread.
    private static int FusedRowBlock(int rows, int threads)
    {
        var panels = Math.Max(1, GemmLayout.RowPanels(rows));
        var blocks = GemmTiling.Ceiling(panels * GemmLayout.PanelRows, MostFusedRows);
        blocks = Math.Min(panels, GemmTiling.Ceiling(blocks, threads) * threads);
        return GemmTiling.Ceiling(panels, blocks) * GemmLayout.PanelRows;
    }
}
