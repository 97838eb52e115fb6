using Stof.Reference.Operators;

namespace Stof.Reference.Formats;

/// <summary>What a block-wise launch on a GPU does: the mask in a tiling's tiles, and the work that these make.</summary>
/// <param name="Tiling">The tiling.</param>
/// <param name="Mask">The mask.</param>
/// <param name="Work">The items.</param>
public sealed record BlockwiseWork(BlockwiseTiling Tiling, BlockMask Mask, TileWork Work)
{
    /// <summary>Blocks that a multiprocessor holds at once, by their registers at 128 threads.</summary>
    public const int BlocksPerMultiprocessor = 4;

    private const double Merge = 1.5; // µs of a second launch on CUDA

    /// <summary>The work of a tiling.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="tiling">The tiling.</param>
    /// <param name="multiprocessors">Multiprocessors of the device; 0 cuts no row.</param>
    /// <param name="cacheBytes">Its second-level cache; null if unknown.</param>
    public static BlockwiseWork Of(AttentionProblem problem, BlockwiseTiling tiling, int multiprocessors, long? cacheBytes)
    {
        ArgumentNullException.ThrowIfNull(problem);
        ArgumentNullException.ThrowIfNull(tiling);
        var mask = BlockMaskBuilder.Build(problem.BindMask(), tiling.Tile);
        var share = TileWork.ShareOf(problem, mask, (long)multiprocessors * BlocksPerMultiprocessor);
        return new BlockwiseWork(tiling, mask, TileWork.Of(problem, mask, share, cacheBytes));
    }

    /// <summary>The work of the tiling that is expected to take the shortest time.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="costs">The tilings to choose from, one or more.</param>
    /// <param name="multiprocessors">Multiprocessors of the device.</param>
    /// <param name="cacheBytes">Its second-level cache; null if unknown.</param>
    public static BlockwiseWork Cheapest(AttentionProblem problem, IEnumerable<BlockwiseCost> costs, int multiprocessors, long? cacheBytes) => costs
        .Select(cost => (Cost: cost, Work: Of(problem, cost.Tiling, multiprocessors, cacheBytes)))
        .MinBy(candidate => candidate.Cost.Microseconds(problem, candidate.Work.Work, multiprocessors, Merge))
        .Work;
}
