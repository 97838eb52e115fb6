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
}
