using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Simulator;

namespace Stof.Reference.Cuda.Tests.Simulator;

/// <summary>Faults of addresses and of what memory and registers hold.</summary>
internal static class MemoryFaults
{
    private static readonly float[] Ramp = [.. Enumerable.Range(0, 128).Select(i => (float)i)];

    public static readonly PlantedFault[] All =
    [
        new()
        {
            Name = "off-by-one address",
            Kind = FindingKind.OutOfBounds,
            Write = f =>
            {
                var (x, y) = (f.Buffer("x", Ramp[..32]), f.Output("y", 128, out var address));
                var thread = f.K.ThreadX();
                var value = f.Mark().K.LoadGlobal<F32>(f.At(x, thread) + (f.IsFaulty ? 4 : 0));
                f.K.StoreGlobal(f.At(y, thread), value);
                f.Expect(address, 32, i => Ramp[i]);
            },
        },
        new()
        {
            Name = "off-by-one of a store",
            Kind = FindingKind.OutOfBounds,
            Write = f =>
            {
                var y = f.Output("y", 128, out _);
                f.Mark().K.StoreGlobal(f.At(y, f.K.ThreadX()) + (f.IsFaulty ? -4 : 0), F32.Constant(1));
            },
        },
        new()
        {
            Name = "misaligned vector load",
            Kind = FindingKind.Misaligned,
            Write = f =>
            {
                var (x, y) = (f.Buffer("x", Ramp), f.Output("y", 128, out _));
                var thread = f.K.ThreadX();
                var values = f.Mark().K.LoadGlobalVector<F32>(f.At(x, thread, f.IsFaulty ? 4 : 8), 2);
                f.K.StoreGlobal(f.At(y, thread), f.K.Add(values[0], values[1]));
            },
        },
        new()
        {
            Name = "uninitialised shared memory",
            Kind = FindingKind.UninitialisedMemory,
            Write = f =>
            {
                var y = f.Output("y", 128, out _);
                var tile = f.K.AddressOf(f.K.Shared("tile", 128));
                var thread = f.K.ThreadX();
                if (!f.IsFaulty)
                {
                    f.K.StoreShared(f.At(tile, thread), F32.Constant(1));
                }

                var value = f.Mark().K.LoadShared<F32>(f.At(tile, thread));
                f.K.StoreGlobal(f.At(y, thread), value);
            },
        },
        new()
        {
            Name = "shared memory of the block before",
            Kind = FindingKind.UninitialisedMemory,
            Write = f =>
            {
                f.Grid = new Grid(2);
                f.Options = f.Options with { Workers = 1 };
                var y = f.Output("y", 256, out _);
                var tile = f.K.AddressOf(f.K.Shared("tile", 128));
                var thread = f.K.ThreadX();
                using (f.K.When(f.K.CompareU32(Comparison.Equal, f.K.BlockX(), 0), isNegated: !f.IsFaulty))
                {
                    f.K.StoreShared(f.At(tile, thread), F32.Constant(1));
                }

                using (f.K.When(f.K.CompareU32(Comparison.Equal, f.K.BlockX(), 1)))
                {
                    var value = f.Mark().K.LoadShared<F32>(f.At(tile, thread));
                    f.K.StoreGlobal(f.At(y, thread), value);
                }
            },
        },
        new()
        {
            Name = "uninitialised global memory",
            Kind = FindingKind.UninitialisedMemory,
            Write = f =>
            {
                var (x, y) = (f.IsFaulty ? f.Output("x", 128, out _) : f.Buffer("x", Ramp[..32]), f.Output("y", 128, out _));
                var thread = f.K.ThreadX();
                var value = f.Mark().K.LoadGlobal<F32>(f.At(x, thread));
                f.K.StoreGlobal(f.At(y, thread), value);
            },
        },
        new()
        {
            Name = "uninitialised register",
            Kind = FindingKind.UndefinedRegister,
            Write = f =>
            {
                var y = f.Output("y", 128, out _);
                var sum = f.K.NewRegister<F32>();
                if (!f.IsFaulty)
                {
                    f.K.Assign(sum, 0f);
                }

                f.Mark().K.Assign(sum, f.K.Add(sum, 1f));
                f.K.StoreGlobal(f.At(y, f.K.ThreadX()), sum);
            },
        },
        new()
        {
            Name = "register written in other lanes",
            Kind = FindingKind.UndefinedRegister,
            Write = f =>
            {
                var y = f.Output("y", 128, out _);
                var thread = f.K.ThreadX();
                var value = f.K.NewRegister<F32>();
                f.K.If(f.K.CompareU32(Comparison.Less, thread, f.IsFaulty ? 16 : 32), () => f.K.Assign(value, 1f));
                f.Mark().K.StoreGlobal(f.At(y, thread), value);
            },
        },
        new()
        {
            Name = "stale predicate",
            Kind = FindingKind.UndefinedRegister,
            Write = f =>
            {
                var y = f.Output("y", 128, out _);
                var thread = f.K.ThreadX();
                Pred isEven = default;
                f.K.If(f.K.CompareU32(Comparison.Less, thread, f.IsFaulty ? 8 : 32), () => isEven = f.K.CompareU32(Comparison.Equal, f.K.And(thread, 1), 0));
                using (f.K.When(isEven))
                {
                    f.Mark().K.StoreGlobal(f.At(y, thread), F32.Constant(1));
                }
            },
        },
        new()
        {
            Name = "overflowed 32-bit index",
            Kind = FindingKind.OutOfBounds,
            Write = f =>
            {
                // A view of a long array's rows 70000 and on: its base lies before the rows that are there.
                const int First = 70_000;
                const int Pitch = 65_536;
                var rows = f.Device.Allocate(4 * Pitch, "rows");
                f.Device.Write<float>(rows, new float[Pitch]);
                var view = f.Address("view", unchecked(rows - (ulong)((long)First * Pitch)));
                var y = f.Output("y", 128, out _);
                var thread = f.K.ThreadX();
                var row = f.K.Add(f.K.And(thread, 3), First);
                var at = f.IsFaulty
                    ? new GlobalPointer(f.K.Add(view.Base, f.K.ExtendU32(f.K.MulLo(row, Pitch))))
                    : new GlobalPointer(f.K.MadWideU32(row, Pitch, view.Base));
                var value = f.Mark().K.LoadGlobal<F32>(at);
                f.K.StoreGlobal(f.At(y, thread), value);
            },
        },
        new()
        {
            Name = "overrun into the next shared array",
            Kind = FindingKind.OutOfBounds,
            Write = f =>
            {
                var left = f.K.AddressOf(f.K.Shared("left", 128));
                f.K.Shared("right", 128);
                var at = f.At(left, f.K.Add(f.K.ThreadX(), f.IsFaulty ? 1 : 0));
                f.Mark().K.StoreShared(at, F32.Constant(1));
            },
        },
        new()
        {
            Name = "outside the block's shared memory",
            Kind = FindingKind.OutOfBounds,
            Write = f =>
            {
                var tile = f.K.AddressOf(f.K.Shared("tile", 128));
                var bytes = f.K.Shuffle(f.K.Mad(f.K.ThreadX(), f.IsFaulty ? 8 : 4, tile.Base), f.K.LaneId());
                f.Mark().K.StoreShared(new SharedPointer(bytes), F32.Constant(1));
            },
        },
        new()
        {
            Name = "local memory out of bounds",
            Kind = FindingKind.OutOfBounds,
            Write = f =>
            {
                var y = f.Output("y", 128, out _);
                var local = f.K.AddressOf(f.K.Local("scratch", 16));
                var index = f.K.And(f.K.ThreadX(), f.IsFaulty ? 7 : 3);
                f.Mark().K.StoreLocal(new LocalPointer(f.K.MadWideU32(index, 4, local.Base)), F32.Constant(1));
                f.K.StoreGlobal(f.At(y, f.K.ThreadX()), F32.Constant(1));
            },
        },
        new()
        {
            Name = "uninitialised local memory",
            Kind = FindingKind.UninitialisedMemory,
            Write = f =>
            {
                var y = f.Output("y", 128, out _);
                var local = f.K.AddressOf(f.K.Local("scratch", 16));
                f.K.StoreLocal(local + (f.IsFaulty ? 4 : 0), F32.Constant(1));
                var value = f.Mark().K.LoadLocal<F32>(local);
                f.K.StoreGlobal(f.At(y, f.K.ThreadX()), value);
            },
        },
        new()
        {
            Name = "freed memory",
            Kind = FindingKind.FreedMemory,
            Write = f =>
            {
                var x = f.Device.Allocate<float>(Ramp, "x");
                if (f.IsFaulty)
                {
                    f.Device.Free(x);
                }

                var (from, y) = (f.Address("x", x), f.Output("y", 128, out _));
                var value = f.Mark().K.LoadGlobal<F32>(f.At(from, f.K.ThreadX()));
                f.K.StoreGlobal(f.At(y, f.K.ThreadX()), value);
            },
        },
        new()
        {
            Name = "null pointer",
            Kind = FindingKind.NullPointer,
            Write = f =>
            {
                var (x, y) = (f.Address("x", f.IsFaulty ? 0 : f.Device.Allocate<float>(Ramp, "x")), f.Output("y", 128, out _));
                var value = f.Mark().K.LoadGlobal<F32>(f.At(x, f.K.ThreadX()));
                f.K.StoreGlobal(f.At(y, f.K.ThreadX()), value);
            },
        },
        new()
        {
            Name = "write to what the read-only cache holds",
            Kind = FindingKind.ReadOnlyWritten,
            Write = f =>
            {
                var x = f.Buffer("x", Ramp);
                var at = f.At(x, f.K.ThreadX());
                var value = f.IsFaulty ? f.K.LoadGlobalReadOnly<F32>(at) : f.K.LoadGlobal<F32>(at);
                f.Mark().K.StoreGlobal(at, f.K.Add(value, 1f));
            },
        },
        new()
        {
            Name = "store after exit",
            Write = f =>
            {
                var y = f.Output("y", 128, out var address);
                var thread = f.K.ThreadX();
                using (f.K.When(f.K.CompareU32(Comparison.GreaterOrEqual, thread, f.IsFaulty ? 31 : 32)))
                {
                    f.K.Return();
                }

                f.K.StoreGlobal(f.At(y, thread), F32.Constant(1));
                f.Check = _ => f.Device.UnwrittenBytes(address, 128) is var missing and > 0 ? $"{missing} bytes of y are not written" : null;
            },
        },
        new()
        {
            Name = "endless loop",
            Kind = FindingKind.EndlessLoop,
            Write = f =>
            {
                f.Options = f.Options with { InstructionBudget = 5000 };
                var y = f.Output("y", 128, out _);
                var i = f.K.Copy(f.K.ThreadX());
                f.K.While(() => f.K.CompareU32(Comparison.Less, i, 100), () =>
                {
                    f.Mark().K.Assign(i, f.K.And(f.K.Add(i, 1), f.IsFaulty ? 63 : 127));
                });
                f.K.StoreGlobal(f.At(y, f.K.ThreadX()), F32.Constant(1));
            },
        },
    ];
}
