namespace Stof.Reference.OpenCL.Api;

/// <summary>The numbers of cl.h that this layer passes.</summary>
internal static class ClConstants
{
    public const uint PlatformVersion = 0x0901;
    public const uint PlatformName = 0x0902;
    public const uint PlatformVendor = 0x0903;

    public const uint DeviceType = 0x1000;
    public const uint DeviceMaxComputeUnits = 0x1002;
    public const uint DeviceMaxWorkGroupSize = 0x1004;
    public const uint DevicePreferredVectorWidthFloat = 0x100A;
    public const uint DeviceAddressBits = 0x100D;
    public const uint DeviceMaxMemAllocSize = 0x1010;
    public const uint DeviceSingleFpConfig = 0x101B;
    public const uint DeviceGlobalMemSize = 0x101F;
    public const uint DeviceLocalMemType = 0x1022;
    public const uint DeviceLocalMemSize = 0x1023;
    public const uint DeviceEndianLittle = 0x1026;
    public const uint DeviceAvailable = 0x1027;
    public const uint DeviceCompilerAvailable = 0x1028;
    public const uint DeviceName = 0x102B;
    public const uint DeviceVendor = 0x102C;
    public const uint DriverVersion = 0x102D;
    public const uint DeviceVersion = 0x102F;
    public const uint DeviceExtensions = 0x1030;
    public const uint DeviceHalfFpConfig = 0x1033;
    public const uint DeviceOpenClCVersion = 0x103D;
    public const uint DeviceMaxSubGroups = 0x105C;
    public const uint DeviceComputeCapabilityMajorNv = 0x4000;
    public const uint DeviceComputeCapabilityMinorNv = 0x4001;

    public const ulong TypeCpu = 1 << 1;
    public const ulong TypeGpu = 1 << 2;
    public const ulong TypeAccelerator = 1 << 3;
    public const ulong TypeAll = 0xFFFFFFFF;

    public const ulong FpDenormals = 1 << 0;
    public const uint LocalMemoryIsLocal = 1;

    public const ulong QueueProfiling = 1 << 1;

    public const ulong MemReadWrite = 1 << 0;

    public const uint ProgramBinarySizes = 0x1165;
    public const uint ProgramBinaries = 0x1166;
    public const uint ProgramBuildLog = 0x1183;

    public const uint KernelNumArgs = 0x1191;
    public const uint KernelWorkGroupSize = 0x11B0;

    public const uint ProfilingCommandStart = 0x1282;
    public const uint ProfilingCommandEnd = 0x1283;
}
