using System.Runtime.InteropServices;
using Stof.Reference.Cuda.Driver.Api;

namespace Stof.Reference.Cuda.Tests.Driver;

/// <content>The calls themselves.</content>
internal sealed unsafe partial class FakeCudaApi
{
    private static readonly nint UnlistedName = Marshal.StringToCoTaskMemUTF8("CUDA_ERROR_FROM_THE_FUTURE");

    public bool TryLoad(out string failure)
    {
        failure = HasLibrary ? "" : "libcuda.so.1 not found";
        return HasLibrary;
    }

    public CudaResult Init(uint flags) => Simple("cuInit");

    public CudaResult DriverGetVersion(out int version)
    {
        version = Version;
        return Simple("cuDriverGetVersion");
    }

    public CudaResult GetErrorName(CudaResult error, out nint name)
    {
        name = UnlistedName;
        return CudaResult.Success;
    }

    public CudaResult DeviceGetCount(out int count)
    {
        count = Devices;
        return Simple("cuDeviceGetCount");
    }

    public CudaResult DeviceGet(out int device, int ordinal)
    {
        device = ordinal + 100;
        return Simple("cuDeviceGet");
    }

    public CudaResult DeviceGetName(byte* name, int length, int device)
    {
        Put(name, length, $"Fake GPU {device - 100}");
        return Simple("cuDeviceGetName");
    }

    public CudaResult DeviceTotalMem(out nuint bytes, int device)
    {
        bytes = (nuint)TotalBytes;
        return Simple("cuDeviceTotalMem");
    }

    public CudaResult DeviceGetAttribute(out int value, DeviceAttribute attribute, int device)
    {
        value = Attributes[attribute];
        return Simple("cuDeviceGetAttribute");
    }

    public CudaResult DeviceGetPciBusId(byte* text, int length, int device)
    {
        Put(text, length, "0000:19:00.0");
        return Simple("cuDeviceGetPCIBusId");
    }

    public CudaResult DevicePrimaryCtxRetain(out nint context, int device) =>
        Make("cuDevicePrimaryCtxRetain", "context", out context, needsContext: false);

    public CudaResult DevicePrimaryCtxRelease(int device)
    {
        lock (_gate)
        {
            var result = Unmake("cuDevicePrimaryCtxRelease", "context", Current, needsContext: false);
            if (!_alive.ContainsValue("context"))
            {
                _mistakes.AddRange(_alive.Values.Concat(_memory.Keys.Select(_ => "memory")).Select(kind => $"a {kind} outlived its context"));
            }

            return result;
        }
    }

    public CudaResult CtxSetCurrent(nint context)
    {
        lock (_gate)
        {
            _current[Environment.CurrentManagedThreadId] = context;
            return Book("cuCtxSetCurrent");
        }
    }

    public CudaResult CtxSynchronize() => Use("cuCtxSynchronize");

    public CudaResult MemGetInfo(out nuint free, out nuint total)
    {
        (free, total) = ((nuint)(TotalBytes - UsedBytes), (nuint)TotalBytes);
        return Use("cuMemGetInfo");
    }

    public CudaResult MemAlloc(out ulong pointer, nuint bytes)
    {
        lock (_gate)
        {
            pointer = 0;
            var result = Book("cuMemAlloc");
            if (result != CudaResult.Success)
            {
                return result;
            }

            if ((long)bytes > TotalBytes - UsedBytes)
            {
                return CudaResult.OutOfMemory;
            }

            pointer = _nextAddress;
            _nextAddress += ((ulong)bytes + 0x1ff) & ~0x1fful;
            _memory.Add(pointer, new byte[(int)bytes]);
            var (created, destroyed) = _counts.GetValueOrDefault("memory");
            _counts["memory"] = (created + 1, destroyed);
            return CudaResult.Success;
        }
    }

    public CudaResult MemFree(ulong pointer)
    {
        lock (_gate)
        {
            if (!_memory.Remove(pointer))
            {
                _mistakes.Add($"cuMemFree of 0x{pointer:x}, which is not allocated");
            }

            var (created, destroyed) = _counts.GetValueOrDefault("memory");
            _counts["memory"] = (created, destroyed + 1);
            return Book("cuMemFree");
        }
    }

    public CudaResult MemHostAlloc(out nint pointer, nuint bytes, uint flags)
    {
        lock (_gate)
        {
            pointer = 0;
            var result = Book("cuMemHostAlloc");
            if (result == CudaResult.Success)
            {
                pointer = (nint)NativeMemory.AllocZeroed(bytes);
                _alive.Add(pointer, "pinned");
                var (created, destroyed) = _counts.GetValueOrDefault("pinned");
                _counts["pinned"] = (created + 1, destroyed);
            }

            return result;
        }
    }

    public CudaResult MemFreeHost(nint pointer)
    {
        var result = Unmake("cuMemFreeHost", "pinned", pointer);
        NativeMemory.Free((void*)pointer);
        return result;
    }

    public CudaResult MemcpyHtoDAsync(ulong target, void* source, nuint bytes, nint stream) =>
        Touch("cuMemcpyHtoDAsync", stream, () => new Span<byte>(source, (int)bytes).CopyTo(Range("cuMemcpyHtoDAsync", target, bytes)));

    public CudaResult MemcpyDtoHAsync(void* target, ulong source, nuint bytes, nint stream) =>
        Touch("cuMemcpyDtoHAsync", stream, () => Range("cuMemcpyDtoHAsync", source, bytes).CopyTo(new Span<byte>(target, (int)bytes)));

    public CudaResult MemcpyDtoDAsync(ulong target, ulong source, nuint bytes, nint stream) => Touch(
        "cuMemcpyDtoDAsync",
        stream,
        () => Range("cuMemcpyDtoDAsync", source, bytes).CopyTo(Range("cuMemcpyDtoDAsync", target, bytes)));

    public CudaResult MemsetD8Async(ulong target, byte value, nuint count, nint stream) =>
        Touch("cuMemsetD8Async", stream, () => Range("cuMemsetD8Async", target, count).Fill(value));

    public CudaResult MemsetD32Async(ulong target, uint value, nuint count, nint stream) => Touch(
        "cuMemsetD32Async",
        stream,
        () => MemoryMarshal.Cast<byte, uint>(Range("cuMemsetD32Async", target, count * sizeof(uint))).Fill(value));

    public CudaResult StreamCreate(out nint stream, uint flags) => Make("cuStreamCreate", "stream", out stream);

    public CudaResult StreamDestroy(nint stream) => Unmake("cuStreamDestroy", "stream", stream);

    public CudaResult StreamSynchronize(nint stream) => Use("cuStreamSynchronize", ("stream", stream));

    public CudaResult StreamQuery(nint stream) => Use("cuStreamQuery", ("stream", stream));

    public CudaResult StreamWaitEvent(nint stream, nint @event, uint flags) =>
        Use("cuStreamWaitEvent", ("stream", stream), ("event", @event));

    public CudaResult StreamBeginCapture(nint stream, int mode)
    {
        lock (_gate)
        {
            _capturing.Add(stream);
            return Use("cuStreamBeginCapture", ("stream", stream));
        }
    }

    public CudaResult StreamEndCapture(nint stream, out nint graph)
    {
        lock (_gate)
        {
            if (!_capturing.Remove(stream))
            {
                _mistakes.Add("cuStreamEndCapture of a stream that began none");
            }

            return Make("cuStreamEndCapture", "graph", out graph);
        }
    }

    public CudaResult EventCreate(out nint @event, uint flags) => Make("cuEventCreate", "event", out @event);

    public CudaResult EventDestroy(nint @event) => Unmake("cuEventDestroy", "event", @event);

    public CudaResult EventRecord(nint @event, nint stream) => Use("cuEventRecord", ("event", @event), ("stream", stream));

    public CudaResult EventSynchronize(nint @event) => Use("cuEventSynchronize", ("event", @event));

    public CudaResult EventQuery(nint @event) => Use("cuEventQuery", ("event", @event));

    public CudaResult EventElapsedTime(out float milliseconds, nint start, nint end)
    {
        milliseconds = 1.5f;
        return Use("cuEventElapsedTime", ("event", start), ("event", end));
    }

    public CudaResult ModuleLoadDataEx(out nint module, void* image, uint optionCount, JitOption* options, void** values)
    {
        WriteLogs(optionCount, options, values);
        return Make("cuModuleLoadDataEx", "module", out module);
    }

    public CudaResult ModuleUnload(nint module) => Unmake("cuModuleUnload", "module", module);

    public CudaResult ModuleGetFunction(out nint function, nint module, byte* name)
    {
        function = 0x77;
        var result = Use("cuModuleGetFunction", ("module", module));
        return result != CudaResult.Success ? result
            : Kernels.Contains(Marshal.PtrToStringUTF8((nint)name)!) ? CudaResult.Success
            : CudaResult.NotFound;
    }

    public CudaResult FuncGetAttribute(out int value, FunctionAttribute attribute, nint function)
    {
        value = FunctionAttributes[attribute];
        return Use("cuFuncGetAttribute");
    }

    public CudaResult FuncSetAttribute(nint function, FunctionAttribute attribute, int value)
    {
        FunctionAttributes[attribute] = value;
        return Use("cuFuncSetAttribute");
    }

    public CudaResult FuncGetParamInfo(nint function, nuint index, out nuint offset, out nuint bytes)
    {
        (offset, bytes) = (0, 0);
        if (Parameters is null)
        {
            return CudaResult.NotSupported;
        }

        if ((int)index >= Parameters.Length)
        {
            return CudaResult.InvalidValue;
        }

        (offset, bytes) = ((nuint)Parameters[index].Offset, (nuint)Parameters[index].Bytes);
        return CudaResult.Success;
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
        void** extra)
    {
        Launches.Add(new((gridX, gridY, gridZ), (blockX, blockY, blockZ), sharedBytes, Block(parameters, extra), null, false));
        return Use("cuLaunchKernel", ("stream", stream));
    }

    public CudaResult LaunchKernelEx(LaunchConfig* config, nint function, void** parameters, void** extra)
    {
        (uint, uint, uint)? cluster = null;
        var overlaps = false;
        for (var index = 0; index < config->AttributeCount; index++)
        {
            var attribute = config->Attributes[index];
            switch (attribute.Id)
            {
                case 4:
                    cluster = (attribute.ClusterX, attribute.ClusterY, attribute.ClusterZ);
                    break;
                case 6:
                    overlaps = attribute.Programmatic == 1;
                    break;
            }
        }

        Launches.Add(new(
            (config->GridX, config->GridY, config->GridZ),
            (config->BlockX, config->BlockY, config->BlockZ),
            config->SharedBytes,
            Block(parameters, extra),
            cluster,
            overlaps));
        return Use("cuLaunchKernelEx", ("stream", config->Stream));
    }

    public CudaResult OccupancyMaxActiveBlocks(out int blocks, nint function, int blockSize, nuint sharedBytes)
    {
        blocks = 2048 / blockSize;
        return Use("cuOccupancyMaxActiveBlocksPerMultiprocessor");
    }

    public CudaResult GraphInstantiateWithFlags(out nint executable, nint graph, ulong flags)
    {
        Use("graph", ("graph", graph));
        return Make("cuGraphInstantiateWithFlags", "executable graph", out executable);
    }

    public CudaResult GraphGetNodes(nint graph, nint* nodes, ref nuint count)
    {
        count = 3;
        return Use("cuGraphGetNodes", ("graph", graph));
    }

    public CudaResult GraphLaunch(nint executable, nint stream) =>
        Use("cuGraphLaunch", ("executable graph", executable), ("stream", stream));

    public CudaResult GraphDestroy(nint graph) => Unmake("cuGraphDestroy", "graph", graph);

    public CudaResult GraphExecDestroy(nint executable) => Unmake("cuGraphExecDestroy", "executable graph", executable);

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
        int fill)
    {
        if ((nuint)map % 64 != 0)
        {
            _mistakes.Add("a tensor map is not aligned to 64 bytes");
        }

        new Span<byte>(map, 128).Fill(0xA5);
        return Use("cuTensorMapEncodeTiled");
    }

    public CudaResult LinkCreate(uint optionCount, JitOption* options, void** values, out nint state)
    {
        WriteLogs(optionCount, options, values);
        return Make("cuLinkCreate", "linker", out state);
    }

    public CudaResult LinkAddData(nint state, int type, void* data, nuint bytes, byte* name) => Use("cuLinkAddData", ("linker", state));

    public CudaResult LinkComplete(nint state, out nint image, out nuint bytes)
    {
        (image, bytes) = (UnlistedName, 10);
        return Use("cuLinkComplete", ("linker", state));
    }

    public CudaResult LinkDestroy(nint state) => Unmake("cuLinkDestroy", "linker", state);

    private CudaResult Simple(string call)
    {
        lock (_gate)
        {
            return Book(call, needsContext: false);
        }
    }

    private CudaResult Touch(string call, nint stream, Action move)
    {
        lock (_gate)
        {
            var result = Use(call, ("stream", stream));
            if (result == CudaResult.Success && !_capturing.Contains(stream))
            {
                move();
            }

            return result;
        }
    }

    private byte[] Block(void** parameters, void** extra)
    {
        if (parameters != null)
        {
            if (Parameters is null)
            {
                _mistakes.Add("parameters given one by one, of unknown sizes");
                return [];
            }

            return [.. Enumerable.Range(0, Parameters.Length).SelectMany(i => new Span<byte>(parameters[i], Parameters[i].Bytes).ToArray())];
        }

        if (extra == null)
        {
            return [];
        }

        if (extra[0] != (void*)1 || extra[2] != (void*)2 || extra[4] != (void*)0)
        {
            _mistakes.Add("the launch's extra list is malformed");
            return [];
        }

        return new Span<byte>(extra[1], (int)*(nuint*)extra[3]).ToArray();
    }
}
