using System.Collections.Frozen;
using Stof.Reference.OpenCL.Api;

namespace Stof.Reference.OpenCL;

/// <summary>Every error of OpenCL 1.2 (cl.h), the loader's and those that vendors share, in words.</summary>
internal static class OpenClErrorTable
{
    private const string Report = "this library passed it, so please report it";

    private static readonly FrozenDictionary<int, OpenClError> ByCode = Rows().ToFrozenDictionary(error => error.Code);

    /// <summary>All rows, from -1 down.</summary>
    public static IEnumerable<OpenClError> All => ByCode.Values.OrderByDescending(error => error.Code);

    /// <summary>The row of a code.</summary>
    public static OpenClError Find(ClResult result) => ByCode.TryGetValue((int)result, out var error)
        ? error
        : new OpenClError((int)result, "unlisted error", "an error of the vendor's own", "look it up in the vendor's documentation");

    private static OpenClError[] Rows() =>
    [
        new(-1, "CL_DEVICE_NOT_FOUND", "the platform has no device of this kind", "see stof devices for what there is"),
        new(-2, "CL_DEVICE_NOT_AVAILABLE", "the device cannot be used now or was lost", "end what else uses it, or start the program again"),
        new(-3, "CL_COMPILER_NOT_AVAILABLE", "the platform compiles nothing", "install the vendor's full OpenCL package"),
        new(-4, "CL_MEM_OBJECT_ALLOCATION_FAILURE", "the device has too little free memory", "use a smaller batch, length or dtype"),
        new(-5, "CL_OUT_OF_RESOURCES", "the device ran out of registers, local memory or time, or the kernel read outside of its buffers", "use a smaller tile or problem; if it stays, please report it"),
        new(-6, "CL_OUT_OF_HOST_MEMORY", "the host has too little free memory", "use a smaller batch, length or dtype"),
        new(-7, "CL_PROFILING_INFO_NOT_AVAILABLE", "the command was not timed", Report),
        new(-8, "CL_MEM_COPY_OVERLAP", "source and target of a copy overlap", Report),
        new(-9, "CL_IMAGE_FORMAT_MISMATCH", "two images differ in format", Report),
        new(-10, "CL_IMAGE_FORMAT_NOT_SUPPORTED", "the device has no such image format", Report),
        new(-11, "CL_BUILD_PROGRAM_FAILURE", "the kernels did not compile", "the log below names file and line; please report it with stof devices"),
        new(-12, "CL_MAP_FAILURE", "memory could not be mapped", "use a smaller batch, length or dtype"),
        new(-13, "CL_MISALIGNED_SUB_BUFFER_OFFSET", "a part of a buffer starts at a place that the device cannot use", Report),
        new(-14, "CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST", "an earlier command failed", "look at the first error"),
        new(-15, "CL_COMPILE_PROGRAM_FAILURE", "the kernels did not compile", "please report it with stof devices"),
        new(-16, "CL_LINKER_NOT_AVAILABLE", "the platform links nothing", "install the vendor's full OpenCL package"),
        new(-17, "CL_LINK_PROGRAM_FAILURE", "the kernels did not link", "please report it with stof devices"),
        new(-18, "CL_DEVICE_PARTITION_FAILED", "the device cannot be divided", Report),
        new(-19, "CL_KERNEL_ARG_INFO_NOT_AVAILABLE", "the program was built without facts about arguments", Report),
        new(-30, "CL_INVALID_VALUE", "an argument is outside what the call takes", Report),
        new(-31, "CL_INVALID_DEVICE_TYPE", "there is no such kind of device", Report),
        new(-32, "CL_INVALID_PLATFORM", "the platform is not one of the loader's", "start the program again; if it stays, repair the vendor's package"),
        new(-33, "CL_INVALID_DEVICE", "the device is not one of the platform's, or is lost", "start the program again"),
        new(-34, "CL_INVALID_CONTEXT", "the context is gone", Report),
        new(-35, "CL_INVALID_QUEUE_PROPERTIES", "the device has no such queue", Report),
        new(-36, "CL_INVALID_COMMAND_QUEUE", "the queue is gone, or the device failed", "start the program again; use a smaller tile if it stays"),
        new(-37, "CL_INVALID_HOST_PTR", "memory of the host was given that is not wanted, or not given", Report),
        new(-38, "CL_INVALID_MEM_OBJECT", "the buffer is gone or of another context", Report),
        new(-39, "CL_INVALID_IMAGE_FORMAT_DESCRIPTOR", "there is no such image format", Report),
        new(-40, "CL_INVALID_IMAGE_SIZE", "the image is too large", Report),
        new(-41, "CL_INVALID_SAMPLER", "the sampler is gone", Report),
        new(-42, "CL_INVALID_BINARY", "the bytes are no program for this device", "delete the program cache; it is rebuilt"),
        new(-43, "CL_INVALID_BUILD_OPTIONS", "the compiler does not know an option", Report),
        new(-44, "CL_INVALID_PROGRAM", "the program is gone", Report),
        new(-45, "CL_INVALID_PROGRAM_EXECUTABLE", "the program was not built for this device", Report),
        new(-46, "CL_INVALID_KERNEL_NAME", "the program has no kernel of this name", Report),
        new(-47, "CL_INVALID_KERNEL_DEFINITION", "the kernel differs between devices", Report),
        new(-48, "CL_INVALID_KERNEL", "the kernel is gone", Report),
        new(-49, "CL_INVALID_ARG_INDEX", "the kernel has no such argument", Report),
        new(-50, "CL_INVALID_ARG_VALUE", "an argument has no value", Report),
        new(-51, "CL_INVALID_ARG_SIZE", "an argument has another size, or more local memory was asked for than there is", "use a smaller tile; if it stays, please report it"),
        new(-52, "CL_INVALID_KERNEL_ARGS", "an argument was not set", Report),
        new(-53, "CL_INVALID_WORK_DIMENSION", "a launch has 1 to 3 dimensions", Report),
        new(-54, "CL_INVALID_WORK_GROUP_SIZE", "the work-group is larger than the device or the kernel takes", "use a smaller tile"),
        new(-55, "CL_INVALID_WORK_ITEM_SIZE", "a side of the work-group is larger than the device takes", "use a smaller tile"),
        new(-56, "CL_INVALID_GLOBAL_OFFSET", "a launch starts beyond the device's range", Report),
        new(-57, "CL_INVALID_EVENT_WAIT_LIST", "an event to wait for is gone", Report),
        new(-58, "CL_INVALID_EVENT", "the event is gone", Report),
        new(-59, "CL_INVALID_OPERATION", "the device cannot do this", Report),
        new(-60, "CL_INVALID_GL_OBJECT", "the graphics object is gone", Report),
        new(-61, "CL_INVALID_BUFFER_SIZE", "the buffer is empty or larger than the device allows", "use a smaller batch, length or dtype"),
        new(-62, "CL_INVALID_MIP_LEVEL", "there is no such image level", Report),
        new(-63, "CL_INVALID_GLOBAL_WORK_SIZE", "a launch has no or too many work-items", "use a smaller batch or length"),
        new(-64, "CL_INVALID_PROPERTY", "there is no such property", Report),
        new(-65, "CL_INVALID_IMAGE_DESCRIPTOR", "there is no such image", Report),
        new(-66, "CL_INVALID_COMPILER_OPTIONS", "the compiler does not know an option", Report),
        new(-67, "CL_INVALID_LINKER_OPTIONS", "the linker does not know an option", Report),
        new(-68, "CL_INVALID_DEVICE_PARTITION_COUNT", "the device cannot be divided so", Report),
        new(-1001, "CL_PLATFORM_NOT_FOUND_KHR", "the loader found no vendor's implementation", "install one (PoCL runs on any processor), or point OCL_ICD_VENDORS at its .icd file"),
        new(-9999, "NVIDIA illegal access", "a kernel read or wrote outside of its buffers (NVIDIA's own code)", "please report it; the process must be started again"),
    ];
}
