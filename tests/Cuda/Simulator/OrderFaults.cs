using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Simulator;

namespace Stof.Reference.Cuda.Tests.Simulator;

/// <summary>Faults of order: races and barriers.</summary>
internal static class OrderFaults
{
    public static readonly PlantedFault[] All =
    [
        new()
        {
            Name = "missing barrier",
            Kind = FindingKind.Race,
            Write = f =>
            {
                f.Threads = 128;
                var y = f.Output("y", 512, out var address);
                var tile = f.K.AddressOf(f.K.Shared("tile", 512));
                var thread = f.K.ThreadX();
                f.K.StoreShared(f.At(tile, thread), f.K.ConvertU32ToF32(thread));
                if (!f.IsFaulty)
                {
                    f.K.Barrier();
                }

                var value = f.Mark().K.LoadShared<F32>(f.At(tile, f.K.And(f.K.Add(thread, 32), 127)));
                f.K.StoreGlobal(f.At(y, thread), value);
                f.Expect(address, 128, i => (i + 32) % 128);
            },
        },
        new()
        {
            Name = "missing second barrier of a loop",
            Kind = FindingKind.Race,
            Write = f =>
            {
                f.Threads = 64;
                var y = f.Output("y", 256, out _);
                var tile = f.K.AddressOf(f.K.Shared("tile", 256));
                var thread = f.K.ThreadX();
                var round = f.K.Copy<B32>(0);
                f.K.While(() => f.K.CompareU32(Comparison.Less, round, 3), () =>
                {
                    f.Mark().K.StoreShared(f.At(tile, thread), round);
                    f.K.Barrier();
                    var value = f.K.LoadShared<B32>(f.At(tile, f.K.Xor(thread, 32)));
                    f.K.StoreGlobal(f.At(y, thread), value);
                    if (!f.IsFaulty)
                    {
                        f.K.Barrier();
                    }

                    f.K.Assign(round, f.K.Add(round, 1));
                });
            },
        },
        new()
        {
            Name = "race between lanes of a warp",
            Kind = FindingKind.Race,
            Write = f =>
            {
                var y = f.Output("y", 128, out _);
                var tile = f.K.AddressOf(f.K.Shared("tile", 128));
                var thread = f.K.ThreadX();
                f.K.StoreShared(f.At(tile, thread), thread);
                if (!f.IsFaulty)
                {
                    f.K.WarpSync();
                }

                var value = f.Mark().K.LoadShared<B32>(f.At(tile, f.K.Xor(thread, 1)));
                f.K.StoreGlobal(f.At(y, thread), value);
            },
        },
        new()
        {
            Name = "half of the warp syncs, all of it reads",
            Kind = FindingKind.Race,
            Write = f =>
            {
                var y = f.Output("y", 128, out _);
                var tile = f.K.AddressOf(f.K.Shared("tile", 128));
                var thread = f.K.ThreadX();
                f.K.StoreShared(f.At(tile, thread), thread);
                f.K.If(f.K.CompareU32(Comparison.Less, thread, 16), () =>
                {
                    f.K.WarpSync(0xffff);
                    var value = f.Mark().K.LoadShared<B32>(f.At(tile, f.K.Xor(thread, f.IsFaulty ? 16 : 8)));
                    f.K.StoreGlobal(f.At(y, thread), value);
                });
            },
        },
        new()
        {
            Name = "lanes store different values in one place",
            Kind = FindingKind.LaneConflict,
            Write = f =>
            {
                var y = f.Output("y", 128, out _);
                f.Mark().K.StoreGlobal(y, f.IsFaulty ? f.K.ThreadX() : f.K.Copy<B32>(7));
                f.Check = report => report.Counters.SameValueStores == 31 * 4 ? null : $"{report.Counters.SameValueStores} same values";
            },
        },
        new()
        {
            Name = "lanes store different values in shared memory",
            Kind = FindingKind.LaneConflict,
            Write = f =>
            {
                var tile = f.K.AddressOf(f.K.Shared("tile", 128));
                f.Mark().K.StoreShared(f.At(tile, f.K.And(f.K.ThreadX(), f.IsFaulty ? 15 : 31)), f.K.ThreadX());
            },
        },
        new()
        {
            Name = "race between blocks",
            Kind = FindingKind.RaceBetweenBlocks,
            Write = f =>
            {
                f.Grid = new Grid(8);
                var y = f.Output("y", 8 * 128, out _);
                var index = f.IsFaulty ? f.K.ThreadX() : f.K.Mad(f.K.BlockX(), 32, f.K.ThreadX());
                f.Mark().K.StoreGlobal(f.At(y, index), f.K.BlockX());
            },
        },
        new()
        {
            Name = "a block reads what another writes",
            Kind = FindingKind.RaceBetweenBlocks,
            Write = f =>
            {
                f.Grid = new Grid(4);
                var y = f.Buffer("y", new float[4 * 32]);
                var index = f.K.Mad(f.K.BlockX(), 32, f.K.ThreadX());
                var neighbour = f.IsFaulty ? f.K.And(f.K.Add(index, 32), 127) : index;
                var value = f.K.LoadGlobal<F32>(f.At(y, neighbour));
                f.Mark().K.StoreGlobal(f.At(y, index), f.K.Add(value, 1f));
            },
        },
        new()
        {
            Name = "race between warps in global memory",
            Kind = FindingKind.Race,
            Write = f =>
            {
                f.Threads = 64;
                var (scratch, y) = (f.Buffer("scratch", new float[64]), f.Output("y", 256, out _));
                var thread = f.K.ThreadX();
                f.K.StoreGlobal(f.At(scratch, thread), F32.Constant(1));
                if (!f.IsFaulty)
                {
                    f.K.Barrier();
                }

                var value = f.Mark().K.LoadGlobal<F32>(f.At(scratch, f.K.Xor(thread, 32)));
                f.K.StoreGlobal(f.At(y, thread), value);
            },
        },
        new()
        {
            Name = "atomics mixed with plain stores",
            Kind = FindingKind.Race,
            Write = f =>
            {
                f.Threads = 64;
                var counter = f.K.AddressOf(f.K.Shared("counter", 4));
                using (f.K.When(f.K.CompareU32(Comparison.Equal, f.K.ThreadX(), 0)))
                {
                    f.K.StoreShared(counter, B32.Constant(0));
                }

                if (!f.IsFaulty)
                {
                    f.K.Barrier();
                }

                f.Mark().K.AtomicAdd(counter, (B32)1);
            },
        },
        new()
        {
            Name = "atomics of one block, stores of another",
            Kind = FindingKind.RaceBetweenBlocks,
            Write = f =>
            {
                f.Grid = new Grid(2);
                var counter = f.Buffer("counter", new float[64]);
                f.K.AtomicAdd(counter, (B32)1);
                using (f.K.When(f.K.CompareU32(Comparison.Equal, f.K.BlockX(), 1)))
                {
                    f.Mark().K.StoreGlobal(f.At(counter, f.K.ThreadX()) + (f.IsFaulty ? 0 : 128), B32.Constant(0));
                }
            },
        },
        new()
        {
            Name = "divergent barrier",
            Kind = FindingKind.DivergentBarrier,
            Write = f =>
            {
                f.Threads = 64;
                var thread = f.K.ThreadX();
                f.K.If(
                    f.K.CompareU32(Comparison.Less, thread, f.IsFaulty ? 16 : 32),
                    () => f.Mark().K.Barrier(),
                    () => f.K.Barrier());
            },
        },
        new()
        {
            Name = "barrier that a warp never reaches",
            Kind = FindingKind.Deadlock,
            Write = f =>
            {
                f.Threads = 96;
                f.K.If(f.K.CompareU32(Comparison.Less, f.K.ThreadX(), 64), () =>
                {
                    f.Mark().K.Barrier(1, f.IsFaulty ? 96 : 64);
                });
            },
        },
        new()
        {
            Name = "named barrier with different numbers",
            Kind = FindingKind.BarrierMisuse,
            Write = f =>
            {
                f.Threads = 64;
                f.K.If(
                    f.K.CompareU32(Comparison.Less, f.K.ThreadX(), 32),
                    () => f.K.BarrierArrive(1, 64),
                    () => f.Mark().K.Barrier(1, f.IsFaulty ? 32 : 64));
            },
        },
        new()
        {
            Name = "named barrier of too few warps",
            Kind = FindingKind.Race,
            Write = f =>
            {
                f.Threads = 128;
                var y = f.Output("y", 512, out _);
                var tile = f.K.AddressOf(f.K.Shared("tile", 512));
                var thread = f.K.ThreadX();
                f.K.StoreShared(f.At(tile, thread), thread);
                f.K.Barrier(1, f.IsFaulty ? 64 : 128);
                var value = f.Mark().K.LoadShared<B32>(f.At(tile, f.K.Xor(thread, 64)));
                f.K.StoreGlobal(f.At(y, thread), value);
            },
        },
    ];
}
