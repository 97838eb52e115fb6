using System.Runtime.InteropServices;

namespace Stof.Reference.Cuda.Execution;

/// <summary>The buffers of one run, freed together.</summary>
/// <param name="device">Whose memory.</param>
internal sealed class DeviceMemory(IKernelDevice device) : IDisposable
{
    private readonly List<IDeviceBuffer> _buffers = [];

    /// <summary>Reserves memory; even a tensor without elements has an address.</summary>
    public IDeviceBuffer Allocate(long bytes)
    {
        var buffer = device.Allocate(Math.Max(bytes, 1));
        _buffers.Add(buffer);
        return buffer;
    }

    /// <summary>Reserves memory and copies values there.</summary>
    public IDeviceBuffer Upload<T>(ReadOnlySpan<T> values)
        where T : unmanaged
    {
        var bytes = MemoryMarshal.AsBytes(values);
        var buffer = Allocate(bytes.Length);
        if (bytes.Length > 0)
        {
            device.Write(buffer, bytes);
        }

        return buffer;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var buffer in _buffers)
        {
            buffer.Dispose();
        }
    }
}
