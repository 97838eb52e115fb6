using Stof.Reference.Backends;
using Stof.Reference.Cli.Commands;
using Stof.Reference.Cuda.Driver;
using Stof.Reference.OpenCL;

namespace Stof.Reference.Cli.Tests;

public sealed class DevicesCommandTests
{
    private static readonly DeviceDescription Cpu = new("cpu", "Some [CPU]", 2, 1 << 20, 512);

    private static readonly OpenClProbe NoOpenCl = new("no OpenCL loader", [], []);

    private static readonly CudaDevice Gpu = new()
    {
        Ordinal = 0,
        Name = "Some GPU",
        Capability = new(9, 0),
        Multiprocessors = 132,
        MemoryBytes = 80L << 30,
        SharedBytesPerBlock = 48 << 10,
        SharedBytesPerBlockOptIn = 227 << 10,
        SharedBytesPerMultiprocessor = 228 << 10,
        L2Bytes = 50 << 20,
        ClockKilohertz = 1_980_000,
        WarpSize = 32,
        MaxThreadsPerBlock = 1024,
        MaxThreadsPerMultiprocessor = 2048,
        RegistersPerBlock = 65536,
        MaxBlock = new(1024, 1024, 64),
        MaxGrid = new(int.MaxValue, 65535, 65535),
        SupportsClusters = true,
        SupportsTensorMaps = true,
        PciId = "0000:19:00.0",
    };

    [Fact]
    public void Cuda_is_an_ordinary_row_whether_it_is_there_or_not()
    {
        var run = StofProcess.Run("devices", "--json");
        var cuda = run.Json().GetProperty("devices").EnumerateArray().Where(row => row.GetProperty("backend").GetString() == "cuda").ToArray();

        Assert.NotEmpty(cuda);
        Assert.All(cuda, row => Assert.NotEmpty(row.GetProperty(row.GetProperty("available").GetBoolean() ? "name" : "reason").GetString()!));
        var table = StofProcess.Run("devices");
        Assert.Equal(0, table.ExitCode);
        Assert.Contains("cuda", table.Output, StringComparison.Ordinal);
        Assert.Empty(table.Error);
    }

    [Fact]
    public void A_missing_driver_is_a_row_with_its_reason()
    {
        var rows = DeviceRow.List(Cpu, new CudaProbe(CudaAvailability.NoDriver, "no driver (libcuda.so.1 not found)", null, []), NoOpenCl);

        Assert.Equal(["cuda", "not available", "", "", "", "no driver (libcuda.so.1 not found)"], rows[1].Cells);
        Assert.Equal(
            """{"backend":"cuda","available":false,"reason":"no driver (libcuda.so.1 not found)"}""",
            rows[1].Json.ToJsonString());
    }

    [Fact]
    public void An_old_driver_tells_its_version()
    {
        var rows = DeviceRow.List(Cpu, new CudaProbe(CudaAvailability.DriverTooOld, "driver too old (CUDA 11.4)", new(11, 4), []), NoOpenCl);

        Assert.Equal("11.4", rows[1].Json["driverCuda"]!.GetValue<string>());
    }

    [Fact]
    public void A_gpu_is_a_row_with_the_fields_of_every_device()
    {
        var rows = DeviceRow.List(Cpu, new CudaProbe(CudaAvailability.Available, "", new(13, 0), [Gpu, Gpu with { Ordinal = 1, Capability = new(7, 5) }]), NoOpenCl);

        Assert.Equal(4, rows.Count);
        Assert.Equal(["cuda", "Some GPU", "132 SMs", "1024 bits", "227 KiB shared a block"], rows[1].Cells.Take(5));
        Assert.Equal("compute 9.0, 81,920 MiB, PCI 0000:19:00.0, driver CUDA 13.0, PTX to 9.0", rows[1].Cells[5]);
        Assert.All(rows.SelectMany(_ => new[] { "backend", "available", "name", "workers", "vectorBits", "fastMemoryBytes", "fingerprint" }), field =>
            Assert.All(rows.Take(3), row => Assert.True(row.Json.ContainsKey(field), field)));
        Assert.True(rows[1].Json["available"]!.GetValue<bool>());
        Assert.False(rows[2].Json["available"]!.GetValue<bool>());
        Assert.Equal("compute capability 7.5; kernels need 8.0", rows[2].Json["reason"]!.GetValue<string>());
    }
}
