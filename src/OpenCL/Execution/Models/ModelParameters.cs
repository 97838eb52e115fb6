namespace Stof.Reference.OpenCL.Execution.Models;

/// <summary>Parameters of rows.cl and attention_steps.cl, in which a work-group does a row.</summary>
public sealed record RowParameters
{
    /// <summary>Work-items of a group; 1 on a processor.</summary>
    public int Group { get; init; } = 1;

    /// <summary>How these add up.</summary>
    public SubGroups SubGroups { get; init; }
}

/// <summary>Parameters of product_lanes.cl.</summary>
public sealed record ProductLanesParameters
{
    /// <summary>Rows whose sums stay in registers.</summary>
    public int Rows { get; init; } = 12;
}

/// <summary>Parameters of product_matrix.cl.</summary>
public sealed record ProductMatrixParameters
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
public sealed record ProductGroupsParameters
{
    /// <summary>Rows and columns of a work-group's tile.</summary>
    public int Tile { get; init; } = 64;

    /// <summary>Depth that goes through local memory at a time.</summary>
    public int StepK { get; init; } = 32;
}
