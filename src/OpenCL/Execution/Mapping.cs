namespace Stof.Reference.OpenCL.Execution;

/// <summary>How kernels use a device.</summary>
public enum Mapping
{
    /// <summary>As a processor: a work-group is one work-item, which does a block of rows in vectors.</summary>
    Lanes,

    /// <summary>As a GPU: a work-group of many work-items shares a tile in local memory.</summary>
    Groups,
}

/// <summary>How the GPU's layout computes products of 16-bit numbers.</summary>
public enum MatrixUnits
{
    /// <summary>In float, like all others.</summary>
    None,

    /// <summary>On NVIDIA's matrix units through inline PTX.</summary>
    Native,

    /// <summary>As on matrix units, fragment by fragment, but in ordinary code: slow, and checks those kernels anywhere.</summary>
    Emulated,
}

/// <summary>How the GPU's layout reduces over the work-items of a group.</summary>
public enum SubGroups
{
    /// <summary>Through local memory.</summary>
    None,

    /// <summary>Within sub-groups by the device, between them through local memory.</summary>
    Native,

    /// <summary>As with sub-groups of eight, but in ordinary code: slow, and checks those kernels anywhere.</summary>
    Emulated,
}
