namespace Stof.Reference.Cuda.Driver;

/// <summary>
/// A buffer in device memory. Disposing hands it back to the context's pool, also while work on it is still pending: the pool knows the
/// streams that used it.
/// </summary>
public sealed class CudaMemory : IDisposable
{
    private readonly CudaHandle _handle;

    internal CudaMemory(CudaHandle handle, Block block, long bytes)
    {
        _handle = handle;
        Block = block;
        Bytes = bytes;
    }

    /// <summary>Size in bytes, as asked for.</summary>
    public long Bytes { get; }

    /// <summary>Address on the device, aligned to at least 256 bytes.</summary>
    /// <exception cref="ObjectDisposedException">The buffer was disposed.</exception>
    public ulong Address
    {
        get
        {
            ObjectDisposedException.ThrowIf(_handle.IsClosed, this);
            return Block.Pointer;
        }
    }

    /// <summary>The allocation behind it.</summary>
    internal Block Block { get; }

    /// <summary>Keeps it out of the pool and names its context.</summary>
    internal CudaHandle Handle => _handle;

    /// <summary>The whole buffer as a view.</summary>
    public static implicit operator CudaMemoryView(CudaMemory memory) => memory.View();

    /// <summary>The whole buffer.</summary>
    public CudaMemoryView View() => new(this, 0, Bytes);

    /// <summary>A part of the buffer.</summary>
    /// <param name="offset">First byte.</param>
    /// <param name="bytes">Length in bytes.</param>
    /// <exception cref="InvalidInputException">The part is empty or leaves the buffer.</exception>
    public CudaMemoryView Slice(long offset, long bytes) => View().Slice(offset, bytes);

    /// <inheritdoc/>
    public void Dispose() => _handle.Dispose();
}
