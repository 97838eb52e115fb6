namespace Stof.Reference.Cuda.Driver;

/// <summary>The answer to "is there CUDA here?": an ordinary result with its reason, never an exception.</summary>
/// <param name="Availability">The answer.</param>
/// <param name="Reason">One clause that says why not; empty if available.</param>
/// <param name="Version">The driver's CUDA version, if it told.</param>
/// <param name="Devices">The devices; empty unless available.</param>
public sealed record CudaProbe(
    CudaAvailability Availability,
    string Reason,
    CudaVersion? Version,
    IReadOnlyList<CudaDevice> Devices)
{
    /// <summary>True if there is at least one device.</summary>
    public bool IsAvailable => Availability == CudaAvailability.Available;

    /// <summary>Why the driver cannot compile PTX of a version, or null if it can.</summary>
    /// <param name="ptx">The PTX <c>.version</c>.</param>
    public string? Refuses(CudaVersion ptx) => (IsAvailable, Version) switch
    {
        (false, _) => Reason,
        (true, { } driver) when driver.NewestPtx() < ptx =>
            $"driver too old: PTX .version {ptx}, but the driver (CUDA {driver}) compiles up to {driver.NewestPtx()}",
        _ => null,
    };
}
