using Stof.Reference.Cuda.Driver.Api;

namespace Stof.Reference.Cuda.Driver;

/// <summary>A mark in a stream that can be waited for and that takes the time.</summary>
public sealed class CudaEvent : IDisposable
{
    private readonly CudaHandle _handle;

    private CudaEvent(CudaHandle handle) => _handle = handle;

    internal CudaHandle Handle => _handle;

    private PrimaryContext Context => _handle.Context;

    /// <summary>Enqueues the mark.</summary>
    public void Record(CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        Require(stream.Handle.Context);
        using var raw = _handle.Use();
        using var queue = stream.Begin("cuEventRecord");
        Context.Check(Context.Api.EventRecord(raw.Value, queue.Value), "cuEventRecord");
    }

    /// <summary>Waits until the mark is reached.</summary>
    public void Synchronize()
    {
        Context.Enter("cuEventSynchronize");
        using var raw = _handle.Use();
        Context.Check(Context.Api.EventSynchronize(raw.Value), "cuEventSynchronize");
    }

    /// <summary>True if the mark is reached.</summary>
    public bool IsReached()
    {
        Context.Enter("cuEventQuery");
        using var raw = _handle.Use();
        var result = Context.Api.EventQuery(raw.Value);
        if (result == CudaResult.NotReady)
        {
            return false;
        }

        Context.Check(result, "cuEventQuery");
        return true;
    }

    /// <summary>Milliseconds of device time from an earlier mark to this one; both were reached. Resolution about half a µs.</summary>
    public float MillisecondsSince(CudaEvent start)
    {
        ArgumentNullException.ThrowIfNull(start);
        start.Require(Context);
        Context.Enter("cuEventElapsedTime");
        using var first = start._handle.Use();
        using var last = _handle.Use();
        Context.Check(Context.Api.EventElapsedTime(out var milliseconds, first.Value, last.Value), "cuEventElapsedTime");
        return milliseconds;
    }

    /// <inheritdoc/>
    public void Dispose() => _handle.Dispose();

    internal static CudaEvent Create(PrimaryContext context) => new(CudaHandle.Create(
        context,
        "cuEventCreate",
        static (api, out raw) => api.EventCreate(out raw, 0),
        static (api, raw) => api.EventDestroy(raw)));

    internal void Require(PrimaryContext context)
    {
        if (!_handle.LivesIn(context))
        {
            throw new InvalidInputException("event", "an event of another context, or disposed", $"an event of {context.Device}'s context");
        }
    }
}
