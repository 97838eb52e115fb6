using System.Text.Json.Nodes;
using Stof.Reference.Backends;
using Stof.Reference.Cuda.Driver;
using Stof.Reference.OpenCL;

namespace Stof.Reference.Cli.Commands;

/// <summary>One row of <c>devices</c>: a device, or the reason why a backend has none.</summary>
/// <param name="Cells">Backend, device, workers, vector width, fast memory, notes.</param>
/// <param name="Json">The same for programs; <c>available</c> tells which of the two it is.</param>
internal sealed record DeviceRow(IReadOnlyList<string> Cells, JsonObject Json)
{
    private const long Mebibyte = 1 << 20;

    /// <summary>The processor, then the devices of CUDA and of OpenCL or why there are none.</summary>
    public static IReadOnlyList<DeviceRow> List(DeviceDescription cpu, CudaProbe cuda, OpenClProbe opencl)
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

        rows.AddRange(opencl.Devices.Select(OpenCl));
        if (opencl.Devices.Count == 0)
        {
            rows.Add(Missing("opencl", opencl.Reason));
        }

        rows.AddRange(opencl.Platforms.Where(platform => opencl.Devices.Count > 0 && platform.Reason.Length > 0)
            .Select(platform => Missing("opencl", $"{platform.Name} ({platform.Version}): {platform.Reason}")));
        return rows;
    }

    private static DeviceRow Missing(string backend, string reason) => new(
        [backend, "not available", "", "", "", reason], new JsonObject { ["backend"] = backend, ["available"] = false, ["reason"] = reason });

    private static DeviceRow OpenCl(OpenClDevice device)
    {
        string[] abilities =
        [
            .. device.HasHalf ? ["fp16"] : Array.Empty<string>(),
            .. device.HasDouble ? ["fp64"] : Array.Empty<string>(),
            .. device.HasSubGroups ? ["sub-groups"] : Array.Empty<string>(),
            .. device.HasMatrixUnits ? ["mma.sync"] : Array.Empty<string>(),
        ];
        var notes = $"{device.Address}, {device.PlatformVersion}, driver {device.DriverVersion}, {device.MemoryBytes / Mebibyte:N0} MiB, groups to {device.MaxWorkGroup}, {string.Join(" ", abilities)}";
        var row = Available(
            device.Describe(),
            $"{device.ComputeUnits} units",
            $"{device.LocalBytes / 1024} KiB local{(device.HasLocalMemory ? "" : " (cache)")}",
            device.Refusal is { } refusal ? $"{device.Address}, not usable: {refusal}" : notes);
        row.Json["available"] = device.Refusal is null;
        if (device.Refusal is not null)
        {
            row.Json["reason"] = device.Refusal;
        }

        row.Json["address"] = device.Address;
        row.Json["platform"] = device.PlatformName;
        row.Json["platformVersion"] = device.PlatformVersion;
        row.Json["driver"] = device.DriverVersion;
        row.Json["version"] = device.Version;
        row.Json["languageVersion"] = device.LanguageVersion;
        row.Json["kind"] = device.Kind.ToString();
        row.Json["memoryBytes"] = device.MemoryBytes;
        row.Json["localBytes"] = device.LocalBytes;
        row.Json["maxWorkGroup"] = device.MaxWorkGroup;
        row.Json["abilities"] = new JsonArray([.. abilities.Select(ability => (JsonNode?)JsonValue.Create(ability))]);
        return row;
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
