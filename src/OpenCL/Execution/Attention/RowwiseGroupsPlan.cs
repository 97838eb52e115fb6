using Stof.Reference.Formats;
using Stof.Reference.Operators;

namespace Stof.Reference.OpenCL.Execution.Attention;

/// <summary>Parameters of attention_rowwise_groups.cl.</summary>
public sealed record RowwiseGroupsParameters : AttentionParameters
{
    /// <summary>Columns of O that a work-item holds.</summary>
    public int ValueSteps { get; init; } = 1;
}

/// <summary>attention_rowwise_groups.cl: a work-group does one query.</summary>
internal sealed record RowwiseGroupsPlan : AttentionLayoutPlan
{
    /// <inheritdoc/>
    public override TileShape Tile => TileShape.Default;

    /// <inheritdoc/>
    public override string KernelName => "attention_rowwise";

    /// <inheritdoc/>
    public override int GroupsPerItem => TileShape.Default.Rows;

    /// <inheritdoc/>
    public override int GroupSize => TileShape.Default.Columns;

    /// <inheritdoc/>
    public override long LocalBytes(AttentionProblem problem) => sizeof(float) * (long)(problem.HeadSize + (2 * TileShape.Default.Columns));

    /// <inheritdoc/>
    public override ProgramSpec Program(KernelDevice device, AttentionProblem problem)
    {
        var common = Common(device, problem);
        return ProgramSpec.Of("attention_rowwise_groups.cl", new RowwiseGroupsParameters
        {
            Type = common.Type,
            Lanes = 1,
            FastExp2 = common.FastExp2,
            Bias = common.Bias,
            HasSoftcap = common.HasSoftcap,
            ValueSteps = (problem.ValueSize + GroupSize - 1) / GroupSize,
        });
    }
}
