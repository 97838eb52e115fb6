using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Simulator;

namespace Stof.Reference.Cuda.Execution;

/// <summary>Memory of a device.</summary>
public interface IDeviceBuffer : IDisposable
{
    /// <summary>Address of the first byte; what a device allocates starts at a multiple of 256.</summary>
    ulong Address { get; }

    /// <summary>Size in bytes.</summary>
    long Bytes { get; }
}

/// <summary>
/// What runs kernels: a GPU through the driver, or the simulator. The backend knows no other difference between them. Calls are in order, and
/// a read waits for what was launched before it. Not thread-safe.
/// </summary>
public interface IKernelDevice : IDisposable
{
    /// <summary>Device name for people.</summary>
    string Name { get; }

    /// <summary>What kernels for it are built for.</summary>
    Target Target { get; }

    /// <summary>Multiprocessors.</summary>
    int Multiprocessors { get; }

    /// <summary>Size of the second-level cache.</summary>
    long CacheBytes { get; }

    /// <summary>True if a launch returns before it has run, so that the host's clock does not tell how long it takes.</summary>
    bool IsAsynchronous { get; }

    /// <summary>Reserves memory that holds whatever was there.</summary>
    /// <param name="bytes">Size, 1 or more.</param>
    IDeviceBuffer Allocate(long bytes);

    /// <summary>Copies from the host to the start of a buffer.</summary>
    void Write(IDeviceBuffer buffer, ReadOnlySpan<byte> bytes);

    /// <summary>Copies from the start of a buffer to the host.</summary>
    void Read(IDeviceBuffer buffer, Span<byte> bytes);

    /// <summary>True if a kernel can be run as it is meant to; false if its compiler found too few registers, which is reported.</summary>
    bool Takes(Kernel kernel);

    /// <summary>Runs a kernel.</summary>
    /// <param name="parameters">The kernel, built for <see cref="Target"/> or for an older one, and its parameters.</param>
    /// <param name="grid">Blocks.</param>
    void Launch(LaunchParameters parameters, Grid grid);

    /// <summary>Records launches to be run together, as often as wanted; kernels are compiled now.</summary>
    IDeviceProgram Record(IReadOnlyList<KernelStep> steps);
}
