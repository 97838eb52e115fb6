using Stof.Reference.Cuda.Driver;

namespace Stof.Reference.DeviceChecks.Checks;

/// <summary>A block uses the last kilobyte of all the shared memory that it can opt in to.</summary>
internal static class SharedMemoryOptIn
{
    private const int Threads = 256;

    public static DeviceCheck Check { get; } = new("shared-memory-opt-in", Run);

    private static CheckOutcome Run(CheckSession session)
    {
        var kernel = session.Kernel("smoke.ptx", "reverse");
        var most = session.Device.SharedBytesPerBlockOptIn - kernel.StaticSharedBytes;
        var values = Enumerable.Range(0, Threads * 4).Select(index => (uint)(index * 2654435761L)).ToArray();
        var expected = values.Chunk(Threads).SelectMany(block => block.Reverse()).ToArray();
        var shape = new LaunchShape(new Dim3(4), new Dim3(Threads)) { DynamicSharedBytes = most };
        CheckSession.RequireThrows<InvalidInputException>(() => kernel.AllowDynamicShared(most + 1), "one byte more than there is");
        long cases = 1;
        foreach (var bytes in new[] { 1024, 48 * 1024, most })
        {
            kernel.AllowDynamicShared(bytes);
            using var memory = session.Upload(values);
            kernel.Launch(session.Stream, shape with { DynamicSharedBytes = bytes }, new ParameterBlock().Add(memory).Add((bytes - 1024) & ~15));
            cases += CheckSession.RequireEqual(expected, session.Download<uint>(memory), $"reversed with {bytes} shared bytes");
        }

        return new(cases, $"{most + kernel.StaticSharedBytes:N0} bytes in one block");
    }
}
