using Stof.Reference.Cuda.Simulator;
using Stof.Reference.Cuda.Templates;
using Stof.Reference.Formats;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;

namespace Stof.Reference.Cuda.Execution;

/// <summary>One attention by the block-wise kernel.</summary>
internal static class BlockwiseRun
{
    private const int LargestHeadSize = 128; // beyond, Q, scores and O of a warp exceed the registers
    private const int SizeStep = 8; // sixteen bytes, one asynchronous copy
    private const int BlocksPerMultiprocessor = 4; // by registers, at 128 threads

    /// <summary>True if the kernel computes a problem.</summary>
    public static bool Computes(AttentionProblem problem) =>
        problem.Type is DType.F16 or DType.BF16
        && problem.HeadSize % SizeStep == 0 && problem.HeadSize <= LargestHeadSize
        && problem.ValueSize % SizeStep == 0 && problem.ValueSize <= LargestHeadSize;

    /// <summary>Launches what a problem needs.</summary>
    public static void Run(AttentionKernels kernels, AttentionLaunch launch)
    {
        var p = launch.Problem;
        var spec = new BlockwiseAttentionSpec(p.Type, p.HeadSize, p.ValueSize)
        {
            Bias = AttentionLaunch.BiasFormOf(p),
            HasSoftcap = p.Softcap is not null,
            HasPositiveScale = p.EffectiveScale > 0,
            HasSinks = p.Sinks is not null,
            StoresLogSumExp = p.LogSumExp != LogSumExpOutput.None,
        };
        var mask = BlockMaskBuilder.Build(p.BindMask(), new TileShape(spec.QueryTile, spec.KeyTile));
        var work = BlockwiseWork.Of(p, mask, launch.Device.Multiprocessors * BlocksPerMultiprocessor);
        spec = spec with { IsSplit = work.Merges.Length > 0 };
        var kernel = kernels.Get(spec);
        var parameters = new LaunchParameters(kernel)
            .Set("items", launch.Memory.Upload<BlockwiseItem>(work.Items))
            .Set("keys", p.KvLength)
            .Set("load_col_idx", launch.Memory.Upload<int>(mask.LoadColIdx))
            .Set("load_part_idx", launch.Memory.Upload<int>(mask.LoadPartIdx))
            .Set("bits", launch.Memory.Upload<uint>(FragmentBits.Of(mask)));
        launch.SetResult(launch.SetScores(launch.SetOperands(parameters), isExplicit: !spec.HasPositiveScale));
        var states = spec.IsSplit ? new StateBuffers(launch.Memory, (long)work.Parts * spec.QueryTile, p.ValueSize) : null;
        states?.Set(parameters);
        launch.Launch(parameters, new Grid(work.Items.Length));
        if (states is null)
        {
            return;
        }

        var merge = kernels.Get(new SplitMergeSpec(p.Type, p.ValueSize, spec.HasSinks, spec.StoresLogSumExp) { QueryTile = spec.QueryTile });
        var merging = launch.SetResult(launch.SetOutput(states.Set(new LaunchParameters(merge))))
            .Set("items", launch.Memory.Upload<MergeItem>(work.Merges))
            .Set("splits", 0);
        launch.Launch(merging, new Grid(spec.QueryTile / SplitMerge.RowsPerBlock, work.Merges.Length));
    }
}
