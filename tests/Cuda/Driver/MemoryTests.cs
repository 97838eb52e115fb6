using Stof.Reference.Cuda.Driver;

namespace Stof.Reference.Cuda.Tests.Driver;

public sealed class MemoryTests
{
    [Fact]
    public void Size_classes_hold_what_they_are_for_and_give_little_away()
    {
        var random = new Random(5);
        for (var trial = 0; trial < 100_000; trial++)
        {
            var bytes = 1 + (long)(Math.Pow(2, random.NextDouble() * 40) * 1.5);
            var size = SizeClass.Of(bytes);

            Assert.True(size >= bytes && size % 128 == 0, $"{bytes} → {size}");
            Assert.True(size <= Math.Max(SizeClass.Smallest, bytes * 5 / 4 + 1), $"{bytes} → {size}");
            Assert.Equal(size, SizeClass.Of(size));
        }

        Assert.Equal([512, 512, 640, 768, 896, 1024, 1280], new long[] { 1, 512, 513, 641, 769, 897, 1025 }.Select(SizeClass.Of));
        Assert.Equal(1L << 40, SizeClass.Of(1L << 40));
    }

    [Fact]
    public void Numbers_survive_the_round_trip()
    {
        var api = new FakeCudaApi();
        using var context = api.Open();
        using var stream = context.CreateStream();
        using var memory = stream.Allocate(4000);
        using var copy = stream.Allocate(4000);
        using var pinned = context.AllocatePinned(4000);
        var values = Enumerable.Range(0, 1000).Select(index => index * 0.5f).ToArray();
        values.CopyTo(pinned.AsSpan<float>());

        stream.EnqueueUpload(pinned, memory);
        stream.EnqueueCopy(memory, copy);
        stream.EnqueueFill(copy.Slice(400, 40), 0x3f80_0000u);
        pinned.AsSpan<byte>().Clear();
        stream.EnqueueDownload(copy, pinned);
        stream.Synchronize();
        values.AsSpan(100, 10).Fill(1);
        Assert.Equal(values, pinned.AsSpan<float>().ToArray());

        stream.Upload<float>(values.AsSpan(0, 10), copy.Slice(40, 40));
        var back = new float[10];
        stream.Download(copy.Slice(40, 40), back.AsSpan());
        Assert.Equal(values[..10], back);
        Assert.Empty(api.Mistakes);
    }

    [Fact]
    public void Ranges_that_do_not_fit_are_refused_before_the_driver_sees_them()
    {
        var api = new FakeCudaApi();
        using var context = api.Open();
        using var other = CudaContext.Open(new FakeCudaApi().Device(), new FakeCudaApi());
        using var stream = context.CreateStream();
        using var memory = context.Allocate(64);
        using var pinned = context.AllocatePinned(32);
        using var foreign = other.Allocate(64);
        using var foreignPinned = other.AllocatePinned(64);
        var gone = context.Allocate(64);
        gone.Dispose();
        Action[] wrong =
        [
            () => context.Allocate(0), () => context.Allocate(-5), () => context.AllocatePinned(0), () => memory.Slice(0, 65),
            () => memory.Slice(-1, 4), () => memory.Slice(64, 1), () => memory.Slice(4, 0), () => memory.Slice(long.MaxValue, long.MaxValue),
            () => stream.Upload<byte>(new byte[63], memory), () => stream.Download<byte>(memory, new byte[65]),
            () => stream.EnqueueUpload(pinned, memory), () => stream.EnqueueDownload(memory, pinned),
            () => stream.EnqueueUpload(foreignPinned, memory), () => stream.EnqueueCopy(memory.Slice(0, 8), memory.Slice(8, 16)),
            () => stream.EnqueueCopy(memory, foreign), () => stream.EnqueueFill(foreign, (byte)0), () => stream.EnqueueFill(memory.Slice(2, 4), 0u),
            () => stream.EnqueueFill(memory.Slice(0, 6), 0u), () => stream.EnqueueFill(default, (byte)0), () => pinned.AsSpan<Guid>()[2] = default,
        ];

        Assert.All(wrong[..^1], call => Assert.Throws<InvalidInputException>(call));
        Assert.Throws<ObjectDisposedException>(() => gone.Address);
        Assert.Throws<InvalidInputException>(() => stream.EnqueueFill(gone.View(), (byte)0));
        foreach (var call in new[] { "cuMemcpyHtoDAsync", "cuMemcpyDtoHAsync", "cuMemcpyDtoDAsync", "cuMemsetD8Async", "cuMemsetD32Async" })
        {
            Assert.Equal(0, api.Calls(call));
        }
    }

    [Fact]
    public void A_freed_buffer_serves_the_next_of_its_size_class()
    {
        var api = new FakeCudaApi();
        using var context = api.Open();
        var first = context.Allocate(1000);
        var address = first.Address;
        first.Dispose();

        using var second = context.Allocate(900);

        Assert.Equal(address, second.Address);
        Assert.Equal(900, second.Bytes);
        Assert.Equal(new PoolUsage(1024, 0, 1), context.Usage);
        using var third = context.Allocate(900);
        Assert.NotEqual(address, third.Address);
        Assert.Equal(2, api.Calls("cuMemAlloc"));
    }

    [Fact]
    public void Pending_work_keeps_a_buffer_from_other_streams()
    {
        var api = new FakeCudaApi();
        using var context = api.Open();
        using var one = context.CreateStream();
        using var two = context.CreateStream();
        var used = one.Allocate(1000);
        one.EnqueueFill(used, (byte)0);
        var address = used.Address;
        used.Dispose();

        using (var other = two.Allocate(1000))
        {
            Assert.NotEqual(address, other.Address);
            two.EnqueueFill(other, (byte)0);
        }

        using (var same = one.Allocate(1000))
        {
            Assert.Equal(address, same.Address);
        }

        Assert.Equal(0, api.Calls("cuCtxSynchronize"));
        one.Synchronize();
        using var idle = two.Allocate(1000);
        using var alsoIdle = two.Allocate(1000);
        Assert.Contains(address, new[] { idle.Address, alsoIdle.Address });
        Assert.Equal(2, api.Calls("cuMemAlloc"));
    }

    [Fact]
    public void A_buffer_of_two_streams_waits_for_both()
    {
        var api = new FakeCudaApi();
        using var context = api.Open();
        using var one = context.CreateStream();
        using var two = context.CreateStream();
        var used = one.Allocate(1000);
        one.EnqueueFill(used, (byte)0);
        two.EnqueueFill(used, (byte)0);
        var address = used.Address;
        used.Dispose();

        one.Synchronize();
        using var first = one.Allocate(1000);
        Assert.NotEqual(address, first.Address);
        Assert.Equal(0, api.Calls("cuCtxSynchronize"));

        using var second = context.Allocate(1000); // no stream named: the pool waits rather than asking for more
        Assert.Equal(address, second.Address);
        Assert.Equal(1, api.Calls("cuCtxSynchronize"));
    }

    [Fact]
    public void A_full_device_takes_back_what_the_pool_keeps()
    {
        var api = new FakeCudaApi { TotalBytes = 4096 };
        using var context = api.Open();
        context.Allocate(1024).Dispose();
        context.Allocate(2048).Dispose();
        Assert.Equal(3072, context.Usage.CachedBytes);

        using var large = context.Allocate(4096);

        Assert.Equal(new PoolUsage(4096, 0, 3), context.Usage);
        Assert.Equal(2, api.Count("memory").Destroyed);
    }

    [Fact]
    public void Trimming_gives_everything_free_back()
    {
        var api = new FakeCudaApi();
        using var context = api.Open();
        using var kept = context.Allocate(512);
        context.Allocate(512).Dispose();
        context.Allocate(600).Dispose();

        Assert.Equal(512 + 640, context.Trim());
        Assert.Equal(0, context.Trim());
        Assert.Equal(512, api.UsedBytes);
        Assert.Equal(((80L << 30) - 512, 80L << 30), context.MemoryInfo());
    }

    [Fact]
    public void A_graph_keeps_its_buffers_out_of_the_pool()
    {
        var api = new FakeCudaApi();
        using var context = api.Open();
        using var stream = context.CreateStream();
        var memory = stream.Allocate(1000);
        var address = memory.Address;
        var graph = stream.Capture(() => stream.EnqueueFill(memory, (byte)9));
        Assert.False(stream.IsCapturing);
        Assert.Equal(3, graph.Nodes);
        memory.Dispose();

        using (var other = stream.Allocate(1000))
        {
            Assert.NotEqual(address, other.Address);
        }

        graph.Launch(stream);
        graph.Dispose();
        using var again = stream.Allocate(1000);
        using var both = stream.Allocate(1000);
        Assert.Contains(address, new[] { again.Address, both.Address });
        Assert.Empty(api.Mistakes);
    }

    [Fact]
    public void A_capture_that_fails_leaves_the_stream_usable()
    {
        var api = new FakeCudaApi();
        using var context = api.Open();
        using var stream = context.CreateStream();
        using var memory = stream.Allocate(16);

        Assert.Throws<InvalidInputException>(() => stream.Capture(stream.Synchronize));
        Assert.Throws<InvalidInputException>(() => stream.Capture(() => stream.Download<byte>(memory, new byte[16])));
        Assert.Throws<InvalidInputException>(() => stream.Capture(() => stream.Capture(() => { })));
        Assert.Throws<InvalidInputException>(() => stream.Capture(() =>
        {
            using var brief = stream.Allocate(5000);
            stream.EnqueueFill(brief, (byte)0);
        }));

        stream.Synchronize();
        Assert.Equal(api.Count("graph").Created, api.Count("graph").Destroyed);
        Assert.Equal((0, 0), api.Count("executable graph"));
        Assert.Empty(api.Mistakes);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Random_use_never_shares_a_block(int seed)
    {
        var random = new Random(seed);
        var api = new FakeCudaApi { TotalBytes = 1 << 20 };
        using (var context = api.Open())
        {
            var streams = Enumerable.Range(0, 3).Select(_ => context.CreateStream()).ToArray();
            var live = new List<CudaMemory>();
            for (var step = 0; step < 5000; step++)
            {
                switch (random.Next(6))
                {
                    case 0 or 1 when live.Count < 40:
                        live.Add(random.Next(2) == 0
                            ? context.Allocate(1 + random.Next(20_000))
                            : streams[random.Next(3)].Allocate(1 + random.Next(20_000)));
                        break;
                    case 2 when live.Count > 0:
                        streams[random.Next(3)].EnqueueFill(live[random.Next(live.Count)], (byte)step);
                        break;
                    case 3 when random.Next(8) == 0:
                        streams[random.Next(3)].Synchronize();
                        break;
                    case 4 when live.Count > 0:
                        var index = random.Next(live.Count);
                        live[index].Dispose();
                        live.RemoveAt(index);
                        break;
                }

                var ranges = live.OrderBy(memory => memory.Address).ToArray();
                for (var index = 1; index < ranges.Length; index++)
                {
                    Assert.True(ranges[index - 1].Address + (ulong)ranges[index - 1].Bytes <= ranges[index].Address, $"seed {seed}, step {step}");
                }
            }

            var usage = context.Usage;
            Assert.Equal(api.UsedBytes, usage.RentedBytes + usage.CachedBytes);
            live.ForEach(memory => memory.Dispose());
            Array.ForEach(streams, stream => stream.Dispose());
        }

        Assert.Empty(api.Mistakes);
        Assert.Empty(api.Alive());
    }
}
