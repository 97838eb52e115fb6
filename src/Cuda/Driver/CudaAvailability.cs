namespace Stof.Reference.Cuda.Driver;

/// <summary>What looking for CUDA found.</summary>
public enum CudaAvailability
{
    /// <summary>At least one device.</summary>
    Available,

    /// <summary>The library is not there.</summary>
    NoDriver,

    /// <summary>The library is older than this program's oldest.</summary>
    DriverTooOld,

    /// <summary>The library works and sees no device.</summary>
    NoDevice,

    /// <summary>The library or a device answered with an error.</summary>
    DriverFailed,
}
