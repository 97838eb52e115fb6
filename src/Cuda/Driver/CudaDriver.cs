using System.Text;
using Stof.Reference.Cuda.Driver.Api;

namespace Stof.Reference.Cuda.Driver;

/// <summary>Finds the driver and its devices.</summary>
public static class CudaDriver
{
    private const int NameLength = 256;
    private const int PciLength = 32;

    /// <summary>
    /// The oldest driver that is used: the first with tensor maps, clusters and PTX 8.0 for sm_90a. Older ones would need second paths.
    /// </summary>
    public static CudaVersion OldestVersion { get; } = new(12, 0);

    /// <summary>Looks for the driver and its devices. Never throws for what it may find.</summary>
    public static CudaProbe Probe() => Probe(LibCuda.Instance);

    /// <summary>As <see cref="Probe()"/>, over any implementation of the calls.</summary>
    internal static CudaProbe Probe(ICudaApi api)
    {
        CudaProbe Answer(CudaAvailability availability, string reason, CudaVersion? version) => new(availability, reason, version, []);

        if (!api.TryLoad(out var failure))
        {
            return Answer(CudaAvailability.NoDriver, $"no driver ({failure})", null);
        }

        try
        {
            var result = api.DriverGetVersion(out var number);
            if (result != CudaResult.Success)
            {
                return Answer(CudaAvailability.DriverFailed, Failed("cuDriverGetVersion", result, api), null);
            }

            var version = CudaVersion.FromDriver(number);
            if (version < OldestVersion)
            {
                return Answer(CudaAvailability.DriverTooOld, $"driver too old (CUDA {version}; {OldestVersion} or newer is needed)", version);
            }

            var call = "cuInit";
            var count = 0;
            result = api.Init(0);
            if (result == CudaResult.Success)
            {
                call = "cuDeviceGetCount";
                result = api.DeviceGetCount(out count);
            }

            if (result == CudaResult.NoDevice || (result == CudaResult.Success && count == 0))
            {
                return Answer(CudaAvailability.NoDevice, $"driver without a device (CUDA {version})", version);
            }

            if (result != CudaResult.Success)
            {
                return Answer(CudaAvailability.DriverFailed, Failed(call, result, api), version);
            }

            var devices = Enumerable.Range(0, count).Select(ordinal => Read(api, ordinal)).ToArray();
            return new CudaProbe(CudaAvailability.Available, "", version, devices);
        }
        catch (CudaException exception)
        {
            return Answer(CudaAvailability.DriverFailed, exception.Message, null);
        }
        catch (EntryPointNotFoundException exception)
        {
            return Answer(CudaAvailability.DriverFailed, $"the library lacks a call of CUDA {OldestVersion}: {exception.Message}", null);
        }
    }

    private static string Failed(string call, CudaResult result, ICudaApi api)
    {
        var error = CudaErrorTable.Find(result, api);
        return $"{call} failed with {error.Name} ({error.Code}): {error.Meaning}; to do: {error.Remedy}";
    }

    private static unsafe CudaDevice Read(ICudaApi api, int ordinal)
    {
        void Check(CudaResult result, string call)
        {
            if (result != CudaResult.Success)
            {
                throw new CudaException(call, CudaErrorTable.Find(result, api), $"device {ordinal}");
            }
        }

        Check(api.DeviceGet(out var device, ordinal), "cuDeviceGet");
        int Attribute(DeviceAttribute attribute)
        {
            Check(api.DeviceGetAttribute(out var value, attribute, device), $"cuDeviceGetAttribute({attribute})");
            return value;
        }

        var text = stackalloc byte[NameLength];
        Check(api.DeviceGetName(text, NameLength, device), "cuDeviceGetName");
        var name = Text(text, NameLength);
        Check(api.DeviceGetPciBusId(text, PciLength, device), "cuDeviceGetPCIBusId");
        var pci = Text(text, PciLength);
        Check(api.DeviceTotalMem(out var memory, device), "cuDeviceTotalMem_v2");
        return new CudaDevice
        {
            Ordinal = ordinal,
            Name = name,
            Capability = new(Attribute(DeviceAttribute.ComputeCapabilityMajor), Attribute(DeviceAttribute.ComputeCapabilityMinor)),
            Multiprocessors = Attribute(DeviceAttribute.MultiprocessorCount),
            MemoryBytes = (long)memory,
            SharedBytesPerBlock = Attribute(DeviceAttribute.MaxSharedMemoryPerBlock),
            SharedBytesPerBlockOptIn = Attribute(DeviceAttribute.MaxSharedMemoryPerBlockOptin),
            SharedBytesPerMultiprocessor = Attribute(DeviceAttribute.MaxSharedMemoryPerMultiprocessor),
            L2Bytes = Attribute(DeviceAttribute.L2CacheSize),
            ClockKilohertz = Attribute(DeviceAttribute.ClockRate),
            WarpSize = Attribute(DeviceAttribute.WarpSize),
            MaxThreadsPerBlock = Attribute(DeviceAttribute.MaxThreadsPerBlock),
            MaxThreadsPerMultiprocessor = Attribute(DeviceAttribute.MaxThreadsPerMultiprocessor),
            RegistersPerBlock = Attribute(DeviceAttribute.MaxRegistersPerBlock),
            MaxBlock = new(Attribute(DeviceAttribute.MaxBlockDimX), Attribute(DeviceAttribute.MaxBlockDimY), Attribute(DeviceAttribute.MaxBlockDimZ)),
            MaxGrid = new(Attribute(DeviceAttribute.MaxGridDimX), Attribute(DeviceAttribute.MaxGridDimY), Attribute(DeviceAttribute.MaxGridDimZ)),
            SupportsClusters = Attribute(DeviceAttribute.ClusterLaunch) != 0,
            SupportsTensorMaps = Attribute(DeviceAttribute.TensorMapAccessSupported) != 0,
            PciId = pci,
        };
    }

    private static unsafe string Text(byte* text, int length)
    {
        var bytes = new ReadOnlySpan<byte>(text, length);
        var end = bytes.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? bytes : bytes[..end]);
    }
}
