using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Simulator;
using Stof.Reference.Cuda.Templates;
using Stof.Reference.Formats;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;

namespace Stof.Reference.Cuda.Execution;

/// <summary>One attention by the block-wise kernel.</summary>
internal static class BlockwiseRun
{
    private const int LargestHeadSize = 256; // beyond, O of a warp exceeds the registers
    private const int CopyBytes = 16; // of one asynchronous copy

    /// <summary>True if the kernel computes a problem.</summary>
    public static bool Computes(AttentionProblem problem, Target target) =>
        problem.Type is DType.F32 or DType.F16 or DType.BF16
        && problem.HeadSize * problem.Type.Size() % CopyBytes == 0 && problem.HeadSize <= LargestHeadSize
        && problem.ValueSize * problem.Type.Size() % CopyBytes == 0 && problem.ValueSize <= LargestHeadSize
        && (problem.Type != DType.F32 || Fits(problem, BlockwiseTiling.Exact, target));

    /// <summary>True if a tiling's registers and shared memory are likely to suffice.</summary>
    public static bool Fits(AttentionProblem problem, BlockwiseTiling tiling, Target target) =>
        (problem.Type != DType.F32 || tiling == BlockwiseTiling.Exact) && SpecOf(problem, tiling) is { LikelySpills: false } spec && spec.SharedBytes <= target.SharedBytes;

    /// <summary>What a problem launches.</summary>
    /// <param name="kernels">Kernels that exist already.</param>
    /// <param name="launch">Device, problem and tensors.</param>
    /// <param name="wanted">The tiling; null for the one that <see cref="BlockwiseChoice"/> takes.</param>
    /// <exception cref="InvalidInputException">The tiling does not fit the device.</exception>
    public static (BlockwiseTiling Tiling, IReadOnlyList<KernelStep> Launches) Plan(AttentionKernels kernels, AttentionLaunch launch, BlockwiseTiling? wanted)
    {
        var p = launch.Problem;
        var (multiprocessors, cacheBytes) = (launch.Device.Multiprocessors, launch.Device.CacheBytes);
        BlockwiseAttentionSpec Spec(BlockwiseWork choice) => SpecOf(p, choice.Tiling) with
        {
            Bias = AttentionLaunch.BiasFormOf(p),
            HasSoftcap = p.Softcap is not null,
            HasPositiveScale = p.EffectiveScale > 0,
            HasSinks = p.Sinks is not null,
            StoresLogSumExp = p.LogSumExp != LogSumExpOutput.None,
            IsSplit = choice.Work.Merges.Length > 0,
            LetsNextStartEarly = IsEven(choice.Work) || 2 * choice.Work.Items.Length <= multiprocessors * BlockwiseWork.BlocksPerMultiprocessor,
        };

        // A tiling that somebody names is somebody's choice; of the others the first that the device's compiler finds registers for.
        var chosen = p.Type != DType.F32 && wanted is null
            ? FirstThatFits([.. BlockwiseChoice.Rank(p, tiling => Fits(p, tiling, launch.Device.Target), multiprocessors, cacheBytes)])
            : BlockwiseWork.Of(p, p.Type == DType.F32 ? BlockwiseTiling.Exact : wanted!, multiprocessors, cacheBytes);
        BlockwiseWork FirstThatFits(BlockwiseWork[] choices) => choices.FirstOrDefault(choice => launch.Device.Takes(kernels.Get(Spec(choice))), choices[0]);
        var (tiling, mask, work) = chosen;
        var spec = Spec(chosen);
        var kernel = kernels.Get(spec);
        var parameters = new LaunchParameters(kernel)
            .Set("items", launch.Memory.Upload<TileWorkItem>(work.Items))
            .Set("keys", p.KvLength)
            .Set("load_col_idx", launch.Memory.Upload<int>(NotEmpty(mask.LoadColIdx)))
            .Set("load_part_idx", launch.Memory.Upload<int>(NotEmpty(mask.LoadPartIdx)))
            .Set("bits", launch.Memory.Upload<uint>(spec.IsExact ? FmaBits.Of(mask) : FragmentBits.Of(mask)));
        launch.SetResult(launch.SetScores(launch.SetOperands(parameters), isExplicit: !spec.HasPositiveScale));
        var states = spec.IsSplit ? new StateBuffers(launch.Memory, (long)work.Parts * spec.QueryTile, p.ValueSize) : null;
        states?.Set(parameters);
        var attend = new KernelStep(parameters, new Grid(work.Items.Length));
        if (states is null)
        {
            return (tiling, [attend]);
        }

        var merge = kernels.Get(new SplitMergeSpec(p.Type, p.ValueSize, spec.HasSinks, spec.StoresLogSumExp) { QueryTile = spec.QueryTile });
        var merging = launch.SetResult(launch.SetOutput(states.Set(new LaunchParameters(merge))))
            .Set("items", launch.Memory.Upload<MergeItem>([.. work.Merges.Select(row => new MergeItem((row.Batch << 16) | row.Head, row.TileRow, row.FirstPart, row.Parts))]))
            .Set("splits", 0);
        return (tiling, [attend, new KernelStep(merging, new Grid(spec.QueryTile / SplitMerge.RowsPerBlock, work.Merges.Length))]);
    }

    // True if no item has many more tiles than most.
    private static bool IsEven(TileWork work) =>
        work.Items.Length == 0 || work.Items.Max(item => item.End - item.First) <= 1.25 * work.Items.Average(item => item.End - item.First);

    private static BlockwiseAttentionSpec SpecOf(AttentionProblem problem, BlockwiseTiling tiling) => new(problem.Type, problem.HeadSize, problem.ValueSize)
    {
        QueryTile = tiling.QueryTile,
        KeyTile = tiling.KeyTile,
        Stages = tiling.Stages,
        WarpRows = tiling.WarpRows,
        KeyGroups = tiling.KeyGroups,
    };

    // Kernels ask for an entry ahead, and for one even where a row has none.
    private static int[] NotEmpty(int[] entries) => entries.Length > 0 ? entries : [-1];
}
