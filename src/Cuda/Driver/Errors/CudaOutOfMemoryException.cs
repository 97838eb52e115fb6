namespace Stof.Reference.Cuda.Driver;

/// <summary>The device has too little memory left, even after the pool gave back what it could.</summary>
public sealed class CudaOutOfMemoryException : CudaException
{
    /// <summary>Creates the exception.</summary>
    public CudaOutOfMemoryException(string call, CudaError error, long neededBytes, long freeBytes, long totalBytes)
        : base(call, error, $"needed {neededBytes:N0} bytes, free {freeBytes:N0} of {totalBytes:N0} bytes")
    {
        NeededBytes = neededBytes;
        FreeBytes = freeBytes;
        TotalBytes = totalBytes;
    }

    /// <summary>What the allocation asked the driver for.</summary>
    public long NeededBytes { get; }

    /// <summary>What was free on the device afterwards.</summary>
    public long FreeBytes { get; }

    /// <summary>The device's memory.</summary>
    public long TotalBytes { get; }
}
