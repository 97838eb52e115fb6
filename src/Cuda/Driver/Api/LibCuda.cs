namespace Stof.Reference.Cuda.Driver.Api;

/// <summary>The calls as the installed driver answers them.</summary>
internal sealed unsafe class LibCuda : ICudaApi
{
    /// <summary>The only instance: the library is loaded once a process.</summary>
    public static readonly LibCuda Instance = new();

    private LibCuda()
    {
    }

    public bool TryLoad(out string failure)
    {
        var loaded = NativeMethods.TryLoad();
        failure = loaded ? "" : $"{NativeMethods.FileName} not found";
        return loaded;
    }

    public CudaResult Init(uint flags) => NativeMethods.Init(flags);

    public CudaResult DriverGetVersion(out int version) => NativeMethods.DriverGetVersion(out version);

    public CudaResult GetErrorName(CudaResult error, out nint name) => NativeMethods.GetErrorName(error, out name);

    public CudaResult DeviceGetCount(out int count) => NativeMethods.DeviceGetCount(out count);

    public CudaResult DeviceGet(out int device, int ordinal) => NativeMethods.DeviceGet(out device, ordinal);

    public CudaResult DeviceGetName(byte* name, int length, int device) => NativeMethods.DeviceGetName(name, length, device);

    public CudaResult DeviceTotalMem(out nuint bytes, int device) => NativeMethods.DeviceTotalMem(out bytes, device);

    public CudaResult DeviceGetAttribute(out int value, DeviceAttribute attribute, int device) =>
        NativeMethods.DeviceGetAttribute(out value, attribute, device);

    public CudaResult DeviceGetPciBusId(byte* text, int length, int device) =>
        NativeMethods.DeviceGetPciBusId(text, length, device);

    public CudaResult DevicePrimaryCtxRetain(out nint context, int device) =>
        NativeMethods.DevicePrimaryCtxRetain(out context, device);

    public CudaResult DevicePrimaryCtxRelease(int device) => NativeMethods.DevicePrimaryCtxRelease(device);

    public CudaResult CtxSetCurrent(nint context) => NativeMethods.CtxSetCurrent(context);

    public CudaResult CtxSynchronize() => NativeMethods.CtxSynchronize();

    public CudaResult MemGetInfo(out nuint free, out nuint total) => NativeMethods.MemGetInfo(out free, out total);

    public CudaResult MemAlloc(out ulong pointer, nuint bytes) => NativeMethods.MemAlloc(out pointer, bytes);

    public CudaResult MemFree(ulong pointer) => NativeMethods.MemFree(pointer);

    public CudaResult MemHostAlloc(out nint pointer, nuint bytes, uint flags) =>
        NativeMethods.MemHostAlloc(out pointer, bytes, flags);

    public CudaResult MemFreeHost(nint pointer) => NativeMethods.MemFreeHost(pointer);

    public CudaResult MemcpyHtoDAsync(ulong target, void* source, nuint bytes, nint stream) =>
        NativeMethods.MemcpyHtoDAsync(target, source, bytes, stream);

    public CudaResult MemcpyDtoHAsync(void* target, ulong source, nuint bytes, nint stream) =>
        NativeMethods.MemcpyDtoHAsync(target, source, bytes, stream);

    public CudaResult MemcpyDtoDAsync(ulong target, ulong source, nuint bytes, nint stream) =>
        NativeMethods.MemcpyDtoDAsync(target, source, bytes, stream);

    public CudaResult MemsetD8Async(ulong target, byte value, nuint count, nint stream) =>
        NativeMethods.MemsetD8Async(target, value, count, stream);

    public CudaResult MemsetD32Async(ulong target, uint value, nuint count, nint stream) =>
        NativeMethods.MemsetD32Async(target, value, count, stream);

    public CudaResult StreamCreate(out nint stream, uint flags) => NativeMethods.StreamCreate(out stream, flags);

    public CudaResult StreamDestroy(nint stream) => NativeMethods.StreamDestroy(stream);

    public CudaResult StreamSynchronize(nint stream) => NativeMethods.StreamSynchronize(stream);

    public CudaResult StreamQuery(nint stream) => NativeMethods.StreamQuery(stream);

    public CudaResult StreamWaitEvent(nint stream, nint @event, uint flags) =>
        NativeMethods.StreamWaitEvent(stream, @event, flags);

    public CudaResult StreamBeginCapture(nint stream, int mode) => NativeMethods.StreamBeginCapture(stream, mode);

    public CudaResult StreamEndCapture(nint stream, out nint graph) => NativeMethods.StreamEndCapture(stream, out graph);

    public CudaResult EventCreate(out nint @event, uint flags) => NativeMethods.EventCreate(out @event, flags);

    public CudaResult EventDestroy(nint @event) => NativeMethods.EventDestroy(@event);

    public CudaResult EventRecord(nint @event, nint stream) => NativeMethods.EventRecord(@event, stream);

    public CudaResult EventSynchronize(nint @event) => NativeMethods.EventSynchronize(@event);

    public CudaResult EventQuery(nint @event) => NativeMethods.EventQuery(@event);

    public CudaResult EventElapsedTime(out float milliseconds, nint start, nint end) =>
        NativeMethods.EventElapsedTime(out milliseconds, start, end);

    public CudaResult ModuleLoadDataEx(out nint module, void* image, uint optionCount, JitOption* options, void** values) =>
        NativeMethods.ModuleLoadDataEx(out module, image, optionCount, options, values);

    public CudaResult ModuleUnload(nint module) => NativeMethods.ModuleUnload(module);

    public CudaResult ModuleGetFunction(out nint function, nint module, byte* name) =>
        NativeMethods.ModuleGetFunction(out function, module, name);

    public CudaResult FuncGetAttribute(out int value, FunctionAttribute attribute, nint function) =>
        NativeMethods.FuncGetAttribute(out value, attribute, function);

    public CudaResult FuncSetAttribute(nint function, FunctionAttribute attribute, int value) =>
        NativeMethods.FuncSetAttribute(function, attribute, value);

    public CudaResult FuncGetParamInfo(nint function, nuint index, out nuint offset, out nuint bytes)
    {
        try
        {
            return NativeMethods.FuncGetParamInfo(function, index, out offset, out bytes);
        }
        catch (EntryPointNotFoundException)
        {
            (offset, bytes) = (0, 0);
            return CudaResult.NotSupported;
        }
    }

    public CudaResult LaunchKernel(
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
        void** extra) =>
        NativeMethods.LaunchKernel(function, gridX, gridY, gridZ, blockX, blockY, blockZ, sharedBytes, stream, parameters, extra);

    public CudaResult LaunchKernelEx(LaunchConfig* config, nint function, void** parameters, void** extra) =>
        NativeMethods.LaunchKernelEx(config, function, parameters, extra);

    public CudaResult OccupancyMaxActiveBlocks(out int blocks, nint function, int blockSize, nuint sharedBytes) =>
        NativeMethods.OccupancyMaxActiveBlocks(out blocks, function, blockSize, sharedBytes);

    public CudaResult GraphInstantiateWithFlags(out nint executable, nint graph, ulong flags) =>
        NativeMethods.GraphInstantiateWithFlags(out executable, graph, flags);

    public CudaResult GraphGetNodes(nint graph, nint* nodes, ref nuint count) =>
        NativeMethods.GraphGetNodes(graph, nodes, ref count);

    public CudaResult GraphLaunch(nint executable, nint stream) => NativeMethods.GraphLaunch(executable, stream);

    public CudaResult GraphDestroy(nint graph) => NativeMethods.GraphDestroy(graph);

    public CudaResult GraphExecDestroy(nint executable) => NativeMethods.GraphExecDestroy(executable);

    public CudaResult TensorMapEncodeTiled(
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
        int fill) =>
        NativeMethods.TensorMapEncodeTiled(
            map,
            dataType,
            rank,
            address,
            dimensions,
            strides,
            box,
            elementStrides,
            interleave,
            swizzle,
            l2Promotion,
            fill);

    public CudaResult LinkCreate(uint optionCount, JitOption* options, void** values, out nint state) =>
        NativeMethods.LinkCreate(optionCount, options, values, out state);

    public CudaResult LinkAddData(nint state, int type, void* data, nuint bytes, byte* name) =>
        NativeMethods.LinkAddData(state, type, data, bytes, name, 0, null, null);

    public CudaResult LinkComplete(nint state, out nint image, out nuint bytes) =>
        NativeMethods.LinkComplete(state, out image, out bytes);

    public CudaResult LinkDestroy(nint state) => NativeMethods.LinkDestroy(state);
}
