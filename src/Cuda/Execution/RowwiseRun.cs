using Stof.Reference.Cuda.Simulator;
using Stof.Reference.Cuda.Templates;
using Stof.Reference.Formats;
using Stof.Reference.Operators;

namespace Stof.Reference.Cuda.Execution;

/// <summary>One attention by the row-wise kernel.</summary>
internal static class RowwiseRun
{
    /// <summary>What a problem launches.</summary>
    public static IReadOnlyList<KernelStep> Plan(AttentionKernels kernels, AttentionLaunch launch)
    {
        var p = launch.Problem;
        var kernel = kernels.Get(SpecOf(p));
        var parameters = launch.SetScores(launch.SetOperands(SetMask(new LaunchParameters(kernel), launch)))
            .Set("heads_per_kv_head", launch.Problem.QueryHeads / launch.Problem.KvHeads);
        if (p.KvSplits == 1)
        {
            return [Launch(p, launch.SetResult(parameters), kernel.Threads / 32, p.Batch)];
        }

        var states = new StateBuffers(launch.Memory, (long)p.Batch * p.QueryHeads * p.QueryLength * p.KvSplits, p.ValueSize);
        var merge = kernels.Get(new SplitMergeSpec(p.Type, p.ValueSize, p.Sinks is not null, p.LogSumExp != LogSumExpOutput.None));
        var merging = launch.SetResult(launch.SetOutput(states.Set(new LaunchParameters(merge)).Set("splits", p.KvSplits)));
        return
        [
            Launch(p, states.Set(parameters).Set("splits", p.KvSplits), kernel.Threads / 32, p.Batch * p.KvSplits),
            Launch(p, merging.Set("items", launch.Memory.Allocate(0)), SplitMerge.RowsPerBlock, p.Batch),
        ];
    }

    private static RowwiseAttentionSpec SpecOf(AttentionProblem problem) => new(problem.Type, problem.HeadSize, problem.ValueSize)
    {
        Bias = AttentionLaunch.BiasFormOf(problem),
        HasSoftcap = problem.Softcap is not null,
        HasSinks = problem.Sinks is not null && problem.KvSplits == 1,
        StoresLogSumExp = problem.LogSumExp != LogSumExpOutput.None && problem.KvSplits == 1,
        IsSplit = problem.KvSplits > 1,
    };

    private static KernelStep Launch(AttentionProblem problem, LaunchParameters parameters, int queriesPerBlock, int depth) =>
        new(parameters, new Grid((problem.QueryLength + queriesPerBlock - 1) / queriesPerBlock, problem.QueryHeads, depth));

    private static LaunchParameters SetMask(LaunchParameters parameters, AttentionLaunch launch)
    {
        var mask = BlockMaskBuilder.Build(launch.Problem.BindMask(), new TileShape(RowwiseAttention.TileColumns, RowwiseAttention.TileColumns));
        return parameters
            .Set("load_row_ptr", launch.Memory.Upload<int>(mask.LoadRowPtr))
            .Set("load_col_idx", launch.Memory.Upload<int>(mask.LoadColIdx))
            .Set("load_part_idx", launch.Memory.Upload<int>(mask.LoadPartIdx))
            .Set("bitmaps", launch.Memory.Upload<ulong>(mask.Bitmaps))
            .Set("mask_head_stride", mask.HeadSlices == 1 ? 0 : mask.TileRows)
            .Set("mask_batch_stride", mask.BatchSlices == 1 ? 0 : mask.TileRows * mask.HeadSlices);
    }
}
