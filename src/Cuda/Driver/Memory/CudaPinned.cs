using System.Runtime.CompilerServices;

namespace Stof.Reference.Cuda.Driver;

/// <summary>
/// Host memory that the device copies from and to by itself, at full speed and while the host goes on. It must outlive the copies that were
/// enqueued on it.
/// </summary>
public sealed class CudaPinned : IDisposable
{
    private readonly CudaHandle _handle;

    private CudaPinned(CudaHandle handle, long bytes)
    {
        _handle = handle;
        Bytes = bytes;
    }

    /// <summary>Size in bytes.</summary>
    public long Bytes { get; }

    internal CudaHandle Handle => _handle;

    /// <summary>The memory as numbers. Not to be used after the memory is disposed.</summary>
    /// <exception cref="InvalidInputException">The size is no multiple of the type's, or too long for a span.</exception>
    /// <exception cref="ObjectDisposedException">The memory was disposed.</exception>
    public unsafe Span<T> AsSpan<T>()
        where T : unmanaged
    {
        ObjectDisposedException.ThrowIf(_handle.IsClosed, this);
        var count = Bytes / Unsafe.SizeOf<T>();
        return Bytes % Unsafe.SizeOf<T>() == 0 && count <= int.MaxValue
            ? new Span<T>((void*)_handle.DangerousGetHandle(), (int)count)
            : throw new InvalidInputException(
                "pinned memory",
                $"{Bytes:N0} bytes",
                $"a multiple of {Unsafe.SizeOf<T>()} bytes, at most {int.MaxValue:N0} of them");
    }

    /// <inheritdoc/>
    public void Dispose() => _handle.Dispose();

    internal static CudaPinned Allocate(PrimaryContext context, long bytes)
    {
        if (bytes <= 0)
        {
            throw new InvalidInputException("pinned bytes", $"{bytes:N0}", "at least 1");
        }

        var handle = CudaHandle.Create(
            context,
            "cuMemHostAlloc",
            (api, out raw) => api.MemHostAlloc(out raw, (nuint)bytes, 0),
            static (api, raw) => api.MemFreeHost(raw));
        return new CudaPinned(handle, bytes);
    }
}
