using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Tests.Simulator;

/// <summary>Atomic operations: lane l changes slot l mod 4, and gets what the lane before it left there.</summary>
internal static class AtomicSemantics
{
    private const int Slots = 4;

    public static IEnumerable<SemanticsCase> All()
    {
        foreach (var isShared in new[] { false, true })
        {
            yield return Words("add", isShared, (c, at, sh, v) => isShared ? c.K.AtomicAdd(sh, v) : c.K.AtomicAdd(at, v), (old, v) => unchecked(old + v));
            yield return Words("min unsigned", isShared, (c, at, sh, v) => isShared ? c.K.AtomicMinU32(sh, v) : c.K.AtomicMinU32(at, v), (old, v) => old < v ? old : v);
            yield return Words("max unsigned", isShared, (c, at, sh, v) => isShared ? c.K.AtomicMaxU32(sh, v) : c.K.AtomicMaxU32(at, v), (old, v) => old > v ? old : v);
            yield return Words("min signed", isShared, (c, at, sh, v) => isShared ? c.K.AtomicMinS32(sh, v) : c.K.AtomicMinS32(at, v), (old, v) => (int)old < (int)v ? old : v);
            yield return Words("max signed", isShared, (c, at, sh, v) => isShared ? c.K.AtomicMaxS32(sh, v) : c.K.AtomicMaxS32(at, v), (old, v) => (int)old > (int)v ? old : v);
            yield return Words("and", isShared, (c, at, sh, v) => isShared ? c.K.AtomicAnd(sh, v) : c.K.AtomicAnd(at, v), (old, v) => old & v);
            yield return Words("or", isShared, (c, at, sh, v) => isShared ? c.K.AtomicOr(sh, v) : c.K.AtomicOr(at, v), (old, v) => old | v);
            yield return Words("xor", isShared, (c, at, sh, v) => isShared ? c.K.AtomicXor(sh, v) : c.K.AtomicXor(at, v), (old, v) => old ^ v);
            yield return Words("exchange", isShared, (c, at, sh, v) => isShared ? c.K.AtomicExchange(sh, v) : c.K.AtomicExchange(at, v), (_, v) => v);

            // Succeeds in the first lane of each slot and then in none, as 5 is what only the start holds.
            yield return Words(
                "compare and exchange",
                isShared,
                (c, at, sh, v) => isShared ? c.K.AtomicCompareExchange(sh, 5, v) : c.K.AtomicCompareExchange(at, 5, v),
                (old, v) => old == 5 ? v : old);
            yield return Case<ulong, B64>(
                "add long", isShared, Enumerable.Range(0, 32).Select(lane => ulong.MaxValue - ((ulong)lane << 33)).ToArray(), 5ul, 8,
                (c, at, sh, v) => isShared ? c.K.AtomicAdd(sh, v) : c.K.AtomicAdd(at, v), (old, v) => unchecked(old + v));
            yield return Case<float, F32>(
                "add float", isShared, Enumerable.Range(0, 32).Select(lane => (lane - 10) * 1.1f).ToArray(), 0.3f, 4,
                (c, at, sh, v) => isShared ? c.K.AtomicAdd(sh, v) : c.K.AtomicAdd(at, v), (old, v) => old + v);

            // On global memory subnormals are zeros, on shared memory they are not.
            var tiny = BitConverter.UInt32BitsToSingle(3);
            yield return Case<float, F32>(
                "add subnormals", isShared, Enumerable.Repeat(tiny, 32).ToArray(), tiny, 4,
                (c, at, sh, v) => isShared ? c.K.AtomicAdd(sh, v) : c.K.AtomicAdd(at, v), (old, v) => isShared ? old + v : 0);
        }
    }

    private static SemanticsCase Words(
        string name, bool isShared, Func<SemanticsCase, GlobalPointer, SharedPointer, B32, B32> emit, Func<uint, uint, uint> combine) =>
        Case<uint, B32>(name, isShared, Enumerable.Range(0, 32).Select(lane => (uint)(lane + 1) * 2654435761).ToArray(), 5u, 4, emit, combine);

    private static SemanticsCase Case<TValue, TRegister>(
        string name,
        bool isShared,
        TValue[] values,
        TValue start,
        int bytes,
        Func<SemanticsCase, GlobalPointer, SharedPointer, TRegister, TRegister> emit,
        Func<TValue, TValue, TValue> combine)
        where TValue : unmanaged
        where TRegister : struct, IValue<TRegister> => new()
        {
            Name = $"atomic {name} on {(isShared ? "shared" : "global")} memory",
            Write = c =>
            {
                var slots = Enumerable.Repeat(start, Slots).ToArray();
                var before = new TValue[32];
                for (var lane = 0; lane < 32; lane++)
                {
                    before[lane] = slots[lane % Slots];
                    slots[lane % Slots] = combine(slots[lane % Slots], values[lane]);
                }

                var x = c.Input("x", values);
                var old = c.Output("old", before);
                var counters = isShared
                    ? c.Output("counters", slots)
                    : c.InOut("counters", Enumerable.Repeat(start, Slots).ToArray(), slots);
                var initial = c.Input("initial", Enumerable.Repeat(start, Slots).ToArray());
                var lanes = c.K.LaneId();
                var slot = c.K.And(lanes, Slots - 1);
                var shared = c.At(c.K.AddressOf(c.K.Shared("slots", Slots * bytes)), slot, bytes);
                var isFirst = c.K.CompareU32(Comparison.Less, lanes, Slots);
                if (isShared)
                {
                    c.K.If(isFirst, () => c.K.StoreShared(shared, c.K.LoadGlobal<TRegister>(c.At(initial, slot, bytes))));
                    c.K.WarpSync();
                }

                var value = c.K.LoadGlobal<TRegister>(c.At(x, lanes, bytes));
                c.K.StoreGlobal(c.At(old, lanes, bytes), emit(c, c.At(counters, slot, bytes), shared, value));
                if (isShared)
                {
                    c.K.WarpSync();
                    c.K.If(isFirst, () => c.K.StoreGlobal(c.At(counters, slot, bytes), c.K.LoadShared<TRegister>(shared)));
                }
            },
        };
}
