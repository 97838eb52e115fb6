using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Tests.Simulator;

/// <summary>Barriers, fences and asynchronous copies.</summary>
internal static class OrderSemantics
{
    public static IEnumerable<SemanticsCase> All() =>
    [
        new() { Name = "producer and consumer", Write = ProducerAndConsumer },
        new() { Name = "fences change nothing", Write = Fences },
        new() { Name = "kernels do not overlap", Write = Dependency },
        new() { Name = "branches, a loop and an early end", Write = Control },
        new() { Name = "barrier that ended warps do not hold up", Write = EarlyEnd },
        .. new[] { 4, 8, 16 }.SelectMany(bytes => new[] { false, true }.Select(isPartial => new SemanticsCase
        {
            Name = $"copy of {bytes} bytes{(isPartial ? " filled up" : "")}",
            Write = c => Copy(c, bytes, isPartial),
        })),
        new() { Name = "copies in a pipeline", Write = Pipeline },
    ];

    /// <summary>Warp 0 fills two buffers in turn and warp 1 adds them up; four named barriers say which is full and which is empty.</summary>
    private static void ProducerAndConsumer(SemanticsCase c)
    {
        c.Threads = 64;
        var y = c.Output("y", Enumerable.Range(0, 32).Select(lane => (uint)((6 * lane) + 15)).ToArray());
        var tile = c.K.AddressOf(c.K.Shared("tile", 256));
        var lane = c.K.LaneId();
        c.K.If(
            c.K.CompareU32(Comparison.Less, c.K.ThreadX(), 32),
            () =>
            {
                for (var round = 0; round < 6; round++)
                {
                    if (round >= 2)
                    {
                        c.K.Barrier(3 + (round & 1), 64);
                    }

                    c.K.StoreShared(c.At(tile, lane, 4) + (128 * (round & 1)), c.K.Add(lane, round));
                    c.K.BarrierArrive(1 + (round & 1), 64);
                }
            },
            () =>
            {
                var sum = c.K.Copy<B32>(0);
                var mirrored = c.K.Sub(31, lane);
                for (var round = 0; round < 6; round++)
                {
                    c.K.Barrier(1 + (round & 1), 64);
                    c.K.Assign(sum, c.K.Add(sum, c.K.LoadShared<B32>(c.At(tile, mirrored, 4) + (128 * (round & 1)))));
                    if (round < 4)
                    {
                        c.K.BarrierArrive(3 + (round & 1), 64);
                    }
                }

                c.K.StoreGlobal(c.At(y, mirrored, 4), sum);
            });
        c.K.Barrier();
    }

    private static void Fences(SemanticsCase c)
    {
        var y = c.Output("y", Enumerable.Range(0, 32).ToArray());
        var lane = c.K.LaneId();
        foreach (var scope in Enum.GetValues<FenceScope>())
        {
            c.K.StoreGlobal(c.At(y, lane, 4), lane);
            c.K.MemoryFence(scope);
        }
    }

    private static void Dependency(SemanticsCase c)
    {
        var y = c.Output("y", Enumerable.Range(0, 32).ToArray());
        c.K.AwaitPrevious();
        c.K.LetNextStart();
        c.K.StoreGlobal(c.At(y, c.K.LaneId(), 4), c.K.LaneId());
    }

    /// <summary>Lane l adds up 0…l−1, odd lanes twice; lanes from 28 on end before they write.</summary>
    private static void Control(SemanticsCase c)
    {
        var y = c.Output("y", Enumerable.Range(0, 32).Select(lane => lane >= 28 ? -1 : (lane & 1) + 1 == 1 ? lane * (lane - 1) / 2 : lane * (lane - 1)).ToArray());
        var lane = c.K.LaneId();
        c.K.StoreGlobal(c.At(y, lane, 4), B32.Constant(-1));
        using (c.K.When(c.K.CompareU32(Comparison.GreaterOrEqual, lane, 28)))
        {
            c.K.Return();
        }

        var (sum, i) = (c.K.Copy<B32>(0), c.K.Copy<B32>(0));
        c.K.While(() => c.K.CompareU32(Comparison.Less, i, lane), () =>
        {
            c.K.If(
                c.K.CompareU32(Comparison.Equal, c.K.And(lane, 1), 1),
                () => c.K.Assign(sum, c.K.Mad(i, 2, sum)),
                () => c.K.Assign(sum, c.K.Add(sum, i)));
            c.K.Assign(i, c.K.Add(i, 1));
        });
        c.K.StoreGlobal(c.At(y, lane, 4), sum);
    }

    private static void EarlyEnd(SemanticsCase c)
    {
        c.Threads = 96;
        c.Blocks = 3;
        var y = c.Output("y", Enumerable.Range(0, 3 * 32).Select(i => (i % 32) + 32).ToArray());
        var thread = c.K.ThreadX();
        using (c.K.When(c.K.CompareU32(Comparison.GreaterOrEqual, thread, 64)))
        {
            c.K.Return();
        }

        var tile = c.K.AddressOf(c.K.Shared("tile", 256));
        c.K.StoreShared(c.At(tile, thread, 4), thread);
        c.K.Barrier();
        using (c.K.When(c.K.CompareU32(Comparison.Less, thread, 32)))
        {
            c.K.StoreGlobal(c.At(y, c.K.Mad(c.K.BlockX(), 32, thread), 4), c.K.LoadShared<B32>(c.At(tile, thread, 4) + 128));
        }
    }

    private static void Copy(SemanticsCase c, int bytes, bool isPartial)
    {
        var data = new byte[32 * bytes];
        new Random(bytes).NextBytes(data);
        var expected = data.ToArray();
        if (isPartial)
        {
            for (var i = 0; i < expected.Length; i++)
            {
                expected[i] = i % bytes < i / bytes % (bytes + 1) ? data[i] : (byte)0;
            }
        }

        var (x, y) = (c.Input("x", data), c.Output("y", expected));
        var tile = c.K.AddressOf(c.K.Shared("tile", 32 * bytes));
        var lane = c.K.LaneId();
        var size = c.K.RemU32(lane, bytes + 1);
        c.K.CopyAsync(c.At(tile, lane, bytes), c.At(x, lane, bytes), bytes, isPartial ? size : null);
        c.K.CommitCopies();
        c.K.WaitCopies(0);
        c.K.WarpSync();
        for (var word = 0; word < bytes / 4; word++)
        {
            var at = c.K.Add(lane, 32 * word);
            c.K.StoreGlobal(c.At(y, at, 4), c.K.LoadShared<B32>(c.At(tile, at, 4)));
        }
    }

    /// <summary>Three buffers, two groups under way while one is added up.</summary>
    private static void Pipeline(SemanticsCase c)
    {
        const int Rounds = 7;
        const int Stages = 3;
        int[] data = [.. Enumerable.Range(0, Rounds * 32).Select(i => i * i)];
        var (x, y) = (c.Input("x", data), c.Output("y", Enumerable.Range(0, 32).Select(lane => Enumerable.Range(0, Rounds).Sum(round => data[(32 * round) + (31 - lane)])).ToArray()));
        var tile = c.K.AddressOf(c.K.Shared("tile", Stages * 128));
        var lane = c.K.LaneId();
        var (to, from) = (c.At(tile, lane, 4), c.At(x, lane, 4));
        for (var round = 0; round < Stages - 1; round++)
        {
            c.K.CopyAsync(to + (128 * round), from + (128 * round), 4);
            c.K.CommitCopies();
        }

        var sum = c.K.Copy<B32>(0);
        for (var round = 0; round < Rounds; round++)
        {
            c.K.WaitCopies(Stages - 2);
            c.K.WarpSync();
            var next = round + Stages - 1;
            if (next < Rounds)
            {
                c.K.CopyAsync(to + (128 * (next % Stages)), from + (128 * next), 4);
            }

            c.K.CommitCopies();
            c.K.Assign(sum, c.K.Add(sum, c.K.LoadShared<B32>(c.At(tile, c.K.Sub(31, lane), 4) + (128 * (round % Stages)))));
        }

        c.K.WaitAllCopies();
        c.K.StoreGlobal(c.At(y, lane, 4), sum);
    }
}
