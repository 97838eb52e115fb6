using Stof.Reference.Formats;
using Stof.Reference.Operators;

namespace Stof.Reference.Cuda.Execution;

/// <summary>
/// The tiling of a block-wise launch, by expected time. The constants were fitted to 960 measurements (fifteen tilings, STOF's masks but BigBird,
/// batch 1, 8 and 16, lengths 128 to 4096) on an H100 with F16 and head size 64: root mean square error 8 %, and the tiling chosen is 0.6 % slower than
/// the best on average, 7 % at worst of 64 cells.
/// </summary>
internal static class BlockwiseChoice
{
    private const double Merge = 1.5; // µs of a second launch
    private const double Norm = 3; // p of the model

    // The tilings that are best somewhere.
    private static readonly BlockwiseCost[] Costs =
    [
        new(new(16, 32, 2, 16, 2), 2.25, 0.500, 0.203, 0.230),
        new(new(16, 32, 3), 2.00, 0.450, 0.212, 0.146),
        new(new(32, 32, 2), 1.35, 0.600, 0.202, 0.418),
        new(new(32, 32, 2, 16, 2), 1.50, 0.750, 0.213, 0.670),
        new(new(32, 64, 2, 16, 2), 1.75, 1.200, 0.419, 0.995),
        new(new(64, 32, 2), 1.50, 0.500, 0.259, 0.882),
        new(new(64, 64, 2), 1.60, 0.850, 0.519, 0.920),
        new(new(64, 64, 2, 32), 1.50, 1.300, 0.429, 1.186),
        new(new(128, 64, 3, 32), 1.50, 1.300, 0.823, 2.156),
    ];

    /// <summary>The work of each tiling that is best somewhere, the one that is expected to take the shortest time first.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="fits">True for a tiling that the kernel can have.</param>
    /// <param name="multiprocessors">Multiprocessors of the device.</param>
    /// <param name="cacheBytes">Its second-level cache.</param>
    public static IEnumerable<BlockwiseWork> Rank(AttentionProblem problem, Func<BlockwiseTiling, bool> fits, int multiprocessors, long cacheBytes) => Costs
        .Where(cost => fits(cost.Tiling))
        .Select(cost => (Cost: cost, Work: BlockwiseWork.Of(problem, cost.Tiling, multiprocessors, cacheBytes)))
        .OrderBy(candidate => candidate.Cost.Microseconds(problem, candidate.Work.Work, multiprocessors, Merge, Norm))
        .Select(candidate => candidate.Work);
}
