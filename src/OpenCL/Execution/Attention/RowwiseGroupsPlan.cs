using Stof.Reference.Formats;
using Stof.Reference.Operators;

namespace Stof.Reference.OpenCL.Execution.Attention;

/// <summary>Parameters of attention_rowwise_groups.cl.</summary>
public sealed record RowwiseGroupsParameters
{
    /// <summary>Columns of O that a work-item holds.</summary>
    public int ValueSteps { get; init; } = 1;

    /// <summary>How its work-items add up.</summary>
    public SubGroups SubGroups { get; init; }
}

/// <summary>attention_rowwise_groups.cl: a work-group does one query.</summary>
/// <param name="SubGroups">How its work-items add up.</param>
internal sealed record RowwiseGroupsPlan(SubGroups SubGroups) : AttentionLayoutPlan
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
    public override long LocalBytes(AttentionProblem problem) => sizeof(float) * (long)(problem.HeadSize + ((SubGroups == SubGroups.None ? 2 : 3) * TileShape.Default.Columns));

    /// <inheritdoc/>
    public override ProgramSpec Program(KernelDevice device, AttentionProblem problem) => ProgramSpec.Of(
        "attention_rowwise_groups.cl",
        device.Numbers(problem.Type),
        AttentionParameters.Of(problem, IsJoined),
        new RowwiseGroupsParameters { ValueSteps = (problem.ValueSize + GroupSize - 1) / GroupSize, SubGroups = SubGroups });
}
