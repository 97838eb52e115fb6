using Stof.Reference.OpenCL.Api;

namespace Stof.Reference.OpenCL;

/// <summary>Memory of a device.</summary>
public sealed class OpenClBuffer : IDisposable
{
    internal OpenClBuffer(ClHandle handle, long bytes) => (Memory, Bytes) = (handle, bytes);

    /// <summary>Size in bytes.</summary>
    public long Bytes { get; }

    /// <summary>The memory object.</summary>
    internal ClHandle Memory { get; }

    /// <inheritdoc/>
    public void Dispose() => Memory.Dispose();
}
