using System.Text.Json.Nodes;
using Stof.Reference.Backends;
using Stof.Reference.Cuda.Driver;

namespace Stof.Reference.Cli.Commands;

/// <summary>One row of <c>devices</c>: a device, or the reason why a backend has none.</summary>
/// <param name="Cells">Backend, device, workers, vector width, fast memory, notes.</param>
/// <param name="Json">The same for programs; <c>available</c> tells which of the two it is.</param>
internal sealed record DeviceRow(IReadOnlyList<string> Cells, JsonObject Json)
{
    private const long Mebibyte = 1 << 20;

    /// <summary>The processor, then CUDA's devices or why there are none.</summary>
    public static IReadOnlyList<DeviceRow> List(DeviceDescription cpu, CudaProbe cuda)
    {
        var rows = new List<DeviceRow> { Available(cpu, $"{cpu.Workers} threads", $"{cpu.FastMemoryBytes / 1024} KiB L2 a core", "f32 f16 bf16") };
        if (cuda.IsAvailable)
        {
            rows.AddRange(cuda.Devices.Select(device => Cuda(device, cuda.Version!.Value)));
        }
        else
        {
            var missing = new JsonObject { ["backend"] = "cuda", ["available"] = false, ["reason"] = cuda.Reason };
            if (cuda.Version is { } version)
            {
                missing["driverCuda"] = version.ToString();
            }

            rows.Add(new(["cuda", "not available", "", "", "", cuda.Reason], missing));
        }

        return rows;
    }

    private static DeviceRow Cuda(CudaDevice device, CudaVersion driver)
    {
        var notes = $"compute {device.Capability}, {device.MemoryBytes / Mebibyte:N0} MiB, PCI {device.PciId}, driver CUDA {driver}, PTX to {driver.NewestPtx()}";
        var row = Available(
            device.Describe(),
            $"{device.Multiprocessors} SMs",
            $"{device.SharedBytesPerBlockOptIn / 1024} KiB shared a block",
            device.Refusal is { } refusal ? $"not usable: {refusal}" : notes);
        row.Json["available"] = device.Refusal is null;
        if (device.Refusal is not null)
        {
            row.Json["reason"] = device.Refusal;
        }

        row.Json["ordinal"] = device.Ordinal;
        row.Json["computeCapability"] = device.Capability.ToString();
        row.Json["memoryBytes"] = device.MemoryBytes;
        row.Json["l2Bytes"] = device.L2Bytes;
        row.Json["clockKilohertz"] = device.ClockKilohertz;
        row.Json["pci"] = device.PciId;
        row.Json["driverCuda"] = driver.ToString();
        row.Json["newestPtx"] = driver.NewestPtx().ToString();
        return row;
    }

    private static DeviceRow Available(DeviceDescription device, string workers, string memory, string notes) => new(
        [device.Backend, device.Name, workers, $"{device.VectorBits} bits", memory, notes],
        new JsonObject
        {
            ["backend"] = device.Backend,
            ["available"] = true,
            ["name"] = device.Name,
            ["workers"] = device.Workers,
            ["vectorBits"] = device.VectorBits,
            ["fastMemoryBytes"] = device.FastMemoryBytes,
            ["fingerprint"] = device.Fingerprint,
        });
}
