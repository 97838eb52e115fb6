using Stof.Reference.Cuda.Driver;

namespace Stof.Reference.DeviceChecks.Checks;

/// <summary>What the driver says about the device makes sense, and its memory counts agree.</summary>
internal static class DriverFacts
{
    public static DeviceCheck Check { get; } = new("driver-facts", Run);

    private static CheckOutcome Run(CheckSession session)
    {
        var device = session.Device;
        var (free, total) = session.Context.MemoryInfo();
        var facts = new Dictionary<string, bool>
        {
            [$"name '{device.Name}'"] = device.Name.Length > 0,
            [$"{device.Multiprocessors} multiprocessors"] = device.Multiprocessors is > 0 and < 1000,
            [$"warps of {device.WarpSize}"] = device.WarpSize == 32,
            [$"{device.MaxThreadsPerBlock} threads a block"] = device.MaxThreadsPerBlock == 1024,
            [$"block limit {device.MaxBlock}"] = device.MaxBlock == new Dim3(1024, 1024, 64),
            [$"grid limit {device.MaxGrid}"] = device.MaxGrid == new Dim3(int.MaxValue, 65535, 65535),
            [$"{device.SharedBytesPerBlock} shared bytes a block"] = device.SharedBytesPerBlock == 48 * 1024,
            [$"{device.SharedBytesPerBlockOptIn} shared bytes after opt-in"] = device.SharedBytesPerBlockOptIn >= 99 * 1024,
            [$"{device.SharedBytesPerMultiprocessor} shared bytes a multiprocessor"] =
                device.SharedBytesPerMultiprocessor >= device.SharedBytesPerBlockOptIn,
            [$"{device.RegistersPerBlock} registers a block"] = device.RegistersPerBlock == 65536,
            [$"L2 of {device.L2Bytes} bytes"] = device.L2Bytes >= 1 << 20,
            [$"clock of {device.ClockKilohertz} kHz"] = device.ClockKilohertz is > 100_000 and < 10_000_000,
            [$"PCI id {device.PciId}"] = device.PciId.Contains(':', StringComparison.Ordinal),
            [$"{total} bytes in all, {device.MemoryBytes} by the device"] = Math.Abs(total - device.MemoryBytes) <= device.MemoryBytes / 100,
            [$"{free} bytes free of {total}"] = free > 0 && free <= total,
            ["clusters and tensor maps from 9.0 on"] =
                device.Capability < new CudaVersion(9, 0) || (device.SupportsClusters && device.SupportsTensorMaps),
            [$"driver {session.Probe.Version}"] = session.Probe.Version >= CudaDriver.OldestVersion,
        };
        foreach (var (fact, holds) in facts)
        {
            CheckSession.Require(holds, $"unexpected: {fact}");
        }

        return new(facts.Count, $"{device.Multiprocessors} SMs, {total >> 20:N0} MiB, L2 {device.L2Bytes >> 20} MiB, PCI {device.PciId}");
    }
}
