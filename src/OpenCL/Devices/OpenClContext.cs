using System.Runtime.InteropServices;
using Stof.Reference.OpenCL.Api;

namespace Stof.Reference.OpenCL;

/// <summary>
/// A device in use: its context and its queue, in which commands run in order. A failed command is an exception that names call and code.
/// Not thread-safe, but for <see cref="Handle"/>, in which programs may be built on any thread.
/// </summary>
public sealed unsafe class OpenClContext : IDisposable
{
    private const nint ContextPlatform = 0x1084;

    private readonly ClHandle _queue;
    private ClHandle? _timed; // a queue that takes times, which makes launches slower
    private List<nint>? _marks; // events of the launches that are timed

    /// <summary>Opens a device.</summary>
    /// <exception cref="InvalidInputException">The device cannot be used.</exception>
    /// <exception cref="OpenClException">OpenCL refuses.</exception>
    public OpenClContext(OpenClDevice device)
    {
        ArgumentNullException.ThrowIfNull(device);
        if (device.Refusal is { } refusal)
        {
            throw new InvalidInputException(device.Address, refusal, "a device that can be used");
        }

        Device = device;
        Handle = ClHandle.Create(
            "clCreateContext",
            error =>
            {
                var properties = stackalloc nint[] { ContextPlatform, device.PlatformHandle, 0 };
                var id = device.Handle;
                return Api.CreateContext(properties, 1, &id, 0, 0, error);
            },
            Api.ReleaseContext,
            device.Name);
        try
        {
            _queue = Queue(0);
        }
        catch
        {
            Handle.Dispose();
            throw;
        }
    }

    /// <summary>The device.</summary>
    public OpenClDevice Device { get; }

    /// <summary>The context, for building programs.</summary>
    internal ClHandle Handle { get; }

    /// <summary>The calls.</summary>
    internal IOpenClApi Api => Device.Api;

    /// <summary>Reserves memory that holds whatever was there.</summary>
    /// <param name="bytes">Size; a buffer has at least one byte, so that even a tensor without elements has one.</param>
    /// <exception cref="InvalidInputException">More than the device gives one buffer.</exception>
    /// <exception cref="OpenClException">The device has too little memory.</exception>
    public OpenClBuffer Allocate(long bytes)
    {
        bytes = Math.Max(bytes, 1);
        if (bytes > Device.MaxBufferBytes)
        {
            throw new InvalidInputException("buffer", $"{bytes:N0} bytes", $"at most {Device.MaxBufferBytes:N0}, the device's limit for one buffer");
        }

        return new OpenClBuffer(
            ClHandle.Create(
                "clCreateBuffer",
                error => Api.CreateBuffer(Handle.Value, ClConstants.MemReadWrite, (nuint)bytes, null, error),
                Api.ReleaseMemObject,
                $"{bytes:N0} bytes"),
            bytes);
    }

    /// <summary>Reserves memory and copies values there.</summary>
    /// <exception cref="OpenClException">The device has too little memory.</exception>
    public OpenClBuffer Upload<T>(ReadOnlySpan<T> values)
        where T : unmanaged
    {
        var bytes = MemoryMarshal.AsBytes(values);
        var buffer = Allocate(bytes.Length);
        try
        {
            Write(buffer, bytes);
            return buffer;
        }
        catch
        {
            buffer.Dispose();
            throw;
        }
    }

    /// <summary>Copies from the host to a buffer; done when the call returns.</summary>
    /// <exception cref="InvalidInputException">The bytes do not fit.</exception>
    public void Write(OpenClBuffer buffer, ReadOnlySpan<byte> bytes, long offset = 0)
    {
        ArgumentNullException.ThrowIfNull(buffer);
        RequireRange(buffer, offset, bytes.Length);
        if (bytes.IsEmpty)
        {
            return;
        }

        fixed (byte* source = bytes)
        {
            Check(
                Api.EnqueueWriteBuffer(_queue.Value, buffer.Memory.Value, 1, (nuint)offset, (nuint)bytes.Length, source, 0, null, null), "clEnqueueWriteBuffer");
        }
    }

    /// <summary>Copies from a buffer to the host, after everything that was started before.</summary>
    /// <exception cref="InvalidInputException">The bytes are not there.</exception>
    public void Read(OpenClBuffer buffer, Span<byte> bytes, long offset = 0)
    {
        ArgumentNullException.ThrowIfNull(buffer);
        RequireRange(buffer, offset, bytes.Length);
        if (bytes.IsEmpty)
        {
            return;
        }

        fixed (byte* target = bytes)
        {
            Check(Api.EnqueueReadBuffer(_queue.Value, buffer.Memory.Value, 1, (nuint)offset, (nuint)bytes.Length, target, 0, null, null), "clEnqueueReadBuffer");
        }
    }

    /// <summary>Sets every byte of a buffer.</summary>
    public void Fill(OpenClBuffer buffer, byte value)
    {
        ArgumentNullException.ThrowIfNull(buffer);
        Check(
            Api.EnqueueFillBuffer(_queue.Value, buffer.Memory.Value, &value, 1, 0, (nuint)buffer.Bytes, 0, null, null), "clEnqueueFillBuffer");
    }

    /// <summary>Starts a kernel whose arguments are set.</summary>
    /// <param name="kernel">The kernel.</param>
    /// <param name="groups">Work-groups along each axis.</param>
    /// <param name="items">Work-items of a group along each axis.</param>
    /// <exception cref="OpenClException">OpenCL refuses the launch.</exception>
    public void Launch(OpenClKernel kernel, WorkSize groups, WorkSize items)
    {
        nint mark = 0;
        Launch(kernel, groups, items, _marks is null ? null : &mark);
        _marks?.Add(mark);
    }

    /// <summary>Times runs by the device's own clock: started one after the other, each from the start of its first kernel to the end of its last.</summary>
    /// <param name="runs">Number of runs.</param>
    /// <param name="start">Launches one or more kernels.</param>
    /// <returns>Seconds of each run, without what launching costs the host.</returns>
    /// <exception cref="OpenClException">OpenCL refuses a launch.</exception>
    public IReadOnlyList<double> Time(int runs, Action start)
    {
        ArgumentNullException.ThrowIfNull(start);
        var (marks, ends) = (new List<nint>(), new int[runs]);
        Finish();
        _timed ??= Queue(ClConstants.QueueProfiling);
        _marks = marks;
        try
        {
            for (var run = 0; run < runs; run++)
            {
                start();
                ends[run] = marks.Count;
            }

            Check(Api.Finish(_timed.Value), "clFinish");
            return [.. Enumerable.Range(0, runs).Select(run => At(marks[ends[run] - 1], ClConstants.ProfilingCommandEnd) - At(marks[run == 0 ? 0 : ends[run - 1]], ClConstants.ProfilingCommandStart))];
        }
        finally
        {
            _marks = null;
            foreach (var mark in marks)
            {
                Api.ReleaseEvent(mark);
            }
        }
    }

    /// <summary>Waits for everything that was started.</summary>
    /// <exception cref="OpenClException">A command failed.</exception>
    public void Finish() => Check(Api.Finish(_queue.Value), "clFinish");

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_queue.IsClosed)
        {
            Api.Finish(_queue.Value); // kernels must not outlive the buffers that their owner frees next
        }

        _timed?.Dispose();
        _queue.Dispose();
        Handle.Dispose();
    }

    private static void RequireRange(OpenClBuffer buffer, long offset, long length)
    {
        if (offset < 0 || offset + length > buffer.Bytes)
        {
            throw new InvalidInputException("buffer", $"{length:N0} bytes from {offset:N0}", $"a part of its {buffer.Bytes:N0} bytes");
        }
    }

    private ClHandle Queue(ulong properties) => ClHandle.Create(
        "clCreateCommandQueue", error => Api.CreateCommandQueue(Handle.Value, Device.Handle, properties, error), Api.ReleaseCommandQueue);

    private double At(nint mark, uint name) => 1e-9 * InfoReader.Value<ulong>(
        "clGetEventProfilingInfo", (size, value, needed) => Api.GetEventProfilingInfo(mark, name, size, value, needed));

    private static void Check(ClResult result, string call, string detail = "") => InfoReader.Check(result, call, detail);

    private void Launch(OpenClKernel kernel, WorkSize groups, WorkSize items, nint* done)
    {
        ArgumentNullException.ThrowIfNull(kernel);
        kernel.RequireArguments();
        var global = stackalloc nuint[] { (nuint)(groups.X * items.X), (nuint)(groups.Y * items.Y), (nuint)(groups.Z * items.Z) };
        var local = stackalloc nuint[] { (nuint)items.X, (nuint)items.Y, (nuint)items.Z };
        Check(
            Api.EnqueueNDRangeKernel((done is null ? _queue : _timed!).Value, kernel.Handle, 3, null, global, local, 0, null, done),
            "clEnqueueNDRangeKernel",
            $"{kernel.Name}, {groups} groups of {items}");
    }
}
