namespace Stof.Reference.Cuda.Driver;

/// <summary>
/// A fault on the device has ended the context: its memory and modules are gone, and nothing runs in it any more. The process itself is
/// sound and can go on with the CPU.
/// </summary>
public sealed class CudaContextLostException : CudaException
{
    /// <summary>The call that found the fault.</summary>
    /// <param name="device">The device, for people.</param>
    /// <param name="call">The call that returned the error; the kernel at fault may have been launched earlier.</param>
    /// <param name="error">What it returned.</param>
    public CudaContextLostException(string device, string call, CudaError error)
        : base(call, error, $"{Describe(call, error, "")}; {Consequence(device)}", null)
    {
    }

    /// <summary>A later call, which was not made.</summary>
    public CudaContextLostException(string device, string refusedCall, CudaContextLostException cause)
        : base(
            refusedCall,
            cause.Error,
            $"{refusedCall}: not called, because {cause.Call} returned {cause.Error.Name} ({cause.Error.Code}) before; {Consequence(device)}",
            cause)
    {
    }

    private static string Consequence(string device) => $"the context of {device} is gone; the process can go on with the CPU";
}
