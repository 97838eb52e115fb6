using Stof.Reference.Formats;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;

namespace Stof.Reference.OpenCL.Execution.Attention;

/// <summary>Parameters of attention_blockwise_matrix.cl.</summary>
public sealed record BlockwiseMatrixParameters : AttentionParameters
{
    /// <summary>D / 16.</summary>
    public int HeadSteps { get; init; } = 4;

    /// <summary>Dv / 8, even.</summary>
    public int ValueTiles { get; init; } = 8;

    /// <summary>Warps of a work-group; the kernel is written for four.</summary>
    public int Warps { get; init; } = 4;

    /// <summary>True if the next tile is read while this one is computed, which costs registers.</summary>
    public bool IsPrefetched { get; init; } = true;

    /// <summary>True to compute products of fragments through local memory, for devices without matrix units.</summary>
    public bool IsEmulated { get; init; }
}

/// <summary>attention_blockwise_matrix.cl: a work-group of four warps does 64 queries on matrix units.</summary>
/// <param name="IsEmulated">True where the device has none.</param>
internal sealed record MatrixPlan(bool IsEmulated) : AttentionLayoutPlan
{
    private const int Warps = 4;
    private const int SizeStep = 16;
    private const int LargestSize = 128; // beyond, Q, scores and O of a warp exceed the registers
    private const int LargestPrefetched = 64;
    private const int GroupsPerUnit = 4; // by registers, at 128 work-items
    private const int PaddingWords = 4;

    /// <inheritdoc/>
    public override TileShape Tile => TileShape.Default;

    /// <inheritdoc/>
    public override string KernelName => "attention_blockwise";

    /// <inheritdoc/>
    public override int GroupsPerItem => 1;

    /// <inheritdoc/>
    public override int GroupSize => 32 * Warps;

    /// <summary>True if the kernel computes a problem on a device.</summary>
    public bool Computes(KernelDevice device, AttentionProblem problem) =>
        problem.Type is DType.F16 or DType.BF16
        && problem.HeadSize % SizeStep == 0 && problem.HeadSize <= LargestSize
        && problem.ValueSize % SizeStep == 0 && problem.ValueSize <= LargestSize
        && GroupSize <= device.Device.MaxWorkGroup
        && StaticLocalBytes(problem) <= device.Device.LocalBytes;

    /// <summary>The kernel's local memory has sizes of its own; the argument is a formality.</summary>
    public override long LocalBytes(AttentionProblem problem) => sizeof(float);

    /// <inheritdoc/>
    public override int LongestRange(AttentionProblem problem, BlockMask mask, KernelDevice device) =>
        TileWork.ShareOf(problem, mask, (long)device.Device.ComputeUnits * GroupsPerUnit);

    /// <inheritdoc/>
    public override ProgramSpec Program(KernelDevice device, AttentionProblem problem)
    {
        var common = Common(device, problem);
        return ProgramSpec.Of("attention_blockwise_matrix.cl", new BlockwiseMatrixParameters
        {
            Type = common.Type,
            Lanes = 1,
            FastExp2 = common.FastExp2,
            Bias = common.Bias,
            HasSoftcap = common.HasSoftcap,
            HeadSteps = problem.HeadSize / SizeStep,
            ValueTiles = problem.ValueSize / 8,
            IsPrefetched = Math.Max(problem.HeadSize, problem.ValueSize) <= LargestPrefetched,
            IsEmulated = IsEmulated,
        });
    }

    private long StaticLocalBytes(AttentionProblem problem)
    {
        var tile = (long)Tile.Rows;
        var exchange = IsEmulated ? 6L * GroupSize : 1;
        return sizeof(uint) * ((tile * ((problem.HeadSize / 2) + PaddingWords)) + (tile / 2 * (problem.ValueSize + (2 * PaddingWords))) + exchange);
    }
}
