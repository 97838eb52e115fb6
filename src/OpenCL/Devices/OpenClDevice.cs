using Stof.Reference.Backends;
using Stof.Reference.OpenCL.Api;

namespace Stof.Reference.OpenCL;

/// <summary>A device and what it can do.</summary>
public sealed record OpenClDevice
{
    private const int LeastWorkGroup = 64;
    private const long LeastLocalBytes = 16 * 1024;
    private const long AssumedRegisterBytes = 256 * 1024; // of a GPU's compute unit, where sums are kept; OpenCL does not tell

    /// <summary>Place of the platform in the loader's list, from 0.</summary>
    public required int Platform { get; init; }

    /// <summary>Place in the platform's list, from 0.</summary>
    public required int Ordinal { get; init; }

    /// <summary>The platform's name.</summary>
    public required string PlatformName { get; init; }

    /// <summary>The platform's version text.</summary>
    public required string PlatformVersion { get; init; }

    /// <summary>The device's name.</summary>
    public required string Name { get; init; }

    /// <summary>The vendor's name.</summary>
    public required string Vendor { get; init; }

    /// <summary>Version text of the driver.</summary>
    public required string DriverVersion { get; init; }

    /// <summary>Version text of the device, such as <c>OpenCL 3.0 ...</c>.</summary>
    public required string Version { get; init; }

    /// <summary>Newest language version without opting in, such as <c>OpenCL C 1.2 ...</c>.</summary>
    public required string LanguageVersion { get; init; }

    /// <summary>Processor, GPU, accelerator or other.</summary>
    public required OpenClDeviceKind Kind { get; init; }

    /// <summary>Compute units.</summary>
    public required int ComputeUnits { get; init; }

    /// <summary>Most work-items in a group.</summary>
    public required int MaxWorkGroup { get; init; }

    /// <summary>Floats that the device likes in a vector.</summary>
    public required int VectorWidth { get; init; }

    /// <summary>Local memory of a group in bytes.</summary>
    public required long LocalBytes { get; init; }

    /// <summary>True if local memory is a memory of its own; false where it is ordinary cached memory.</summary>
    public required bool HasLocalMemory { get; init; }

    /// <summary>Memory in bytes.</summary>
    public required long MemoryBytes { get; init; }

    /// <summary>Largest buffer in bytes.</summary>
    public required long MaxBufferBytes { get; init; }

    /// <summary>Bits of an address.</summary>
    public required int AddressBits { get; init; }

    /// <summary>True if floats below the smallest normal number are not flushed to 0.</summary>
    public required bool HasDenormals { get; init; }

    /// <summary>Names of the extensions.</summary>
    public required IReadOnlySet<string> Extensions { get; init; }

    /// <summary>NVIDIA's compute capability times ten, such as 90; 0 on other devices.</summary>
    public int ComputeCapability { get; init; }

    /// <summary>Why kernels cannot run here, or null.</summary>
    public string? Refusal { get; init; }

    /// <summary>The device's handle, valid as long as the process.</summary>
    internal nint Handle { get; init; }

    /// <summary>The platform's handle.</summary>
    internal nint PlatformHandle { get; init; }

    /// <summary>The calls.</summary>
    internal IOpenClApi Api { get; init; } = LibOpenCl.Instance;

    /// <summary>True for a processor: one work-item does a block of rows in vectors, and "local memory" is cache.</summary>
    public bool IsCpu => Kind == OpenClDeviceKind.Cpu;

    /// <summary>16-bit floats (<c>cl_khr_fp16</c>), those below the smallest normal number not flushed to 0.</summary>
    public bool HasHalf { get; init; }

    /// <summary>Double precision.</summary>
    public bool HasDouble => Extensions.Contains("cl_khr_fp64");

    /// <summary>Sub-groups: an extension, or an option of OpenCL 3.0.</summary>
    public bool HasSubGroups { get; init; }

    /// <summary>
    /// Option of a build for the language: OpenCL C 1.2, which every device has; a newer one where sub-groups need it, as all do but Intel's extension.
    /// </summary>
    public string LanguageOption => !HasSubGroups || Extensions.Contains("cl_intel_subgroups") ? "-cl-std=CL1.2"
        : Version.StartsWith("OpenCL 3", StringComparison.Ordinal) ? "-cl-std=CL3.0"
        : "-cl-std=CL2.0";

    /// <summary>NVIDIA's tensor cores through inline PTX (<c>mma.sync.m16n8k16</c>: Ampere and newer).</summary>
    public bool HasMatrixUnits => ComputeCapability >= 80;

    /// <summary>
    /// True where the platform keeps compiled kernels itself: PoCL, unless <c>POCL_KERNEL_CACHE</c> is 0. Asking it for a program's binary would compile
    /// every kernel a second time, for groups of any size.
    /// </summary>
    public bool KeepsPrograms => PlatformName == "Portable Computing Language" && Environment.GetEnvironmentVariable("POCL_KERNEL_CACHE") != "0";

    /// <summary>Text that names the device in options and reports, such as <c>opencl:0:0</c>.</summary>
    public string Address => $"opencl:{Platform}:{Ordinal}";

    /// <summary>What plans need to know.</summary>
    public DeviceDescription Describe() => new("opencl", $"{Name} ({PlatformName})", ComputeUnits, HasLocalMemory ? LocalBytes + AssumedRegisterBytes : LocalBytes, VectorWidth * 32)
    {
        // Another driver compiles other code from the same source.
        Kernels = $"{typeof(OpenClDevice).Assembly.ManifestModule.ModuleVersionId} {DriverVersion} {Version}",
    };

    /// <summary>Reads a device.</summary>
    /// <exception cref="OpenClException">A call failed.</exception>
    internal static unsafe OpenClDevice Read(IOpenClApi api, OpenClPlatform platform, nint handle, int ordinal)
    {
        string Text(uint name) => InfoReader.Text("clGetDeviceInfo", (size, value, needed) => api.GetDeviceInfo(handle, name, size, value, needed));
        T Value<T>(uint name)
            where T : unmanaged => InfoReader.Value<T>("clGetDeviceInfo", (size, value, needed) => api.GetDeviceInfo(handle, name, size, value, needed));

        var extensions = Text(ClConstants.DeviceExtensions).Split(' ', StringSplitOptions.RemoveEmptyEntries).ToHashSet(StringComparer.Ordinal);
        var type = Value<ulong>(ClConstants.DeviceType);
        var version = Text(ClConstants.DeviceVersion);
        var device = new OpenClDevice
        {
            Platform = platform.Ordinal,
            Ordinal = ordinal,
            PlatformName = platform.Name,
            PlatformVersion = platform.Version,
            Name = Text(ClConstants.DeviceName),
            Vendor = Text(ClConstants.DeviceVendor),
            DriverVersion = Text(ClConstants.DriverVersion),
            Version = version,
            LanguageVersion = Text(ClConstants.DeviceOpenClCVersion),
            Kind = (type & ClConstants.TypeCpu) != 0 ? OpenClDeviceKind.Cpu
                : (type & ClConstants.TypeGpu) != 0 ? OpenClDeviceKind.Gpu
                : (type & ClConstants.TypeAccelerator) != 0 ? OpenClDeviceKind.Accelerator
                : OpenClDeviceKind.Other,
            ComputeUnits = (int)Value<uint>(ClConstants.DeviceMaxComputeUnits),
            MaxWorkGroup = (int)Value<nuint>(ClConstants.DeviceMaxWorkGroupSize),
            VectorWidth = (int)Value<uint>(ClConstants.DevicePreferredVectorWidthFloat),
            LocalBytes = (long)Value<ulong>(ClConstants.DeviceLocalMemSize),
            HasLocalMemory = Value<uint>(ClConstants.DeviceLocalMemType) == ClConstants.LocalMemoryIsLocal,
            MemoryBytes = (long)Value<ulong>(ClConstants.DeviceGlobalMemSize),
            MaxBufferBytes = (long)Value<ulong>(ClConstants.DeviceMaxMemAllocSize),
            AddressBits = (int)Value<uint>(ClConstants.DeviceAddressBits),
            HasDenormals = (Value<ulong>(ClConstants.DeviceSingleFpConfig) & ClConstants.FpDenormals) != 0,
            Extensions = extensions,
            HasHalf = extensions.Contains("cl_khr_fp16") && (Value<ulong>(ClConstants.DeviceHalfFpConfig) & ClConstants.FpDenormals) != 0,
            HasSubGroups = extensions.Contains("cl_khr_subgroups") || extensions.Contains("cl_intel_subgroups")
                || (version.StartsWith("OpenCL 3", StringComparison.Ordinal) && Value<uint>(ClConstants.DeviceMaxSubGroups) > 0),
            ComputeCapability = extensions.Contains("cl_nv_device_attribute_query")
                ? (int)((10 * Value<uint>(ClConstants.DeviceComputeCapabilityMajorNv)) + Value<uint>(ClConstants.DeviceComputeCapabilityMinorNv))
                : 0,
            Handle = handle,
            PlatformHandle = platform.Handle,
            Api = api,
        };
        return device with
        {
            Refusal = device.WhyNot(
                Value<uint>(ClConstants.DeviceAvailable) != 0,
                Value<uint>(ClConstants.DeviceCompilerAvailable) != 0,
                Value<uint>(ClConstants.DeviceEndianLittle) != 0),
        };
    }

    private string? WhyNot(bool isAvailable, bool hasCompiler, bool isLittleEndian)
    {
        if (!isAvailable)
        {
            return "the device says that it is not available";
        }

        if (!hasCompiler)
        {
            return "its platform has no compiler";
        }

        if (!isLittleEndian)
        {
            return "it is big-endian; masks and tensors are stored little-endian";
        }

        // "OpenCL 1.2 vendor's text"
        var words = Version.Split(' ');
        if (words.Length < 2 || !System.Version.TryParse(words[1], out var version) || version < new Version(1, 2))
        {
            return $"{Version}; kernels need OpenCL 1.2";
        }

        if (MaxWorkGroup < LeastWorkGroup)
        {
            return $"work-groups of {MaxWorkGroup}; kernels need {LeastWorkGroup}";
        }

        return LocalBytes < LeastLocalBytes ? $"{LocalBytes} bytes of local memory; kernels need {LeastLocalBytes}" : null;
    }
}

/// <summary>Kinds of devices; the mapping of the kernels follows.</summary>
public enum OpenClDeviceKind
{
    /// <summary>A processor.</summary>
    Cpu,

    /// <summary>A GPU.</summary>
    Gpu,

    /// <summary>A card of another kind.</summary>
    Accelerator,

    /// <summary>None of these.</summary>
    Other,
}
