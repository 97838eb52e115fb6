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

/// <summary>Parameters of product_matrix.cl.</summary>
public sealed record ProductMatrixParameters : NumberParameters
{
    /// <summary>Rows of a work-group's tile.</summary>
    public int TileM { get; init; } = 128;

    /// <summary>Columns of a work-group's tile.</summary>
    public int TileN { get; init; } = 128;

    /// <summary>Warps along the rows.</summary>
    public int WarpsM { get; init; } = 2;

    /// <summary>Warps along the columns.</summary>
    public int WarpsN { get; init; } = 2;

    /// <summary>Depth of a step, in chunks of eight numbers: 4 or 8.</summary>
    public int Chunks { get; init; } = 4;

    /// <summary>Steps in local memory at a time.</summary>
    public int Stages { get; init; } = 3;

    /// <summary>True to compute products of fragments through local memory, for devices without matrix units.</summary>
    public bool IsEmulated { get; init; }
}

/// <summary>Parameters of product_groups.cl.</summary>
public sealed record ProductGroupsParameters : NumberParameters
{
    /// <summary>Rows and columns of a work-group's tile.</summary>
    public int Tile { get; init; } = 64;

    /// <summary>Depth that goes through local memory at a time.</summary>
    public int StepK { get; init; } = 32;
}
