using Stof.Reference.Numerics;

namespace Stof.Reference.OpenCL.Execution.Models;

/// <summary>Parameters of numbers.cl.</summary>
public record NumberParameters
{
    /// <summary>Type of the tensors.</summary>
    public DType Type { get; init; } = DType.F32;

    /// <summary>Floats of a vector; 1 on a GPU.</summary>
    public int Lanes { get; init; } = 16;

    /// <summary>True to use the device's own power of two.</summary>
    public bool FastExp2 { get; init; }
}

/// <summary>Parameters of rows.cl.</summary>
public sealed record RowParameters : NumberParameters
{
    /// <summary>Work-items of a group; 1 on a processor.</summary>
    public int Group { get; init; } = 1;
}

/// <summary>Parameters of attention_steps.cl.</summary>
public sealed record StepParameters : Attention.AttentionParameters
{
    /// <summary>Work-items of a group; 1 on a processor.</summary>
    public int Group { get; init; } = 1;
}

/// <summary>Parameters of product_lanes.cl.</summary>
public sealed record ProductLanesParameters : NumberParameters
{
    /// <summary>Rows whose sums stay in registers.</summary>
    public int Rows { get; init; } = 12;
}

/// <summary>Parameters of product_groups.cl.</summary>
public sealed record ProductGroupsParameters : NumberParameters
{
    /// <summary>Rows and columns of a work-group's tile.</summary>
    public int Tile { get; init; } = 64;

    /// <summary>Depth that goes through local memory at a time.</summary>
    public int StepK { get; init; } = 16;
}
