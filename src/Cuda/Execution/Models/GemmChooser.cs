using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Templates;
using Stof.Reference.Graphs;
using Stof.Reference.Numerics;

namespace Stof.Reference.Cuda.Execution;

/// <summary>
/// The tile and the splits of a product where nobody chose them: the least estimate of the time. Blocks run in waves; a block's steps take as long as
/// their arithmetic at the rate that its tile reaches, but no less than the latency of a step; splits pay for storing and adding sums.
/// </summary>
internal static class GemmChooser
{
    private const int LargestSplits = 12;
    private const int SharedBytesPerMultiprocessor = 228 * 1024;
    private const int Reserved = 1024; // of shared memory a block
    private const int RegisterFile = 65_536;
    private const int BlocksPerMultiprocessor = 8; // more do not help

    // One multiprocessor of an H100, by measurement (bench/results).
    private const double StepLatency = 0.22e-6; // seconds; weights of a model come from memory, not from the cache
    private const double BlockLatency = 1.6e-6; // launch, first copies, epilogue
    private const double AloneLatency = 1.5e-6; // of a block that has its multiprocessor to itself: nothing runs beside its epilogue
    private const double SumPass = 2e-6; // a row kernel more
    private const double SumBandwidth = 3e12; // bytes per second, of the whole device
    private const double NormLatency = 1e-6; // a row kernel that normalises
    private const double CachedRowBandwidth = 4.1e12; // of a row kernel whose rows the product left in the second-level cache
    private const double RowBandwidth = 2.7e12; // of one whose rows come from memory
    private const double MomentLatency = 0.5e-6; // moments of rows within a block
    private const double ClusterLatency = 2.5e-6; // the same among the blocks of a cluster
    private const int MomentRegisters = 20; // of a thread
    private const int ProcessorClusters = 8; // groups of multiprocessors; a cluster of blocks lies within one
    private const int MostBlocksPerRow = 2; // of clusters that nobody names: larger ones lost in every cell that was measured
    private const double CacheBandwidth = 90e9; // bytes per second out of the second-level cache
    private const double MatrixRate = 4.15e12; // flops per second
    private const double FloatRate = 0.45e12;
    private const double ShortStepRate = 0.955; // steps of 64 bytes wait twice as often
    private const double ReuseLoss = 14; // reuse at which a tile reaches half of that

    /// <summary>Tiles and splits for a product, the one with the least estimate first.</summary>
    /// <param name="type">Type of the operands.</param>
    /// <param name="target">Where it runs.</param>
    /// <param name="multiprocessors">Multiprocessors there.</param>
    /// <param name="rows">M.</param>
    /// <param name="columns">N.</param>
    /// <param name="depth">K.</param>
    /// <param name="isGated">True for SwiGLU.</param>
    /// <param name="isNormalised">True if rows of A are normalised on the way in.</param>
    /// <param name="normalises">
    /// True if rows of C are normalised last: by those who compute them, if a block or a cluster of blocks holds whole rows; or by a row kernel behind a cut depth.
    /// </param>
    /// <param name="mostBlocksPerRow">Blocks of the largest cluster that is asked to hold rows.</param>
    public static IEnumerable<GemmChoice> Rank(
        DType type,
        Target target,
        int multiprocessors,
        int rows,
        int columns,
        int depth,
        bool isGated,
        bool isNormalised = false,
        bool normalises = false,
        int mostBlocksPerRow = MostBlocksPerRow) =>
        from tile in GemmTiles.For(type, target)
        where Takes(tile, isGated) && (!isNormalised || TakesNormalised(type, target, tile, columns, depth))
        from splits in isNormalised ? [1] : Splits(type, tile, depth)
        where !normalises || splits > 1 || (columns <= mostBlocksPerRow * tile.Columns && HoldsRows(type, target, tile, columns, depth))
        orderby Estimate(type, tile, splits, multiprocessors, rows, columns, depth, normalises), tile.Stages descending
        select new GemmChoice(tile, splits);

    /// <summary>
    /// Seconds that a product and the norm of its rows take by the estimate, in one segment and in two; the first is infinite where no tile holds whole rows and
    /// no depth can be cut.
    /// </summary>
    public static (double Together, double Apart) NormSeconds(DType type, Target target, int multiprocessors, int rows, int columns, int depth)
    {
        double Best(bool normalises) => Rank(type, target, multiprocessors, rows, columns, depth, isGated: false, normalises: normalises)
            .Select(choice => Estimate(type, choice.Tile, choice.Splits, multiprocessors, rows, columns, depth, normalises))
            .FirstOrDefault(double.PositiveInfinity);
        var bytes = 2.0 * rows * columns * type.Size();
        return (Best(normalises: true), Best(normalises: false) + Math.Max(NormLatency + (bytes / CachedRowBandwidth), bytes / RowBandwidth));
    }

    /// <summary>True if a block of a tile, or a cluster of them, holds whole rows, with room for what warps tell each other about them.</summary>
    public static bool HoldsRows(DType type, Target target, GemmTile tile, int columns, int depth) =>
        GemmSpec.HoldsRows(type, tile, columns, target) && new GemmSpec(type, columns, depth, tile) { Norm = NormKind.Layer }.SharedBytes <= target.SharedBytes;

    /// <summary>The first of <see cref="Rank"/>.</summary>
    /// <exception cref="InvalidInputException">No tile fits the target.</exception>
    public static GemmChoice Choose(DType type, Target target, int multiprocessors, int rows, int columns, int depth, bool isGated) =>
        Rank(type, target, multiprocessors, rows, columns, depth, isGated).FirstOrDefault() ?? throw new InvalidInputException("target", target.Name, "one that a tile fits");

    /// <summary>True if all rows of A of a tile fit beside the ring, to be normalised there.</summary>
    public static bool TakesNormalised(DType type, Target target, GemmTile tile, int columns, int depth)
    {
        var spec = new GemmSpec(type, columns, depth, tile) { Prologue = NormKind.Layer };
        return tile.DepthBytes == GemmSpec.PrologueDepthBytes && spec.Steps * tile.Depth(type) <= GemmSpec.LongestNormalisedRow && spec.SharedBytes <= target.SharedBytes;
    }

    /// <summary>True if a tile's warps hold whole pairs of gates and values.</summary>
    public static bool Takes(GemmTile tile, bool isGated) => !isGated || tile.WarpTileColumns % (4 * GemmSpec.GatedWidth) == 0;

    private static IEnumerable<int> Splits(DType type, GemmTile tile, int depth)
    {
        var steps = (depth + tile.Depth(type) - 1) / tile.Depth(type);
        return Enumerable.Range(1, Math.Min(steps, LargestSplits)).Where(splits => steps % splits == 0);
    }

    private static double Estimate(DType type, GemmTile tile, int splits, int multiprocessors, int rows, int columns, int depth, bool normalises)
    {
        var steps = (depth + tile.Depth(type) - 1) / tile.Depth(type) / splits;
        var blocks = (long)((rows + tile.Rows - 1) / tile.Rows) * ((columns + tile.Columns - 1) / tile.Columns) * splits;
        var holdsRows = normalises && splits == 1;
        var spec = new GemmSpec(type, columns, depth, tile) { Norm = holdsRows ? NormKind.Layer : null };
        var registers = tile.Registers(type) + (holdsRows ? MomentRegisters : 0);
        var resident = Math.Clamp(
            Math.Min(SharedBytesPerMultiprocessor / (spec.SharedBytes + Reserved), RegisterFile / (tile.Threads * registers)), 1, BlocksPerMultiprocessor);
        var perMultiprocessor = (blocks + multiprocessors - 1) / multiprocessors;

        // A small tile loads more for each multiplication.
        var reuse = tile.Rows * (double)tile.Columns / (tile.Rows + tile.Columns);
        var rate = (type == DType.F32 ? FloatRate : MatrixRate) * reuse / (reuse + ReuseLoss) * (tile.DepthBytes == 64 ? ShortStepRate : 1);
        var flops = 2.0 * tile.Rows * tile.Columns * tile.Depth(type);
        var waves = spec.ClusterBlocks == 1
            ? (perMultiprocessor + resident - 1) / resident
            : ClusterWaves((rows + tile.Rows - 1) / tile.Rows, spec.ClusterBlocks, resident * multiprocessors / ProcessorClusters);
        var together = Math.Min(perMultiprocessor, resident);
        var step = Math.Max(together * Math.Max(flops / rate, tile.StageBytes / CacheBandwidth), StepLatency);
        var sums = splits == 1 ? 0 : SumPass + (2.0 * rows * columns * splits * sizeof(float) / SumBandwidth);
        var moments = !holdsRows ? 0 : spec.ClusterBlocks == 1 ? MomentLatency : ClusterLatency;
        return (waves * ((steps * step) + BlockLatency + moments + (resident == 1 ? AloneLatency : 0))) + sums;
    }

    // What a group of multiprocessors has places for is rounded down to whole clusters.
    private static int ClusterWaves(int clusters, int blocks, int places)
    {
        var together = Math.Max(1, places / blocks) * ProcessorClusters;
        return (clusters + together - 1) / together;
    }
}
