namespace Stof.Reference.OpenCL.Api;

/// <summary>
/// The calls as cl.h declares them: the one seam between this layer and libOpenCL. Methods carry cl.h's names without <c>cl</c>; what creates
/// an object returns it and tells its result through the last argument.
/// </summary>
internal unsafe interface IOpenClApi
{
    /// <summary>Finds the loader; false with the reason if there is none. Every other call needs true first.</summary>
    bool TryLoad(out string failure);

    ClResult GetPlatformIDs(uint entries, nint* platforms, uint* count);

    ClResult GetPlatformInfo(nint platform, uint name, nuint size, void* value, nuint* needed);

    ClResult GetDeviceIDs(nint platform, ulong type, uint entries, nint* devices, uint* count);

    ClResult GetDeviceInfo(nint device, uint name, nuint size, void* value, nuint* needed);

    nint CreateContext(nint* properties, uint devices, nint* ids, nint notify, nint data, ClResult* error);

    ClResult ReleaseContext(nint context);

    nint CreateCommandQueue(nint context, nint device, ulong properties, ClResult* error);

    ClResult ReleaseCommandQueue(nint queue);

    ClResult Finish(nint queue);

    nint CreateBuffer(nint context, ulong flags, nuint size, void* host, ClResult* error);

    ClResult ReleaseMemObject(nint memory);

    ClResult EnqueueWriteBuffer(
        nint queue,
        nint buffer,
        uint blocking,
        nuint offset,
        nuint size,
        void* source,
        uint waits,
        nint* waitFor,
        nint* done);

    ClResult EnqueueReadBuffer(
        nint queue,
        nint buffer,
        uint blocking,
        nuint offset,
        nuint size,
        void* target,
        uint waits,
        nint* waitFor,
        nint* done);

    ClResult EnqueueFillBuffer(
        nint queue,
        nint buffer,
        void* pattern,
        nuint patternSize,
        nuint offset,
        nuint size,
        uint waits,
        nint* waitFor,
        nint* done);

    nint CreateProgramWithSource(nint context, uint count, byte** texts, nuint* lengths, ClResult* error);

    nint CreateProgramWithBinary(
        nint context,
        uint devices,
        nint* ids,
        nuint* lengths,
        byte** binaries,
        ClResult* statuses,
        ClResult* error);

    ClResult BuildProgram(nint program, uint devices, nint* ids, byte* options, nint notify, nint data);

    ClResult GetProgramInfo(nint program, uint name, nuint size, void* value, nuint* needed);

    ClResult GetProgramBuildInfo(nint program, nint device, uint name, nuint size, void* value, nuint* needed);

    ClResult ReleaseProgram(nint program);

    nint CreateKernel(nint program, byte* name, ClResult* error);

    ClResult ReleaseKernel(nint kernel);

    ClResult GetKernelInfo(nint kernel, uint name, nuint size, void* value, nuint* needed);

    ClResult GetKernelWorkGroupInfo(nint kernel, nint device, uint name, nuint size, void* value, nuint* needed);

    ClResult SetKernelArg(nint kernel, uint index, nuint size, void* value);

    ClResult EnqueueNDRangeKernel(
        nint queue,
        nint kernel,
        uint dimensions,
        nuint* offset,
        nuint* global,
        nuint* local,
        uint waits,
        nint* waitFor,
        nint* done);

    ClResult GetEventProfilingInfo(nint done, uint name, nuint size, void* value, nuint* needed);

    ClResult ReleaseEvent(nint done);
}
