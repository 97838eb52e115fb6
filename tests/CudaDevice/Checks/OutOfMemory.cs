using Stof.Reference.Cuda.Driver;

namespace Stof.Reference.DeviceChecks.Checks;

/// <summary>Asking for twice the device's memory is refused with numbers, and the next small request is served.</summary>
internal static class OutOfMemory
{
    public static DeviceCheck Check { get; } = new("out-of-memory", Run);

    private static CheckOutcome Run(CheckSession session)
    {
        var asked = session.Device.MemoryBytes * 2;
        var exception = CheckSession.RequireThrows<CudaOutOfMemoryException>(() => session.Context.Allocate(asked), $"{asked} bytes");
        CheckSession.Require(exception.NeededBytes >= asked, $"needed {exception.NeededBytes} bytes for {asked}");
        CheckSession.Require(exception.FreeBytes > 0 && exception.FreeBytes <= session.Device.MemoryBytes, $"free {exception.FreeBytes} bytes");
        CheckSession.Require(exception.Message.Contains($"{exception.FreeBytes:N0}", StringComparison.Ordinal), exception.Message);
        using var small = session.Upload(new byte[] { 1, 2, 3 });
        CheckSession.RequireEqual<byte>([1, 2, 3], session.Download<byte>(small), "after the refusal");
        return new(4, $"needed {exception.NeededBytes >> 20:N0} MiB, free {exception.FreeBytes >> 20:N0} MiB");
    }
}
