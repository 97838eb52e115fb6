using Stof.Reference.Cuda.Driver;
using Stof.Reference.Cuda.Driver.Api;

namespace Stof.Reference.Cuda.Tests.Driver;

public sealed class ProbeTests
{
    [Fact]
    public void A_device_is_described_by_its_driver()
    {
        var probe = CudaDriver.Probe(new FakeCudaApi { Devices = 2 });

        Assert.True(probe.IsAvailable);
        Assert.Equal(new CudaVersion(13, 0), probe.Version);
        Assert.Equal(2, probe.Devices.Count);
        var device = probe.Devices[1];
        Assert.Equal((1, "Fake GPU 1", new CudaVersion(9, 0), 132), (device.Ordinal, device.Name, device.Capability, device.Multiprocessors));
        Assert.Equal((80L << 30, 232_448, 50 << 20, 32), (device.MemoryBytes, device.SharedBytesPerBlockOptIn, device.L2Bytes, device.WarpSize));
        Assert.Equal(("0000:19:00.0", new Dim3(1024, 1024, 64)), (device.PciId, device.MaxBlock));
        Assert.Null(device.Refusal);
        Assert.StartsWith("cuda|Fake GPU 1|132|", device.Describe().Fingerprint, StringComparison.Ordinal);
    }

    [Fact]
    public void No_library_is_an_ordinary_answer() => Refused(
        new FakeCudaApi { HasLibrary = false },
        CudaAvailability.NoDriver,
        "no driver (libcuda.so.1 not found)");

    [Fact]
    public void An_old_driver_is_an_ordinary_answer() => Refused(
        new FakeCudaApi { Version = 11040 },
        CudaAvailability.DriverTooOld,
        "driver too old (CUDA 11.4; 12.0 or newer is needed)");

    [Fact]
    public void No_device_is_an_ordinary_answer()
    {
        var api = new FakeCudaApi();
        api.Script("cuInit", CudaResult.NoDevice);

        Refused(api, CudaAvailability.NoDevice, "driver without a device (CUDA 13.0)");
        Refused(new FakeCudaApi { Devices = 0 }, CudaAvailability.NoDevice, "driver without a device (CUDA 13.0)");
    }

    [Theory]
    [InlineData("cuDriverGetVersion", (int)CudaResult.StubLibrary)]
    [InlineData("cuInit", (int)CudaResult.SystemDriverMismatch)]
    [InlineData("cuInit", (int)CudaResult.Unknown)]
    [InlineData("cuDeviceGetCount", (int)CudaResult.OperatingSystem)]
    [InlineData("cuDeviceGetName", (int)CudaResult.InvalidDevice)]
    [InlineData("cuDeviceGetAttribute", (int)CudaResult.InvalidValue)]
    [InlineData("cuDeviceTotalMem", (int)CudaResult.EccUncorrectable)]
    public void A_driver_that_fails_is_an_ordinary_answer(string call, int result)
    {
        var api = new FakeCudaApi();
        api.Script(call, (CudaResult)result);

        var probe = CudaDriver.Probe(api);

        Assert.Equal(CudaAvailability.DriverFailed, probe.Availability);
        Assert.Contains(call, probe.Reason, StringComparison.Ordinal);
        Assert.Contains($"({result})", probe.Reason, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', probe.Reason);
    }

    [Fact]
    public void Probing_the_real_library_answers_or_names_the_reason()
    {
        var probe = CudaDriver.Probe();

        Assert.Equal(probe.IsAvailable, probe.Devices.Count > 0);
        Assert.Equal(probe.IsAvailable, probe.Reason.Length == 0);
    }

    [Fact]
    public void A_ptx_version_newer_than_the_driver_is_refused_with_both()
    {
        var probe = CudaDriver.Probe(new FakeCudaApi { Version = 12040 });

        Assert.Null(probe.Refuses(new CudaVersion(8, 4)));
        Assert.Equal(
            "driver too old: PTX .version 8.6, but the driver (CUDA 12.4) compiles up to 8.4",
            probe.Refuses(new CudaVersion(8, 6)));
    }

    [Theory]
    [InlineData(12000, 8, 0)]
    [InlineData(12060, 8, 5)]
    [InlineData(12080, 8, 7)]
    [InlineData(13000, 9, 0)]
    [InlineData(14020, 9, 1)]
    public void Driver_versions_know_their_ptx(int driver, int major, int minor) =>
        Assert.Equal(new CudaVersion(major, minor), CudaVersion.FromDriver(driver).NewestPtx());

    [Fact]
    public void A_device_that_is_too_old_is_listed_and_refuses_a_context()
    {
        var api = new FakeCudaApi();
        api.Attributes[DeviceAttribute.ComputeCapabilityMajor] = 7;
        api.Attributes[DeviceAttribute.ComputeCapabilityMinor] = 5;

        Assert.Equal("compute capability 7.5; kernels need 8.0", api.Device().Refusal);
        Assert.Throws<InvalidInputException>(api.Open);
        Assert.Equal(0, api.Calls("cuDevicePrimaryCtxRetain"));
    }

    private static void Refused(FakeCudaApi api, CudaAvailability availability, string reason)
    {
        var probe = CudaDriver.Probe(api);

        Assert.Equal((availability, reason), (probe.Availability, probe.Reason));
        Assert.Empty(probe.Devices);
        Assert.Equal(reason, probe.Refuses(new CudaVersion(7, 0)));
    }
}
