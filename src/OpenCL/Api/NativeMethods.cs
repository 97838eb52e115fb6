using System.Reflection;
using System.Runtime.InteropServices;

namespace Stof.Reference.OpenCL.Api;

/// <summary>The entry points of the OpenCL loader, all of version 1.2 or older.</summary>
internal static unsafe partial class NativeMethods
{
    private const string Library = "OpenCL";

    private static readonly Lock Gate = new();

    private static nint _library;

    static NativeMethods() => NativeLibrary.SetDllImportResolver(typeof(NativeMethods).Assembly, Resolve);

    /// <summary>
    /// The files that are tried, in order. On Linux the name without version belongs to the development package, so it comes second.
    /// </summary>
    public static IReadOnlyList<string> FileNames { get; } =
        OperatingSystem.IsWindows() ? ["OpenCL.dll"]
        : OperatingSystem.IsMacOS() ? ["/System/Library/Frameworks/OpenCL.framework/OpenCL"]
        : ["libOpenCL.so.1", "libOpenCL.so"];

    /// <summary>Loads the library once.</summary>
    public static bool TryLoad()
    {
        lock (Gate)
        {
            return _library != 0 || FileNames.Any(name => NativeLibrary.TryLoad(name, out _library));
        }
    }

    [LibraryImport(Library, EntryPoint = "clGetPlatformIDs")]
    internal static partial ClResult GetPlatformIDs(uint entries, nint* platforms, uint* count);

    [LibraryImport(Library, EntryPoint = "clGetPlatformInfo")]
    internal static partial ClResult GetPlatformInfo(nint platform, uint name, nuint size, void* value, nuint* needed);

    [LibraryImport(Library, EntryPoint = "clGetDeviceIDs")]
    internal static partial ClResult GetDeviceIDs(nint platform, ulong type, uint entries, nint* devices, uint* count);

    [LibraryImport(Library, EntryPoint = "clGetDeviceInfo")]
    internal static partial ClResult GetDeviceInfo(nint device, uint name, nuint size, void* value, nuint* needed);

    [LibraryImport(Library, EntryPoint = "clCreateContext")]
    internal static partial nint CreateContext(
        nint* properties,
        uint devices,
        nint* ids,
        nint notify,
        nint data,
        ClResult* error);

    [LibraryImport(Library, EntryPoint = "clReleaseContext")]
    internal static partial ClResult ReleaseContext(nint context);

    [LibraryImport(Library, EntryPoint = "clCreateCommandQueue")]
    internal static partial nint CreateCommandQueue(nint context, nint device, ulong properties, ClResult* error);

    [LibraryImport(Library, EntryPoint = "clReleaseCommandQueue")]
    internal static partial ClResult ReleaseCommandQueue(nint queue);

    [LibraryImport(Library, EntryPoint = "clFinish")]
    internal static partial ClResult Finish(nint queue);

    [LibraryImport(Library, EntryPoint = "clCreateBuffer")]
    internal static partial nint CreateBuffer(nint context, ulong flags, nuint size, void* host, ClResult* error);

    [LibraryImport(Library, EntryPoint = "clReleaseMemObject")]
    internal static partial ClResult ReleaseMemObject(nint memory);

    [LibraryImport(Library, EntryPoint = "clEnqueueWriteBuffer")]
    internal static partial ClResult EnqueueWriteBuffer(
        nint queue,
        nint buffer,
        uint blocking,
        nuint offset,
        nuint size,
        void* source,
        uint waits,
        nint* waitFor,
        nint* done);

    [LibraryImport(Library, EntryPoint = "clEnqueueReadBuffer")]
    internal static partial ClResult EnqueueReadBuffer(
        nint queue,
        nint buffer,
        uint blocking,
        nuint offset,
        nuint size,
        void* target,
        uint waits,
        nint* waitFor,
        nint* done);

    [LibraryImport(Library, EntryPoint = "clEnqueueFillBuffer")]
    internal static partial ClResult EnqueueFillBuffer(
        nint queue,
        nint buffer,
        void* pattern,
        nuint patternSize,
        nuint offset,
        nuint size,
        uint waits,
        nint* waitFor,
        nint* done);

    [LibraryImport(Library, EntryPoint = "clCreateProgramWithSource")]
    internal static partial nint CreateProgramWithSource(nint context, uint count, byte** texts, nuint* lengths, ClResult* error);

    [LibraryImport(Library, EntryPoint = "clCreateProgramWithBinary")]
    internal static partial nint CreateProgramWithBinary(
        nint context,
        uint devices,
        nint* ids,
        nuint* lengths,
        byte** binaries,
        ClResult* statuses,
        ClResult* error);

    [LibraryImport(Library, EntryPoint = "clBuildProgram")]
    internal static partial ClResult BuildProgram(nint program, uint devices, nint* ids, byte* options, nint notify, nint data);

    [LibraryImport(Library, EntryPoint = "clGetProgramInfo")]
    internal static partial ClResult GetProgramInfo(nint program, uint name, nuint size, void* value, nuint* needed);

    [LibraryImport(Library, EntryPoint = "clGetProgramBuildInfo")]
    internal static partial ClResult GetProgramBuildInfo(
        nint program,
        nint device,
        uint name,
        nuint size,
        void* value,
        nuint* needed);

    [LibraryImport(Library, EntryPoint = "clReleaseProgram")]
    internal static partial ClResult ReleaseProgram(nint program);

    [LibraryImport(Library, EntryPoint = "clCreateKernel")]
    internal static partial nint CreateKernel(nint program, byte* name, ClResult* error);

    [LibraryImport(Library, EntryPoint = "clReleaseKernel")]
    internal static partial ClResult ReleaseKernel(nint kernel);

    [LibraryImport(Library, EntryPoint = "clGetKernelInfo")]
    internal static partial ClResult GetKernelInfo(nint kernel, uint name, nuint size, void* value, nuint* needed);

    [LibraryImport(Library, EntryPoint = "clGetKernelWorkGroupInfo")]
    internal static partial ClResult GetKernelWorkGroupInfo(
        nint kernel,
        nint device,
        uint name,
        nuint size,
        void* value,
        nuint* needed);

    [LibraryImport(Library, EntryPoint = "clSetKernelArg")]
    internal static partial ClResult SetKernelArg(nint kernel, uint index, nuint size, void* value);

    [LibraryImport(Library, EntryPoint = "clEnqueueNDRangeKernel")]
    internal static partial ClResult EnqueueNDRangeKernel(
        nint queue,
        nint kernel,
        uint dimensions,
        nuint* offset,
        nuint* global,
        nuint* local,
        uint waits,
        nint* waitFor,
        nint* done);

    [LibraryImport(Library, EntryPoint = "clGetEventProfilingInfo")]
    internal static partial ClResult GetEventProfilingInfo(nint done, uint name, nuint size, void* value, nuint* needed);

    [LibraryImport(Library, EntryPoint = "clReleaseEvent")]
    internal static partial ClResult ReleaseEvent(nint done);

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? path) => name == Library && TryLoad() ? _library : 0;
}
