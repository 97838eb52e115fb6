using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Stof.Reference.Cuda.Driver.Api;

namespace Stof.Reference.Cuda.Driver;

/// <summary>A queue of work on the device: what is enqueued runs in order.</summary>
[SuppressMessage("Naming", "CA1711:Identifiers should not have incorrect suffix", Justification = "A stream is CUDA's term.")]
public sealed class CudaStream : IDisposable
{
    private const uint NonBlocking = 1;
    private const int CaptureThreadLocal = 1;

    private static long _lastId;

    private readonly CudaHandle _handle;

    private List<CudaMemory>? _captured;

    private CudaStream(CudaHandle handle)
    {
        _handle = handle;
        Id = Interlocked.Increment(ref _lastId);
    }

    /// <summary>True while what is enqueued becomes a graph instead of running.</summary>
    public bool IsCapturing => _captured is not null;

    /// <summary>A number that no other stream of the process ever had; raw handles come back.</summary>
    internal long Id { get; }

    internal CudaHandle Handle => _handle;

    private PrimaryContext Context => _handle.Context;

    /// <summary>Takes device memory whose first use is on this stream: the cheapest way, for it needs no waiting.</summary>
    /// <inheritdoc cref="CudaContext.Allocate(long)"/>
    public CudaMemory Allocate(long bytes)
    {
        ObjectDisposedException.ThrowIf(_handle.IsClosed, this);
        return CudaContext.Allocate(Context, bytes, Id);
    }

    /// <summary>Copies numbers to the device and waits.</summary>
    /// <exception cref="InvalidInputException">Sizes differ, the memory is foreign, or the stream is being captured.</exception>
    public unsafe void Upload<T>(ReadOnlySpan<T> source, CudaMemoryView target)
        where T : unmanaged
    {
        RequireSize(target.Bytes, (long)source.Length * Unsafe.SizeOf<T>(), "upload");
        RequireNoCapture("upload");
        fixed (T* pointer = source)
        {
            using var stream = Begin("cuMemcpyHtoDAsync_v2", target);
            Check(Context.Api.MemcpyHtoDAsync(target.Address, pointer, (nuint)target.Bytes, stream.Value), "cuMemcpyHtoDAsync_v2");
            Synchronize();
            GC.KeepAlive(target.Memory);
        }
    }

    /// <summary>Copies numbers from the device, after all that was enqueued before.</summary>
    /// <exception cref="InvalidInputException">Sizes differ, the memory is foreign, or the stream is being captured.</exception>
    public unsafe void Download<T>(CudaMemoryView source, Span<T> target)
        where T : unmanaged
    {
        RequireSize(source.Bytes, (long)target.Length * Unsafe.SizeOf<T>(), "download");
        RequireNoCapture("download");
        fixed (T* pointer = target)
        {
            using var stream = Begin("cuMemcpyDtoHAsync_v2", source);
            Check(Context.Api.MemcpyDtoHAsync(pointer, source.Address, (nuint)source.Bytes, stream.Value), "cuMemcpyDtoHAsync_v2");
            Synchronize();
            GC.KeepAlive(source.Memory);
        }
    }

    /// <summary>Enqueues a copy to the device. The pinned memory must stay untouched until it has run.</summary>
    /// <exception cref="InvalidInputException">Sizes differ, or the memory is foreign.</exception>
    public unsafe void EnqueueUpload(CudaPinned source, CudaMemoryView target)
    {
        using var host = Host(source, target.Bytes, "upload");
        using var stream = Begin("cuMemcpyHtoDAsync_v2", target);
        Check(Context.Api.MemcpyHtoDAsync(target.Address, (void*)host.Value, (nuint)target.Bytes, stream.Value), "cuMemcpyHtoDAsync_v2");
        GC.KeepAlive(target.Memory);
    }

    /// <summary>Enqueues a copy from the device. The pinned memory holds it once the stream was waited for.</summary>
    /// <exception cref="InvalidInputException">Sizes differ, or the memory is foreign.</exception>
    public unsafe void EnqueueDownload(CudaMemoryView source, CudaPinned target)
    {
        using var host = Host(target, source.Bytes, "download");
        using var stream = Begin("cuMemcpyDtoHAsync_v2", source);
        Check(Context.Api.MemcpyDtoHAsync((void*)host.Value, source.Address, (nuint)source.Bytes, stream.Value), "cuMemcpyDtoHAsync_v2");
        GC.KeepAlive(source.Memory);
    }

    /// <summary>Enqueues a copy on the device.</summary>
    /// <exception cref="InvalidInputException">Sizes differ, or the memory is foreign.</exception>
    public void EnqueueCopy(CudaMemoryView source, CudaMemoryView target)
    {
        RequireSize(target.Bytes, source.Bytes, "copy");
        using var stream = Begin("cuMemcpyDtoDAsync_v2", source, target);
        Check(Context.Api.MemcpyDtoDAsync(target.Address, source.Address, (nuint)source.Bytes, stream.Value), "cuMemcpyDtoDAsync_v2");
        GC.KeepAlive(source.Memory);
        GC.KeepAlive(target.Memory);
    }

    /// <summary>Enqueues setting every byte.</summary>
    public void EnqueueFill(CudaMemoryView target, byte value)
    {
        using var stream = Begin("cuMemsetD8Async", target);
        Check(Context.Api.MemsetD8Async(target.Address, value, (nuint)target.Bytes, stream.Value), "cuMemsetD8Async");
        GC.KeepAlive(target.Memory);
    }

    /// <summary>Enqueues setting every 32-bit word.</summary>
    /// <exception cref="InvalidInputException">Address or size is no multiple of four bytes, or the memory is foreign.</exception>
    public void EnqueueFill(CudaMemoryView target, uint value)
    {
        target.Require(Context, "fill", sizeof(uint));
        if (target.Bytes % sizeof(uint) != 0)
        {
            throw new InvalidInputException("fill", $"{target.Bytes:N0} bytes", "a multiple of 4 bytes");
        }

        using var stream = Begin("cuMemsetD32Async", target);
        Check(Context.Api.MemsetD32Async(target.Address, value, (nuint)(target.Bytes / sizeof(uint)), stream.Value), "cuMemsetD32Async");
        GC.KeepAlive(target.Memory);
    }

    /// <summary>Makes later work wait for what an event marks.</summary>
    public void Wait(CudaEvent marker)
    {
        ArgumentNullException.ThrowIfNull(marker);
        marker.Require(Context);
        using var raw = marker.Handle.Use();
        using var stream = Begin("cuStreamWaitEvent");
        Check(Context.Api.StreamWaitEvent(stream.Value, raw.Value, 0), "cuStreamWaitEvent");
    }

    /// <summary>Waits for all work enqueued so far; faults of kernels show here.</summary>
    public void Synchronize()
    {
        RequireNoCapture("synchronise");
        using var stream = Begin("cuStreamSynchronize");
        var snapshot = Context.Pool.Snapshot();
        Check(Context.Api.StreamSynchronize(stream.Value), "cuStreamSynchronize");
        Context.Pool.MarkIdle(Id, snapshot);
    }

    /// <summary>True if nothing is pending.</summary>
    public bool IsIdle()
    {
        using var stream = Begin("cuStreamQuery");
        var result = Context.Api.StreamQuery(stream.Value);
        if (result == CudaResult.NotReady)
        {
            return false;
        }

        Check(result, "cuStreamQuery");
        return true;
    }

    /// <summary>
    /// Records what an action enqueues on this stream as a graph; nothing runs. Memory must be allocated, and modules loaded, before. The
    /// graph keeps the buffers out of the pool until it is disposed.
    /// </summary>
    /// <param name="enqueue">Enqueues the work, on the calling thread.</param>
    /// <exception cref="CudaException">The driver refuses a call during the capture.</exception>
    public CudaGraph Capture(Action enqueue)
    {
        ArgumentNullException.ThrowIfNull(enqueue);
        RequireNoCapture("capture");
        using (var stream = Begin("cuStreamBeginCapture_v2"))
        {
            Check(Context.Api.StreamBeginCapture(stream.Value, CaptureThreadLocal), "cuStreamBeginCapture_v2");
        }

        _captured = [];
        Interlocked.Increment(ref Context.Captures);
        try
        {
            enqueue();
        }
        catch
        {
            // The stream leaves capture mode, and what was recorded is thrown away.
            EndCapture(out var partial);
            if (partial != 0)
            {
                Context.Api.GraphDestroy(partial);
            }

            throw;
        }

        var captured = _captured;
        var result = EndCapture(out var graph);
        if (result != CudaResult.Success && graph != 0)
        {
            Context.Api.GraphDestroy(graph);
        }

        Check(result, "cuStreamEndCapture");
        return CudaGraph.Instantiate(Context, graph, captured);
    }

    /// <inheritdoc/>
    public void Dispose() => _handle.Dispose();

    internal static CudaStream Create(PrimaryContext context) => new(CudaHandle.Create(
        context,
        "cuStreamCreate",
        static (api, out raw) => api.StreamCreate(out raw, NonBlocking),
        static (api, raw) => api.StreamDestroy(raw)));

    /// <summary>First step of everything that uses the stream: the context is current, and buffers are known to be in use.</summary>
    internal HandleUse Begin(string call, params ReadOnlySpan<CudaMemoryView> buffers)
    {
        foreach (var buffer in buffers)
        {
            buffer.Require(Context, call);
        }

        Context.Enter(call);
        var use = _handle.Use();
        foreach (var buffer in buffers)
        {
            MarkUsed(buffer.Memory);
        }

        return use;
    }

    /// <summary>Notes that work on this stream uses a buffer.</summary>
    internal void MarkUsed(CudaMemory memory)
    {
        if (_captured is { } captured)
        {
            captured.Add(memory);
        }
        else
        {
            memory.Block.MarkUsed(Id);
        }
    }

    internal void RequireNoCapture(string argument)
    {
        if (IsCapturing)
        {
            throw new InvalidInputException(argument, "a stream that is being captured", "a call outside the capture");
        }
    }

    private static void RequireSize(long found, long expected, string argument)
    {
        if (found != expected)
        {
            throw new InvalidInputException(argument, $"a range of {found:N0} bytes", $"{expected:N0} bytes, as the other side has");
        }
    }

    private HandleUse Host(CudaPinned pinned, long bytes, string argument)
    {
        ArgumentNullException.ThrowIfNull(pinned);
        RequireSize(bytes, pinned.Bytes, argument);
        return pinned.Handle.LivesIn(Context)
            ? pinned.Handle.Use()
            : throw new InvalidInputException(argument, "pinned memory of another context, or disposed", "pinned memory of this context");
    }

    private CudaResult EndCapture(out nint graph)
    {
        _captured = null;
        Interlocked.Decrement(ref Context.Captures);
        using var stream = _handle.Use();
        return Context.Api.StreamEndCapture(stream.Value, out graph);
    }

    private void Check(CudaResult result, string call) => Context.Check(result, call);
}
