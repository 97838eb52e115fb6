namespace Stof.Reference.Cuda.Driver;

/// <summary>How a kernel is launched.</summary>
/// <param name="Grid">Blocks.</param>
/// <param name="Block">Threads of a block.</param>
public sealed record LaunchShape(Dim3 Grid, Dim3 Block)
{
    /// <summary>Dynamic shared memory of a block in bytes.</summary>
    public int DynamicSharedBytes { get; init; }

    /// <summary>Blocks of a cluster, which share their shared memory; null for none.</summary>
    public Dim3? Cluster { get; init; }

    /// <summary>
    /// True if the kernel may start before the one in front of it on the stream has ended (programmatic dependent launch). It must wait
    /// (<c>griddepcontrol.wait</c>) before it touches what that one writes.
    /// </summary>
    public bool OverlapsPrevious { get; init; }
}
