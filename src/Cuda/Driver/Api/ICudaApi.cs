namespace Stof.Reference.Cuda.Driver.Api;

/// <summary>
/// The driver's calls as C declares them: the one seam between this layer and libcuda. Handles are <c>nint</c>, device addresses
/// <c>ulong</c>, sizes <c>nuint</c>. Methods carry the names of cuda.h without <c>cu</c> and version suffix.
/// </summary>
internal unsafe interface ICudaApi
{
    /// <summary>Finds the library; false with the reason if there is none. Every other call needs true first.</summary>
    bool TryLoad(out string failure);

    CudaResult Init(uint flags);

    CudaResult DriverGetVersion(out int version);

    CudaResult GetErrorName(CudaResult error, out nint name);

    CudaResult DeviceGetCount(out int count);

    CudaResult DeviceGet(out int device, int ordinal);

    CudaResult DeviceGetName(byte* name, int length, int device);

    CudaResult DeviceTotalMem(out nuint bytes, int device);

    CudaResult DeviceGetAttribute(out int value, DeviceAttribute attribute, int device);

    CudaResult DeviceGetPciBusId(byte* text, int length, int device);

    CudaResult DevicePrimaryCtxRetain(out nint context, int device);

    CudaResult DevicePrimaryCtxRelease(int device);

    CudaResult CtxSetCurrent(nint context);

    CudaResult CtxSynchronize();

    CudaResult MemGetInfo(out nuint free, out nuint total);

    CudaResult MemAlloc(out ulong pointer, nuint bytes);

    CudaResult MemFree(ulong pointer);

    CudaResult MemHostAlloc(out nint pointer, nuint bytes, uint flags);

    CudaResult MemFreeHost(nint pointer);

    CudaResult MemcpyHtoDAsync(ulong target, void* source, nuint bytes, nint stream);

    CudaResult MemcpyDtoHAsync(void* target, ulong source, nuint bytes, nint stream);

    CudaResult MemcpyDtoDAsync(ulong target, ulong source, nuint bytes, nint stream);

    CudaResult MemsetD8Async(ulong target, byte value, nuint count, nint stream);

    CudaResult MemsetD32Async(ulong target, uint value, nuint count, nint stream);

    CudaResult StreamCreate(out nint stream, uint flags);

    CudaResult StreamDestroy(nint stream);

    CudaResult StreamSynchronize(nint stream);

    CudaResult StreamQuery(nint stream);

    CudaResult StreamWaitEvent(nint stream, nint @event, uint flags);

    CudaResult StreamBeginCapture(nint stream, int mode);

    CudaResult StreamEndCapture(nint stream, out nint graph);

    CudaResult EventCreate(out nint @event, uint flags);

    CudaResult EventDestroy(nint @event);

    CudaResult EventRecord(nint @event, nint stream);

    CudaResult EventSynchronize(nint @event);

    CudaResult EventQuery(nint @event);

    CudaResult EventElapsedTime(out float milliseconds, nint start, nint end);

    CudaResult ModuleLoadDataEx(out nint module, void* image, uint optionCount, JitOption* options, void** values);

    CudaResult ModuleUnload(nint module);

    CudaResult ModuleGetFunction(out nint function, nint module, byte* name);

    CudaResult FuncGetAttribute(out int value, FunctionAttribute attribute, nint function);

    CudaResult FuncSetAttribute(nint function, FunctionAttribute attribute, int value);

    /// <summary>Offset and size of a parameter; <see cref="CudaResult.NotSupported"/> before CUDA 12.4.</summary>
    CudaResult FuncGetParamInfo(nint function, nuint index, out nuint offset, out nuint bytes);

    CudaResult LaunchKernel(
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

    CudaResult LaunchKernelEx(LaunchConfig* config, nint function, void** parameters, void** extra);

    CudaResult OccupancyMaxActiveBlocks(out int blocks, nint function, int blockSize, nuint sharedBytes);

    CudaResult GraphInstantiateWithFlags(out nint executable, nint graph, ulong flags);

    CudaResult GraphGetNodes(nint graph, nint* nodes, ref nuint count);

    CudaResult GraphLaunch(nint executable, nint stream);

    CudaResult GraphDestroy(nint graph);

    CudaResult GraphExecDestroy(nint executable);

    CudaResult TensorMapEncodeTiled(
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

    CudaResult LinkCreate(uint optionCount, JitOption* options, void** values, out nint state);

    CudaResult LinkAddData(nint state, int type, void* data, nuint bytes, byte* name);

    CudaResult LinkComplete(nint state, out nint image, out nuint bytes);

    CudaResult LinkDestroy(nint state);
}
