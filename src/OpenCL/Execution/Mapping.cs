namespace Stof.Reference.OpenCL.Execution;

/// <summary>How kernels use a device.</summary>
public enum Mapping
{
    /// <summary>As a processor: a work-group is one work-item, which does a block of rows in vectors.</summary>
    Lanes,

    /// <summary>As a GPU: a work-group of many work-items shares a tile in local memory.</summary>
    Groups,
}
