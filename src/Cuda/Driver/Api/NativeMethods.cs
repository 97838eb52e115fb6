using System.Reflection;
using System.Runtime.InteropServices;

namespace Stof.Reference.Cuda.Driver.Api;

/// <summary>
/// The entry points of the NVIDIA driver. Suffixes (<c>_v2</c>) are those that cuda.h of CUDA 12 and 13 maps the plain names to; the plain
/// symbols are older calls with 32-bit sizes or other rules.
/// </summary>
internal static unsafe partial class NativeMethods
{
    private const string Library = "cuda";

    private static readonly Lock Gate = new();

    private static nint _library;

    static NativeMethods() => NativeLibrary.SetDllImportResolver(typeof(NativeMethods).Assembly, Resolve);

    /// <summary>The file that the driver's installer puts where the system looks.</summary>
    public static string FileName => OperatingSystem.IsWindows() ? "nvcuda.dll" : "libcuda.so.1";

    /// <summary>Loads the library once.</summary>
    public static bool TryLoad()
    {
        lock (Gate)
        {
            // By name alone, so that the system's loader decides: the unversioned "libcuda.so" belongs to the toolkit and may be a stub.
            return _library != 0 || NativeLibrary.TryLoad(FileName, out _library);
        }
    }

    [LibraryImport(Library, EntryPoint = "cuInit")]
    internal static partial CudaResult Init(uint flags);

    [LibraryImport(Library, EntryPoint = "cuDriverGetVersion")]
    internal static partial CudaResult DriverGetVersion(out int version);

    [LibraryImport(Library, EntryPoint = "cuGetErrorName")]
    internal static partial CudaResult GetErrorName(CudaResult error, out nint name);

    [LibraryImport(Library, EntryPoint = "cuDeviceGetCount")]
    internal static partial CudaResult DeviceGetCount(out int count);

    [LibraryImport(Library, EntryPoint = "cuDeviceGet")]
    internal static partial CudaResult DeviceGet(out int device, int ordinal);

    [LibraryImport(Library, EntryPoint = "cuDeviceGetName")]
    internal static partial CudaResult DeviceGetName(byte* name, int length, int device);

    [LibraryImport(Library, EntryPoint = "cuDeviceTotalMem_v2")]
    internal static partial CudaResult DeviceTotalMem(out nuint bytes, int device);

    [LibraryImport(Library, EntryPoint = "cuDeviceGetAttribute")]
    internal static partial CudaResult DeviceGetAttribute(out int value, DeviceAttribute attribute, int device);

    [LibraryImport(Library, EntryPoint = "cuDeviceGetPCIBusId")]
    internal static partial CudaResult DeviceGetPciBusId(byte* text, int length, int device);

    [LibraryImport(Library, EntryPoint = "cuDevicePrimaryCtxRetain")]
    internal static partial CudaResult DevicePrimaryCtxRetain(out nint context, int device);

    [LibraryImport(Library, EntryPoint = "cuDevicePrimaryCtxRelease_v2")]
    internal static partial CudaResult DevicePrimaryCtxRelease(int device);

    [LibraryImport(Library, EntryPoint = "cuCtxSetCurrent")]
    internal static partial CudaResult CtxSetCurrent(nint context);

    [LibraryImport(Library, EntryPoint = "cuCtxSynchronize")]
    internal static partial CudaResult CtxSynchronize();

    [LibraryImport(Library, EntryPoint = "cuMemGetInfo_v2")]
    internal static partial CudaResult MemGetInfo(out nuint free, out nuint total);

    [LibraryImport(Library, EntryPoint = "cuMemAlloc_v2")]
    internal static partial CudaResult MemAlloc(out ulong pointer, nuint bytes);

    [LibraryImport(Library, EntryPoint = "cuMemFree_v2")]
    internal static partial CudaResult MemFree(ulong pointer);

    [LibraryImport(Library, EntryPoint = "cuMemHostAlloc")]
    internal static partial CudaResult MemHostAlloc(out nint pointer, nuint bytes, uint flags);

    [LibraryImport(Library, EntryPoint = "cuMemFreeHost")]
    internal static partial CudaResult MemFreeHost(nint pointer);

    [LibraryImport(Library, EntryPoint = "cuMemcpyHtoDAsync_v2")]
    internal static partial CudaResult MemcpyHtoDAsync(ulong target, void* source, nuint bytes, nint stream);

    [LibraryImport(Library, EntryPoint = "cuMemcpyDtoHAsync_v2")]
    internal static partial CudaResult MemcpyDtoHAsync(void* target, ulong source, nuint bytes, nint stream);

    [LibraryImport(Library, EntryPoint = "cuMemcpyDtoDAsync_v2")]
    internal static partial CudaResult MemcpyDtoDAsync(ulong target, ulong source, nuint bytes, nint stream);

    [LibraryImport(Library, EntryPoint = "cuMemsetD8Async")]
    internal static partial CudaResult MemsetD8Async(ulong target, byte value, nuint count, nint stream);

    [LibraryImport(Library, EntryPoint = "cuMemsetD32Async")]
    internal static partial CudaResult MemsetD32Async(ulong target, uint value, nuint count, nint stream);

    [LibraryImport(Library, EntryPoint = "cuStreamCreate")]
    internal static partial CudaResult StreamCreate(out nint stream, uint flags);

    [LibraryImport(Library, EntryPoint = "cuStreamDestroy_v2")]
    internal static partial CudaResult StreamDestroy(nint stream);

    [LibraryImport(Library, EntryPoint = "cuStreamSynchronize")]
    internal static partial CudaResult StreamSynchronize(nint stream);

    [LibraryImport(Library, EntryPoint = "cuStreamQuery")]
    internal static partial CudaResult StreamQuery(nint stream);

    [LibraryImport(Library, EntryPoint = "cuStreamWaitEvent")]
    internal static partial CudaResult StreamWaitEvent(nint stream, nint @event, uint flags);

    [LibraryImport(Library, EntryPoint = "cuStreamBeginCapture_v2")]
    internal static partial CudaResult StreamBeginCapture(nint stream, int mode);

    [LibraryImport(Library, EntryPoint = "cuStreamEndCapture")]
    internal static partial CudaResult StreamEndCapture(nint stream, out nint graph);

    [LibraryImport(Library, EntryPoint = "cuEventCreate")]
    internal static partial CudaResult EventCreate(out nint @event, uint flags);

    [LibraryImport(Library, EntryPoint = "cuEventDestroy_v2")]
    internal static partial CudaResult EventDestroy(nint @event);

    [LibraryImport(Library, EntryPoint = "cuEventRecord")]
    internal static partial CudaResult EventRecord(nint @event, nint stream);

    [LibraryImport(Library, EntryPoint = "cuEventSynchronize")]
    internal static partial CudaResult EventSynchronize(nint @event);

    [LibraryImport(Library, EntryPoint = "cuEventQuery")]
    internal static partial CudaResult EventQuery(nint @event);

    [LibraryImport(Library, EntryPoint = "cuEventElapsedTime")]
    internal static partial CudaResult EventElapsedTime(out float milliseconds, nint start, nint end);

    [LibraryImport(Library, EntryPoint = "cuModuleLoadDataEx")]
    internal static partial CudaResult ModuleLoadDataEx(
        out nint module,
        void* image,
        uint optionCount,
        JitOption* options,
        void** values);

    [LibraryImport(Library, EntryPoint = "cuModuleUnload")]
    internal static partial CudaResult ModuleUnload(nint module);

    [LibraryImport(Library, EntryPoint = "cuModuleGetFunction")]
    internal static partial CudaResult ModuleGetFunction(out nint function, nint module, byte* name);

    [LibraryImport(Library, EntryPoint = "cuFuncGetAttribute")]
    internal static partial CudaResult FuncGetAttribute(out int value, FunctionAttribute attribute, nint function);

    [LibraryImport(Library, EntryPoint = "cuFuncSetAttribute")]
    internal static partial CudaResult FuncSetAttribute(nint function, FunctionAttribute attribute, int value);

    [LibraryImport(Library, EntryPoint = "cuFuncGetParamInfo")]
    internal static partial CudaResult FuncGetParamInfo(nint function, nuint index, out nuint offset, out nuint bytes);

    [LibraryImport(Library, EntryPoint = "cuLaunchKernel")]
    internal static partial CudaResult LaunchKernel(
        nint function,
        uint gridX,
        uint gridY,
        uint gridZ,
        uint blockX,
        uint blockY,
        uint blockZ,
        uint sharedBytes,
        nint stream,
        void** parameters,
        void** extra);

    [LibraryImport(Library, EntryPoint = "cuLaunchKernelEx")]
    internal static partial CudaResult LaunchKernelEx(LaunchConfig* config, nint function, void** parameters, void** extra);

    [LibraryImport(Library, EntryPoint = "cuOccupancyMaxActiveBlocksPerMultiprocessor")]
    internal static partial CudaResult OccupancyMaxActiveBlocks(out int blocks, nint function, int blockSize, nuint sharedBytes);

    [LibraryImport(Library, EntryPoint = "cuGraphInstantiateWithFlags")]
    internal static partial CudaResult GraphInstantiateWithFlags(out nint executable, nint graph, ulong flags);

    [LibraryImport(Library, EntryPoint = "cuGraphGetNodes")]
    internal static partial CudaResult GraphGetNodes(nint graph, nint* nodes, ref nuint count);

    [LibraryImport(Library, EntryPoint = "cuGraphLaunch")]
    internal static partial CudaResult GraphLaunch(nint executable, nint stream);

    [LibraryImport(Library, EntryPoint = "cuGraphDestroy")]
    internal static partial CudaResult GraphDestroy(nint graph);

    [LibraryImport(Library, EntryPoint = "cuGraphExecDestroy")]
    internal static partial CudaResult GraphExecDestroy(nint executable);

    [LibraryImport(Library, EntryPoint = "cuTensorMapEncodeTiled")]
    internal static partial CudaResult TensorMapEncodeTiled(
        void* map,
        int dataType,
        uint rank,
        ulong address,
        ulong* dimensions,
        ulong* strides,
        uint* box,
        uint* elementStrides,
        int interleave,
        int swizzle,
        int l2Promotion,
        int fill);

    [LibraryImport(Library, EntryPoint = "cuLinkCreate_v2")]
    internal static partial CudaResult LinkCreate(uint optionCount, JitOption* options, void** values, out nint state);

    [LibraryImport(Library, EntryPoint = "cuLinkAddData_v2")]
    internal static partial CudaResult LinkAddData(
        nint state,
        int type,
        void* data,
        nuint bytes,
        byte* name,
        uint optionCount,
        JitOption* options,
        void** values);

    [LibraryImport(Library, EntryPoint = "cuLinkComplete")]
    internal static partial CudaResult LinkComplete(nint state, out nint image, out nuint bytes);

    [LibraryImport(Library, EntryPoint = "cuLinkDestroy")]
    internal static partial CudaResult LinkDestroy(nint state);

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? path) => name == Library ? _library : 0;
}
