using Stof.Reference.OpenCL.Api;

namespace Stof.Reference.OpenCL.Tests;

/// <summary>The calls.</summary>
internal sealed unsafe partial class FakeOpenClApi
{
    public ClResult GetPlatformIDs(uint entries, nint* platforms, uint* count)
    {
        var result = Note("clGetPlatformIDs");
        if (count is not null)
        {
            *count = (uint)Platforms;
        }

        for (var i = 0; platforms is not null && i < Platforms; i++)
        {
            platforms[i] = i + 1;
        }

        return result;
    }

    public ClResult GetPlatformInfo(nint platform, uint name, nuint size, void* value, nuint* needed)
    {
        var result = Note("clGetPlatformInfo");
        return result != ClResult.Success ? result : Answer(name == ClConstants.PlatformVersion ? "OpenCL 1.2" : $"Fake platform {platform}", size, value, needed);
    }

    public ClResult GetDeviceIDs(nint platform, ulong type, uint entries, nint* devices, uint* count)
    {
        var result = Note("clGetDeviceIDs");
        if (count is not null)
        {
            *count = (uint)DevicesPerPlatform;
        }

        for (var i = 0; devices is not null && i < DevicesPerPlatform; i++)
        {
            devices[i] = (16 * platform) + i;
        }

        return result;
    }

    public ClResult GetDeviceInfo(nint device, uint name, nuint size, void* value, nuint* needed)
    {
        var result = Note("clGetDeviceInfo");
        return result != ClResult.Success ? result : Answer(DeviceFacts[name], size, value, needed);
    }

    public nint CreateContext(nint* properties, uint devices, nint* ids, nint notify, nint data, ClResult* error)
    {
        return Make("clCreateContext", "context", error);
    }

    public ClResult ReleaseContext(nint context)
    {
        return Release("clReleaseContext", context);
    }

    public nint CreateCommandQueue(nint context, nint device, ulong properties, ClResult* error)
    {
        return Make("clCreateCommandQueue", "queue", error);
    }

    public ClResult ReleaseCommandQueue(nint queue)
    {
        return Release("clReleaseCommandQueue", queue);
    }

    public ClResult Finish(nint queue)
    {
        return Note("clFinish");
    }

    public ClResult Flush(nint queue)
    {
        return Note("clFlush");
    }

    public nint CreateBuffer(nint context, ulong flags, nuint size, void* host, ClResult* error)
    {
        return Make("clCreateBuffer", "buffer", error, (int)size);
    }

    public ClResult ReleaseMemObject(nint memory)
    {
        return Release("clReleaseMemObject", memory);
    }

    public ClResult EnqueueWriteBuffer(nint queue, nint buffer, uint blocking, nuint offset, nuint size, void* source, uint waits, nint* waitFor, nint* done)
    {
        new ReadOnlySpan<byte>(source, (int)size).CopyTo(_alive[buffer].Bytes.AsSpan((int)offset));
        return Note("clEnqueueWriteBuffer");
    }

    public ClResult EnqueueReadBuffer(nint queue, nint buffer, uint blocking, nuint offset, nuint size, void* target, uint waits, nint* waitFor, nint* done)
    {
        _alive[buffer].Bytes.AsSpan((int)offset, (int)size).CopyTo(new Span<byte>(target, (int)size));
        return Note("clEnqueueReadBuffer");
    }

    public ClResult EnqueueFillBuffer(nint queue, nint buffer, void* pattern, nuint patternSize, nuint offset, nuint size, uint waits, nint* waitFor, nint* done)
    {
        _alive[buffer].Bytes.AsSpan((int)offset, (int)size).Fill(*(byte*)pattern);
        return Note("clEnqueueFillBuffer");
    }

    public nint CreateProgramWithSource(nint context, uint count, byte** texts, nuint* lengths, ClResult* error)
    {
        return Make("clCreateProgramWithSource", "program", error);
    }

    public nint CreateProgramWithBinary(nint context, uint devices, nint* ids, nuint* lengths, byte** binaries, ClResult* statuses, ClResult* error)
    {
        return Make("clCreateProgramWithBinary", "program", error);
    }

    public ClResult BuildProgram(nint program, uint devices, nint* ids, byte* options, nint notify, nint data)
    {
        return Note("clBuildProgram");
    }

    public ClResult GetProgramInfo(nint program, uint name, nuint size, void* value, nuint* needed)
    {
        var result = Note("clGetProgramInfo");
        if (name == ClConstants.ProgramBinarySizes)
        {
            return Answer((nuint)Binary.Length, size, value, needed);
        }

        Binary.CopyTo(new Span<byte>(*(byte**)value, Binary.Length));
        return result;
    }

    public ClResult GetProgramBuildInfo(nint program, nint device, uint name, nuint size, void* value, nuint* needed)
    {
        var result = Note("clGetProgramBuildInfo");
        return result != ClResult.Success ? result : Answer(BuildLog, size, value, needed);
    }

    public ClResult ReleaseProgram(nint program)
    {
        return Release("clReleaseProgram", program);
    }

    public nint CreateKernel(nint program, byte* name, ClResult* error)
    {
        return Make("clCreateKernel", "kernel", error);
    }

    public ClResult ReleaseKernel(nint kernel)
    {
        return Release("clReleaseKernel", kernel);
    }

    public ClResult GetKernelInfo(nint kernel, uint name, nuint size, void* value, nuint* needed)
    {
        return Answer((uint)KernelArguments, size, value, needed);
    }

    public ClResult GetKernelWorkGroupInfo(nint kernel, nint device, uint name, nuint size, void* value, nuint* needed)
    {
        return Answer((nuint)256, size, value, needed);
    }

    public ClResult SetKernelArg(nint kernel, uint index, nuint size, void* value)
    {
        return Note("clSetKernelArg");
    }

    public ClResult EnqueueNDRangeKernel(nint queue, nint kernel, uint dimensions, nuint* offset, nuint* global, nuint* local, uint waits, nint* waitFor, nint* done)
    {
        if (done is not null)
        {
            ClResult error;
            *done = Make("event", "event", &error);
        }

        return Note("clEnqueueNDRangeKernel");
    }

    public ClResult GetEventProfilingInfo(nint done, uint name, nuint size, void* value, nuint* needed)
    {
        var result = Note("clGetEventProfilingInfo");
        return result != ClResult.Success ? result : Answer(name == ClConstants.ProfilingCommandEnd ? 3_000_000UL : 1_000_000UL, size, value, needed);
    }

    public ClResult ReleaseEvent(nint done)
    {
        return Release("clReleaseEvent", done);
    }
}
