namespace Stof.Reference.OpenCL.Api;

/// <summary>The calls as the installed loader answers them.</summary>
internal sealed unsafe class LibOpenCl : IOpenClApi
{
    /// <summary>The only instance: the library is loaded once a process.</summary>
    public static readonly LibOpenCl Instance = new();

    private LibOpenCl()
    {
    }

    public bool TryLoad(out string failure)
    {
        var loaded = NativeMethods.TryLoad();
        failure = loaded ? "" : $"{string.Join(" and ", NativeMethods.FileNames)} not found";
        return loaded;
    }

    public ClResult GetPlatformIDs(uint entries, nint* platforms, uint* count) =>
        NativeMethods.GetPlatformIDs(entries, platforms, count);

    public ClResult GetPlatformInfo(nint platform, uint name, nuint size, void* value, nuint* needed) =>
        NativeMethods.GetPlatformInfo(platform, name, size, value, needed);

    public ClResult GetDeviceIDs(nint platform, ulong type, uint entries, nint* devices, uint* count) =>
        NativeMethods.GetDeviceIDs(platform, type, entries, devices, count);

    public ClResult GetDeviceInfo(nint device, uint name, nuint size, void* value, nuint* needed) =>
        NativeMethods.GetDeviceInfo(device, name, size, value, needed);

    public nint CreateContext(nint* properties, uint devices, nint* ids, nint notify, nint data, ClResult* error) =>
        NativeMethods.CreateContext(properties, devices, ids, notify, data, error);

    public ClResult ReleaseContext(nint context) =>
        NativeMethods.ReleaseContext(context);

    public nint CreateCommandQueue(nint context, nint device, ulong properties, ClResult* error) =>
        NativeMethods.CreateCommandQueue(context, device, properties, error);

    public ClResult ReleaseCommandQueue(nint queue) =>
        NativeMethods.ReleaseCommandQueue(queue);

    public ClResult Finish(nint queue) =>
        NativeMethods.Finish(queue);

    public nint CreateBuffer(nint context, ulong flags, nuint size, void* host, ClResult* error) =>
        NativeMethods.CreateBuffer(context, flags, size, host, error);

    public ClResult ReleaseMemObject(nint memory) =>
        NativeMethods.ReleaseMemObject(memory);

    public ClResult EnqueueWriteBuffer(
        nint queue,
        nint buffer,
        uint blocking,
        nuint offset,
        nuint size,
        void* source,
        uint waits,
        nint* waitFor,
        nint* done) =>
        NativeMethods.EnqueueWriteBuffer(queue, buffer, blocking, offset, size, source, waits, waitFor, done);

    public ClResult EnqueueReadBuffer(
        nint queue,
        nint buffer,
        uint blocking,
        nuint offset,
        nuint size,
        void* target,
        uint waits,
        nint* waitFor,
        nint* done) =>
        NativeMethods.EnqueueReadBuffer(queue, buffer, blocking, offset, size, target, waits, waitFor, done);

    public ClResult EnqueueFillBuffer(
        nint queue,
        nint buffer,
        void* pattern,
        nuint patternSize,
        nuint offset,
        nuint size,
        uint waits,
        nint* waitFor,
        nint* done) =>
        NativeMethods.EnqueueFillBuffer(queue, buffer, pattern, patternSize, offset, size, waits, waitFor, done);

    public nint CreateProgramWithSource(nint context, uint count, byte** texts, nuint* lengths, ClResult* error) =>
        NativeMethods.CreateProgramWithSource(context, count, texts, lengths, error);

    public nint CreateProgramWithBinary(
        nint context,
        uint devices,
        nint* ids,
        nuint* lengths,
        byte** binaries,
        ClResult* statuses,
        ClResult* error) =>
        NativeMethods.CreateProgramWithBinary(context, devices, ids, lengths, binaries, statuses, error);

    public ClResult BuildProgram(nint program, uint devices, nint* ids, byte* options, nint notify, nint data) =>
        NativeMethods.BuildProgram(program, devices, ids, options, notify, data);

    public ClResult GetProgramInfo(nint program, uint name, nuint size, void* value, nuint* needed) =>
        NativeMethods.GetProgramInfo(program, name, size, value, needed);

    public ClResult GetProgramBuildInfo(nint program, nint device, uint name, nuint size, void* value, nuint* needed) =>
        NativeMethods.GetProgramBuildInfo(program, device, name, size, value, needed);

    public ClResult ReleaseProgram(nint program) =>
        NativeMethods.ReleaseProgram(program);

    public nint CreateKernel(nint program, byte* name, ClResult* error) =>
        NativeMethods.CreateKernel(program, name, error);

    public ClResult ReleaseKernel(nint kernel) =>
        NativeMethods.ReleaseKernel(kernel);

    public ClResult GetKernelInfo(nint kernel, uint name, nuint size, void* value, nuint* needed) =>
        NativeMethods.GetKernelInfo(kernel, name, size, value, needed);

    public ClResult GetKernelWorkGroupInfo(nint kernel, nint device, uint name, nuint size, void* value, nuint* needed) =>
        NativeMethods.GetKernelWorkGroupInfo(kernel, device, name, size, value, needed);

    public ClResult SetKernelArg(nint kernel, uint index, nuint size, void* value) =>
        NativeMethods.SetKernelArg(kernel, index, size, value);

    public ClResult EnqueueNDRangeKernel(
        nint queue,
        nint kernel,
        uint dimensions,
        nuint* offset,
        nuint* global,
        nuint* local,
        uint waits,
        nint* waitFor,
        nint* done) =>
        NativeMethods.EnqueueNDRangeKernel(queue, kernel, dimensions, offset, global, local, waits, waitFor, done);

    public ClResult GetEventProfilingInfo(nint done, uint name, nuint size, void* value, nuint* needed) =>
        NativeMethods.GetEventProfilingInfo(done, name, size, value, needed);

    public ClResult ReleaseEvent(nint done) =>
        NativeMethods.ReleaseEvent(done);
}
