using System.Collections.Frozen;
using System.Runtime.InteropServices;
using Stof.Reference.Cuda.Driver.Api;

namespace Stof.Reference.Cuda.Driver;

/// <summary>Every error of the driver API (cuda.h, CUDA 13.0) in words.</summary>
internal static class CudaErrorTable
{
    private static readonly FrozenDictionary<int, CudaError> ByCode = Rows().ToFrozenDictionary(error => error.Code);

    /// <summary>All rows, by code.</summary>
    public static IEnumerable<CudaError> All => ByCode.Values.OrderBy(error => error.Code);

    /// <summary>The row of a code; a code that is not listed takes its name from the driver.</summary>
    public static CudaError Find(CudaResult result, ICudaApi api)
    {
        if (ByCode.TryGetValue((int)result, out var error))
        {
            return error;
        }

        var name = api.GetErrorName(result, out var text) == CudaResult.Success ? Marshal.PtrToStringUTF8(text) : null;
        return new CudaError(
            (int)result,
            name ?? "unlisted error",
            "an error that is newer than this program",
            "look it up in the CUDA driver API's list of errors");
    }

    private static CudaError[] Rows() =>
    [
        new(
            1,
            "CUDA_ERROR_INVALID_VALUE",
            "an argument is outside what the call takes",
            "check sizes, offsets and attributes of the call; they belong to this library, so please report it"),
        new(
            2,
            "CUDA_ERROR_OUT_OF_MEMORY",
            "the device has too little free memory",
            "free buffers, trim the pool, or use a smaller batch or length"),
        new(3, "CUDA_ERROR_NOT_INITIALIZED", "the driver was not initialised", "call CudaDriver.Probe first"),
        new(4, "CUDA_ERROR_DEINITIALIZED", "the driver is shutting down", "start no work while the process exits"),
        new(5, "CUDA_ERROR_PROFILER_DISABLED", "the profiler is off for this run", "start the process under the profiler"),
        new(6, "CUDA_ERROR_PROFILER_NOT_INITIALIZED", "the profiler was not initialised", "initialise the profiler first"),
        new(7, "CUDA_ERROR_PROFILER_ALREADY_STARTED", "the profiler runs already", "do not start it twice"),
        new(8, "CUDA_ERROR_PROFILER_ALREADY_STOPPED", "the profiler has stopped already", "do not stop it twice"),
        new(
            34,
            "CUDA_ERROR_STUB_LIBRARY",
            "the loaded library is the toolkit's stub, not a driver",
            "install the NVIDIA driver, or remove the stub from the library path"),
        new(
            46,
            "CUDA_ERROR_DEVICE_UNAVAILABLE",
            "another process holds the device exclusively, or it is busy",
            "end the other process, or set the compute mode to default"),
        new(
            100,
            "CUDA_ERROR_NO_DEVICE",
            "the driver sees no device",
            "check nvidia-smi, CUDA_VISIBLE_DEVICES and the container's device access"),
        new(101, "CUDA_ERROR_INVALID_DEVICE", "no device has this number", "use a number that `stof devices` lists"),
        new(102, "CUDA_ERROR_DEVICE_NOT_LICENSED", "the device has no licence for this use", "check the virtual GPU's licence"),
        new(
            200,
            "CUDA_ERROR_INVALID_IMAGE",
            "the image is neither PTX nor a cubin of this device",
            "build it for this device's compute capability"),
        new(201, "CUDA_ERROR_INVALID_CONTEXT", "no context, or one that is gone, is current", "open a new context"),
        new(202, "CUDA_ERROR_CONTEXT_ALREADY_CURRENT", "the context is current already", "do not set it twice"),
        new(205, "CUDA_ERROR_MAP_FAILED", "memory could not be mapped", "retry with less mapped memory"),
        new(206, "CUDA_ERROR_UNMAP_FAILED", "memory could not be unmapped", "retry after the work on it is done"),
        new(207, "CUDA_ERROR_ARRAY_IS_MAPPED", "the array is mapped and cannot be destroyed", "unmap it first"),
        new(208, "CUDA_ERROR_ALREADY_MAPPED", "the resource is mapped already", "do not map it twice"),
        new(
            209,
            "CUDA_ERROR_NO_BINARY_FOR_GPU",
            "the image holds no code for this device",
            "build for its compute capability, or load PTX instead of a cubin"),
        new(210, "CUDA_ERROR_ALREADY_ACQUIRED", "the resource is held already", "release it first"),
        new(211, "CUDA_ERROR_NOT_MAPPED", "the resource is not mapped", "map it first"),
        new(212, "CUDA_ERROR_NOT_MAPPED_AS_ARRAY", "the resource is not mapped as an array", "map it as an array"),
        new(213, "CUDA_ERROR_NOT_MAPPED_AS_POINTER", "the resource is not mapped as a pointer", "map it as a pointer"),
        new(
            214,
            "CUDA_ERROR_ECC_UNCORRECTABLE",
            "the device found a memory error it cannot correct",
            "restart the process; if it comes back, the device is broken",
            LosesContext: true),
        new(215, "CUDA_ERROR_UNSUPPORTED_LIMIT", "the device does not support this limit", "leave the limit as it is"),
        new(
            216,
            "CUDA_ERROR_CONTEXT_ALREADY_IN_USE",
            "another thread has the context current",
            "use one context on one thread at a time"),
        new(217, "CUDA_ERROR_PEER_ACCESS_UNSUPPORTED", "the devices cannot reach each other's memory", "copy through the host"),
        new(218, "CUDA_ERROR_INVALID_PTX", "the PTX does not compile", "read the log; the PTX was kept"),
        new(219, "CUDA_ERROR_INVALID_GRAPHICS_CONTEXT", "the graphics context is invalid", "use a compute context"),
        new(
            220,
            "CUDA_ERROR_NVLINK_UNCORRECTABLE",
            "the link between devices failed",
            "restart the process; check nvidia-smi nvlink",
            LosesContext: true),
        new(
            221,
            "CUDA_ERROR_JIT_COMPILER_NOT_FOUND",
            "the driver has no PTX compiler",
            "install the driver's full package (libnvidia-ptxjitcompiler), or load a cubin"),
        new(
            222,
            "CUDA_ERROR_UNSUPPORTED_PTX_VERSION",
            "the PTX's .version is newer than the driver",
            "update the driver, or build for an older .version"),
        new(
            223,
            "CUDA_ERROR_JIT_COMPILATION_DISABLED",
            "compiling PTX is switched off",
            "unset CUDA_DISABLE_PTX_JIT, or load a cubin"),
        new(
            224,
            "CUDA_ERROR_UNSUPPORTED_EXEC_AFFINITY",
            "the device does not support this affinity",
            "leave the affinity as it is"),
        new(
            225,
            "CUDA_ERROR_UNSUPPORTED_DEVSIDE_SYNC",
            "the code synchronises in a way that the device no longer supports",
            "build without device-side synchronisation"),
        new(226, "CUDA_ERROR_CONTAINED", "the device contained a fault", "restart the process", LosesContext: true),
        new(300, "CUDA_ERROR_INVALID_SOURCE", "the source does not compile", "read the log"),
        new(301, "CUDA_ERROR_FILE_NOT_FOUND", "a file is missing", "check the path"),
        new(302, "CUDA_ERROR_SHARED_OBJECT_SYMBOL_NOT_FOUND", "a symbol of a shared object is missing", "reinstall the driver"),
        new(303, "CUDA_ERROR_SHARED_OBJECT_INIT_FAILED", "a shared object did not start", "reinstall the driver"),
        new(
            304,
            "CUDA_ERROR_OPERATING_SYSTEM",
            "the operating system refused a call",
            "check permissions on /dev/nvidia* and the limit of locked memory"),
        new(400, "CUDA_ERROR_INVALID_HANDLE", "the handle belongs to nothing", "use the object only before it is disposed"),
        new(401, "CUDA_ERROR_ILLEGAL_STATE", "the object is in a state that forbids this call", "finish what was begun with it"),
        new(402, "CUDA_ERROR_LOSSY_QUERY", "the query would lose information", "use a newer query"),
        new(500, "CUDA_ERROR_NOT_FOUND", "no symbol has this name", "check the kernel's name against the PTX .entry"),
        new(600, "CUDA_ERROR_NOT_READY", "the work is not done yet", "ask again, or synchronise"),
        new(
            700,
            "CUDA_ERROR_ILLEGAL_ADDRESS",
            "a kernel read or wrote memory that it may not",
            "run it in the simulator or under compute-sanitizer memcheck",
            LosesContext: true),
        new(
            701,
            "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES",
            "the launch needs more registers or shared memory than the device has",
            "use smaller blocks or tiles"),
        new(
            702,
            "CUDA_ERROR_LAUNCH_TIMEOUT",
            "the kernel ran too long and was stopped",
            "give less work to one launch, or use a device without a display",
            LosesContext: true),
        new(703, "CUDA_ERROR_LAUNCH_INCOMPATIBLE_TEXTURING", "the kernel's textures do not fit the launch", "rebuild the kernel"),
        new(704, "CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED", "peer access is on already", "do not enable it twice"),
        new(705, "CUDA_ERROR_PEER_ACCESS_NOT_ENABLED", "peer access is not on", "enable it first"),
        new(708, "CUDA_ERROR_PRIMARY_CONTEXT_ACTIVE", "the primary context is active", "change its flags before it is opened"),
        new(709, "CUDA_ERROR_CONTEXT_IS_DESTROYED", "the context was destroyed", "open a new context", LosesContext: true),
        new(
            710,
            "CUDA_ERROR_ASSERT",
            "a device-side assertion failed",
            "read the assertion; run the kernel in the simulator",
            LosesContext: true),
        new(711, "CUDA_ERROR_TOO_MANY_PEERS", "no more peers fit", "enable fewer peers"),
        new(
            712,
            "CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED",
            "the host memory is registered already",
            "do not register it twice"),
        new(713, "CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED", "the host memory is not registered", "register it first"),
        new(
            714,
            "CUDA_ERROR_HARDWARE_STACK_ERROR",
            "the device's stack overflowed or broke",
            "use less local memory; look for recursion",
            LosesContext: true),
        new(
            715,
            "CUDA_ERROR_ILLEGAL_INSTRUCTION",
            "a kernel met an instruction that the device does not know",
            "build for this device's compute capability",
            LosesContext: true),
        new(
            716,
            "CUDA_ERROR_MISALIGNED_ADDRESS",
            "a kernel's load or store is not aligned to its width",
            "run it in the simulator or under compute-sanitizer memcheck",
            LosesContext: true),
        new(
            717,
            "CUDA_ERROR_INVALID_ADDRESS_SPACE",
            "an instruction used an address of the wrong memory space",
            "check generic, shared and global addresses",
            LosesContext: true),
        new(
            718,
            "CUDA_ERROR_INVALID_PC",
            "the program counter left the code",
            "look for a corrupt branch target or stack",
            LosesContext: true),
        new(
            719,
            "CUDA_ERROR_LAUNCH_FAILED",
            "a kernel failed on the device",
            "run it in the simulator or under compute-sanitizer memcheck",
            LosesContext: true),
        new(
            720,
            "CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE",
            "the grid does not fit on the device at once",
            "launch at most occupancy times multiprocessors blocks"),
        new(
            721,
            "CUDA_ERROR_TENSOR_MEMORY_LEAK",
            "a kernel ended without freeing its tensor memory",
            "free it in every path",
            LosesContext: true),
        new(
            800,
            "CUDA_ERROR_NOT_PERMITTED",
            "the operation is not permitted here",
            "check capture mode, permissions and the device's settings"),
        new(
            801,
            "CUDA_ERROR_NOT_SUPPORTED",
            "the device or driver does not support this",
            "use another path, or update the driver"),
        new(
            802,
            "CUDA_ERROR_SYSTEM_NOT_READY",
            "the system is not ready yet",
            "check that nvidia-persistenced or the fabric manager runs"),
        new(
            803,
            "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH",
            "the driver's library and kernel module have different versions",
            "reboot, or reinstall the driver"),
        new(
            804,
            "CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE",
            "forward compatibility does not support this device",
            "use the library that belongs to the installed driver"),
        new(805, "CUDA_ERROR_MPS_CONNECTION_FAILED", "the MPS client cannot reach the server", "check the MPS daemon"),
        new(806, "CUDA_ERROR_MPS_RPC_FAILURE", "the MPS server failed", "restart the MPS daemon"),
        new(807, "CUDA_ERROR_MPS_SERVER_NOT_READY", "the MPS server is not ready", "wait for it"),
        new(808, "CUDA_ERROR_MPS_MAX_CLIENTS_REACHED", "the MPS server has no free client", "end another client"),
        new(809, "CUDA_ERROR_MPS_MAX_CONNECTIONS_REACHED", "the MPS server has no free connection", "end another client"),
        new(
            810,
            "CUDA_ERROR_MPS_CLIENT_TERMINATED",
            "the MPS server ended this client",
            "restart the process; look at the other clients' faults",
            LosesContext: true),
        new(811, "CUDA_ERROR_CDP_NOT_SUPPORTED", "launching from kernels is not supported", "launch from the host"),
        new(812, "CUDA_ERROR_CDP_VERSION_MISMATCH", "launching from kernels needs another version", "rebuild the kernel"),
        new(
            900,
            "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED",
            "the call is not allowed while a stream is being captured",
            "allocate, load and synchronise before the capture"),
        new(
            901,
            "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED",
            "an earlier mistake has spoiled the capture",
            "look at the first error inside the capture"),
        new(902, "CUDA_ERROR_STREAM_CAPTURE_MERGE", "two captures would be merged", "capture one stream at a time"),
        new(
            903,
            "CUDA_ERROR_STREAM_CAPTURE_UNMATCHED",
            "this stream began no capture",
            "end a capture on the stream that began it"),
        new(
            904,
            "CUDA_ERROR_STREAM_CAPTURE_UNJOINED",
            "work of another stream was not joined",
            "make the captured stream wait for the other's event"),
        new(
            905,
            "CUDA_ERROR_STREAM_CAPTURE_ISOLATION",
            "a dependency crosses the border of the capture",
            "record and wait for events on one side only"),
        new(
            906,
            "CUDA_ERROR_STREAM_CAPTURE_IMPLICIT",
            "a legacy-stream call would be captured",
            "use streams made by this library"),
        new(907, "CUDA_ERROR_CAPTURED_EVENT", "the event was recorded inside a capture", "use events recorded outside"),
        new(
            908,
            "CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD",
            "another thread ends the capture",
            "end it on the thread that began it"),
        new(909, "CUDA_ERROR_TIMEOUT", "the wait took too long", "check what the stream waits for"),
        new(910, "CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE", "the graph cannot be updated to the new one", "instantiate it again"),
        new(911, "CUDA_ERROR_EXTERNAL_DEVICE", "a device outside CUDA reported an error", "check that device"),
        new(
            912,
            "CUDA_ERROR_INVALID_CLUSTER_SIZE",
            "the cluster is too large or does not divide the grid",
            "use a smaller cluster (8 blocks are portable)"),
        new(913, "CUDA_ERROR_FUNCTION_NOT_LOADED", "the function is not loaded", "load its module first"),
        new(914, "CUDA_ERROR_INVALID_RESOURCE_TYPE", "the resource has the wrong type", "use a resource of this type"),
        new(915, "CUDA_ERROR_INVALID_RESOURCE_CONFIGURATION", "the resource cannot be configured so", "ask for less"),
        new(916, "CUDA_ERROR_KEY_ROTATION", "the key rotation failed", "restart the process"),
        new(
            999,
            "CUDA_ERROR_UNKNOWN",
            "an error that the driver does not name",
            "look at dmesg for an Xid; restart the process",
            LosesContext: true),
    ];
}
