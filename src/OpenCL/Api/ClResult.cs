namespace Stof.Reference.OpenCL.Api;

/// <summary>What an OpenCL call returns (cl.h, cl_ext.h); the codes that this layer looks at by name.</summary>
internal enum ClResult
{
    /// <summary>Done.</summary>
    Success = 0,

    /// <summary>The platform has no device of the kind asked for.</summary>
    DeviceNotFound = -1,

    /// <summary>The device cannot be used now.</summary>
    DeviceNotAvailable = -2,

    /// <summary>Too little memory on the device for a buffer.</summary>
    MemObjectAllocationFailure = -4,

    /// <summary>Too few resources on the device.</summary>
    OutOfResources = -5,

    /// <summary>Too little memory on the host.</summary>
    OutOfHostMemory = -6,

    /// <summary>The source did not compile.</summary>
    BuildProgramFailure = -11,

    /// <summary>An argument is wrong.</summary>
    InvalidValue = -30,

    /// <summary>The device does not belong to the platform or is lost.</summary>
    InvalidDevice = -33,

    /// <summary>The bytes are no program for the device.</summary>
    InvalidBinary = -42,

    /// <summary>No kernel of this name.</summary>
    InvalidKernelName = -46,

    /// <summary>A kernel's argument was not set.</summary>
    InvalidKernelArgs = -52,

    /// <summary>The work-group does not fit the device or the kernel.</summary>
    InvalidWorkGroupSize = -54,

    /// <summary>The loader found no vendor's implementation.</summary>
    PlatformNotFound = -1001,
}
