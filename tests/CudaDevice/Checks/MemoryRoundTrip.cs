namespace Stof.Reference.DeviceChecks.Checks;

/// <summary>Random bytes of many sizes go to the device and back, by pinned and by ordinary memory, in whole and in parts.</summary>
internal static class MemoryRoundTrip
{
    public static DeviceCheck Check { get; } = new("memory-round-trip", Run);

    private static CheckOutcome Run(CheckSession session)
    {
        const int Seed = 20261128;
        var random = new Random(Seed);
        var (trials, largest) = session.Small ? (20, 1 << 14) : (200, 1 << 23);
        var stream = session.Stream;
        long bytes = 0;
        var before = session.Context.Usage.Allocations;
        for (var trial = 0; trial < trials; trial++)
        {
            var values = new byte[1 + (int)(largest * Math.Pow(random.NextDouble(), 4))];
            random.NextBytes(values);
            using var memory = stream.Allocate(values.Length);
            using var copy = stream.Allocate(values.Length);
            using var pinned = session.Context.AllocatePinned(values.Length);
            values.CopyTo(pinned.AsSpan<byte>());
            stream.EnqueueUpload(pinned, memory);
            stream.EnqueueCopy(memory, copy);
            var offset = random.Next(values.Length);
            var length = 1 + random.Next(values.Length - offset);
            stream.EnqueueFill(copy.Slice(offset, length), (byte)trial);
            stream.Synchronize();
            pinned.AsSpan<byte>().Clear();
            stream.EnqueueDownload(copy, pinned);
            stream.Synchronize();

            CheckSession.RequireEqual(values, session.Download<byte>(memory), $"seed {Seed}, trial {trial}, ordinary");
            values.AsSpan(offset, length).Fill((byte)trial);
            CheckSession.RequireEqual(values, pinned.AsSpan<byte>().ToArray(), $"seed {Seed}, trial {trial}, pinned");
            bytes += 2L * values.Length;
        }

        var words = new uint[1000];
        using var filled = stream.Allocate(4000);
        stream.EnqueueFill(filled, 0xDEADBEEFu);
        Array.Fill(words, 0xDEADBEEF);
        CheckSession.RequireEqual(words, session.Download<uint>(filled), "32-bit fill");
        var allocations = session.Context.Usage.Allocations - before;
        CheckSession.Require(allocations < 2 * trials, $"{allocations} allocations for {2 * trials} buffers: the pool does not reuse");
        return new(trials + 1, $"{bytes >> 10:N0} KiB compared, {allocations} allocations for {(2 * trials) + 1} buffers");
    }
}
