using System.Runtime.InteropServices;
using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Tests.Simulator;

/// <summary>Loads and stores: lane l moves what is at place 31 − l to place l, byte for byte.</summary>
internal static class MemorySemantics
{
    public static IEnumerable<SemanticsCase> All() =>
    [
        .. OfType<B16>(2), .. OfType<B32>(4), .. OfType<B64>(8), .. OfType<F32>(4), .. OfType<F64>(8), .. OfType<F16x2>(4), .. OfType<BF16x2>(4),
        new() { Name = "bytes", Write = Bytes },
        new() { Name = "parameters", Write = Parameters },
        new() { Name = "prefetch", Write = Prefetch },
    ];

    private static IEnumerable<SemanticsCase> OfType<T>(int bytes)
        where T : struct, IValue<T>
    {
        foreach (var count in new[] { 1, 2, 4 }.Where(count => count * bytes <= 16))
        {
            yield return new() { Name = $"global {typeof(T).Name} x{count}", Write = c => Move<T>(c, bytes, count, Space.Global) };
            yield return new() { Name = $"read-only {typeof(T).Name} x{count}", Write = c => Move<T>(c, bytes, count, Space.ReadOnly) };
            yield return new() { Name = $"shared {typeof(T).Name} x{count}", Write = c => Move<T>(c, bytes, count, Space.Shared) };
            yield return new() { Name = $"local {typeof(T).Name} x{count}", Write = c => Move<T>(c, bytes, count, Space.Local) };
        }
    }

    private static void Move<T>(SemanticsCase c, int bytes, int count, Space space)
        where T : struct, IValue<T>
    {
        var width = bytes * count;
        var data = new byte[width * 32];
        new Random(width).NextBytes(data);
        var expected = Enumerable.Range(0, 32).SelectMany(lane => data.Skip((31 - lane) * width).Take(width)).ToArray();
        var (x, y) = (c.Input("x", data), c.Output("y", expected));
        var lane = c.K.LaneId();
        var mirrored = c.K.Sub(31, lane);

        // Offsets that the instruction adds: the register points 64 bytes before.
        var from = new GlobalPointer(c.K.Sub(c.At(x, mirrored, width).Base, 64), 64);
        var values = (space, count) switch
        {
            (Space.ReadOnly, 1) => [c.K.LoadGlobalReadOnly<T>(from)],
            (Space.ReadOnly, _) => c.K.LoadGlobalReadOnlyVector<T>(from, count),
            (_, 1) => [c.K.LoadGlobal<T>(from)],
            _ => c.K.LoadGlobalVector<T>(from, count),
        };
        if (space == Space.Shared)
        {
            var tile = c.K.AddressOf(c.K.Shared("tile", 32 * width));
            Store(c.At(tile, mirrored, width), values);
            c.K.WarpSync();
            values = count == 1 ? [c.K.LoadShared<T>(c.At(tile, mirrored, width))] : c.K.LoadSharedVector<T>(c.At(tile, mirrored, width), count);
        }
        else if (space == Space.Local)
        {
            var other = c.K.AddressOf(c.K.Local("other", 16));
            var own = c.K.AddressOf(c.K.Local("own", 32));
            c.K.StoreLocal(other, B64.Constant(0));
            if (count == 1)
            {
                c.K.StoreLocal(own + 16, values[0]);
                values = [c.K.LoadLocal<T>(own + 16)];
            }
            else
            {
                c.K.StoreLocalVector<T>(own + 16, values);
                values = c.K.LoadLocalVector<T>(own + 16, count);
            }
        }

        if (count == 1)
        {
            c.K.StoreGlobal(c.At(y, lane, width), values[0]);
        }
        else
        {
            c.K.StoreGlobalVector<T>(c.At(y, lane, width), values);
        }

        void Store(SharedPointer to, T[] stored)
        {
            if (stored.Length == 1)
            {
                c.K.StoreShared(to, stored[0]);
            }
            else
            {
                c.K.StoreSharedVector<T>(to, stored);
            }
        }
    }

    private static void Bytes(SemanticsCase c)
    {
        byte[] data = [.. Enumerable.Range(0, 32).Select(i => (byte)(i * 37))];
        var (x, y) = (c.Input("x", data), c.Output("y", data.Select(value => (uint)value).ToArray()));
        var z = c.Output("z", data.Select(value => (byte)(value + 1)).ToArray());
        var tile = c.K.AddressOf(c.K.Shared("tile", 32));
        var lane = c.K.LaneId();
        c.K.StoreSharedU8(c.At(tile, lane, 1), c.K.Or(c.K.LoadGlobalU8(c.At(x, lane, 1)), 0x7700));
        var value = c.K.LoadSharedU8(c.At(tile, lane, 1));
        c.K.StoreGlobal(c.At(y, lane, 4), value);
        c.K.StoreGlobalU8(c.At(z, lane, 1), c.K.Add(value, 1));
    }

    private static void Parameters(SemanticsCase c)
    {
        byte[] Of<T>(T value)
            where T : unmanaged => MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in value)).ToArray();
        var y = c.Output("y", [.. Of(0x12345678), .. Of(-1.5f), .. Of(0x1122334455667788), .. Of(2.75)]);
        c.Scalar(parameters => parameters.Set("word", 0x12345678).Set("float", -1.5f).Set("long", 0x1122334455667788).Set("double", 2.75));
        var word = c.K.Parameter<B32>("word");
        var real = c.K.Parameter<F64>("double");
        var single = c.K.Parameter<F32>("float");
        var wide = c.K.Parameter<B64>("long");
        using (c.K.When(c.K.CompareU32(Comparison.Equal, c.K.LaneId(), 5)))
        {
            c.K.StoreGlobal(y, word);
            c.K.StoreGlobal(y + 4, single);
            c.K.StoreGlobal(y + 8, wide);
            c.K.StoreGlobal(y + 16, real);
        }
    }

    private static void Prefetch(SemanticsCase c)
    {
        float[] values = [.. Enumerable.Range(0, 32).Select(i => (float)i)];
        var x = c.InOut("x", values, values);
        c.K.PrefetchGlobal(c.At(x, c.K.LaneId(), 4));
    }

    private enum Space
    {
        Global,
        ReadOnly,
        Shared,
        Local,
    }
}
