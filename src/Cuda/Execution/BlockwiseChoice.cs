using Stof.Reference.Formats;
using Stof.Reference.Operators;

namespace Stof.Reference.Cuda.Execution;

/// <summary>
/// The tiling of a block-wise launch, by expected time. The constants were fitted to 1,080 measurements (eighteen tilings, STOF's masks but BigBird,
/// batch 1, 8 and 16, lengths 128 to 4096) on an H100 with F16 and head size 64: root mean square error 7 %, and the tiling chosen is 1.2 % slower than
/// the best on average, 6 % at worst but for one cell of 60 (21 %).
/// </summary>
internal static class BlockwiseChoice
{
    private const double Merge = 1.5; // µs of a second launch

    // The tilings that are best somewhere.
    private static readonly BlockwiseCost[] Costs =
    [
        new(new(16, 32, 2, 16, 2), 2.25, 0.550, 0.198, 0.290),
        new(new(16, 32, 3), 1.75, 0.600, 0.201, 0.226),
        new(new(32, 32, 2), 1.00, 0.800, 0.194, 0.493),
        new(new(32, 32, 2, 16, 2), 1.25, 0.950, 0.212, 0.787),
        new(new(32, 64, 2, 16, 2), 1.75, 1.300, 0.422, 1.156),
        new(new(64, 32, 2), 1.50, 0.600, 0.278, 0.861),
        new(new(64, 64, 2, 16, 2), 2.00, 1.250, 0.777, 2.082),
        new(new(64, 64, 2, 32), 1.75, 1.450, 0.470, 1.251),
        new(new(128, 64, 3, 32), 1.75, 1.450, 0.936, 2.134),
    ];

    /// <summary>The work of the tiling that is expected to take the shortest time.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="fits">True for a tiling that the kernel can have.</param>
    /// <param name="multiprocessors">Multiprocessors of the device.</param>
    /// <param name="cacheBytes">Its second-level cache.</param>
    public static BlockwiseWork Cheapest(AttentionProblem problem, Func<BlockwiseTiling, bool> fits, int multiprocessors, long cacheBytes) => Costs
        .Where(cost => fits(cost.Tiling))
        .Select(cost => (Cost: cost, Work: BlockwiseWork.Of(problem, cost.Tiling, multiprocessors, cacheBytes)))
        .MinBy(candidate => candidate.Cost.Microseconds(problem, candidate.Work.Work, multiprocessors, Merge))
        .Work;
}
