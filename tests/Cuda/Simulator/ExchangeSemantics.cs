using System.Numerics;
using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Tests.Simulator;

/// <summary>Shuffles, votes and reductions over random values, some with masks of half of the lanes.</summary>
internal static class ExchangeSemantics
{
    private const uint Odd = 0xaaaaaaaa;

    private static readonly uint[] Values = [.. Enumerable.Range(0, 32).Select(i => (uint)(i * 2654435761))];

    public static IEnumerable<SemanticsCase> All() =>
    [
        Shuffle("shuffle", (c, x, lane) => c.K.Shuffle(x, c.K.Add(c.K.MulLo(lane, 7), 3)), lane => ((lane * 7) + 3) % 32),
        Shuffle("shuffle in eights", (c, x, lane) => c.K.Shuffle(x, c.K.Add(lane, 3), width: 8), lane => (lane / 8 * 8) + ((lane + 3) % 8)),
        Shuffle("shuffle xor", (c, x, lane) => c.K.ShuffleXor(x, 5), lane => lane ^ 5),
        Shuffle("shuffle xor in fours", (c, x, lane) => c.K.ShuffleXor(x, 6, width: 4), lane => (lane ^ 6) > (lane | 3) ? lane : lane ^ 6),
        Shuffle("shuffle up", (c, x, lane) => c.K.ShuffleUp(x, 3), lane => lane < 3 ? lane : lane - 3),
        Shuffle("shuffle up in eights", (c, x, lane) => c.K.ShuffleUp(x, 3, width: 8), lane => lane % 8 < 3 ? lane : lane - 3),
        Shuffle("shuffle down", (c, x, lane) => c.K.ShuffleDown(x, 30), lane => lane > 1 ? lane : lane + 30),
        Shuffle("shuffle down in sixteens", (c, x, lane) => c.K.ShuffleDown(x, 1, width: 16), lane => lane % 16 == 15 ? lane : lane + 1),
        Vote("all", (c, p, mask) => c.K.All(p, mask), (bits, mask) => (bits & mask) == mask),
        Vote("any", (c, p, mask) => c.K.Any(p, mask), (bits, mask) => (bits & mask) != 0),
        Vote("uniform", (c, p, mask) => c.K.Uniform(p, mask), (bits, mask) => (bits & mask) == 0 || (bits & mask) == mask),
        Reduce("ballot", (c, x, mask) => c.K.Ballot(c.K.CompareU32(Comparison.Less, x, 1u << 31), mask), (values, lanes, _) => lanes.Where(lane => values[lane] < 1u << 31).Aggregate(0u, (bits, lane) => bits | (1u << lane))),
        Reduce("match", (c, x, mask) => c.K.MatchAny(c.K.And(x, 3), mask), (values, lanes, lane) => lanes.Where(other => (values[other] & 3) == (values[lane] & 3)).Aggregate(0u, (bits, other) => bits | (1u << other))),
        Reduce("active mask", (c, x, mask) => c.K.ActiveMask(), (_, lanes, _) => lanes.Aggregate(0u, (bits, lane) => bits | (1u << lane))),
        Reduce("add", (c, x, mask) => c.K.ReduceAddU32(x, mask), (values, lanes, _) => (uint)lanes.Sum(lane => (long)values[lane])),
        Reduce("min unsigned", (c, x, mask) => c.K.ReduceMinU32(x, mask), (values, lanes, _) => lanes.Min(lane => values[lane])),
        Reduce("max unsigned", (c, x, mask) => c.K.ReduceMaxU32(x, mask), (values, lanes, _) => lanes.Max(lane => values[lane])),
        Reduce("min signed", (c, x, mask) => c.K.ReduceMinS32(x, mask), (values, lanes, _) => (uint)lanes.Min(lane => (int)values[lane])),
        Reduce("max signed", (c, x, mask) => c.K.ReduceMaxS32(x, mask), (values, lanes, _) => (uint)lanes.Max(lane => (int)values[lane])),
        Reduce("and", (c, x, mask) => c.K.ReduceAnd(c.K.Or(x, 0xff00), mask), (values, lanes, _) => Bits(lanes, (lane, bit) => ((values[lane] | 0xff00) >> bit & 1) == 1, all: true)),
        Reduce("or", (c, x, mask) => c.K.ReduceOr(c.K.And(x, 0xf0f0), mask), (values, lanes, _) => Bits(lanes, (lane, bit) => ((values[lane] & 0xf0f0) >> bit & 1) == 1, all: false)),
        Reduce("xor", (c, x, mask) => c.K.ReduceXor(x, mask), (values, lanes, _) => (uint)Enumerable.Range(0, 32).Sum(bit => (long)(lanes.Count(lane => (values[lane] >> bit & 1) == 1) & 1) << bit)),
    ];

    private static uint Bits(int[] lanes, Func<int, int, bool> isSet, bool all) =>
        Enumerable.Range(0, 32).Where(bit => all ? Array.TrueForAll(lanes, lane => isSet(lane, bit)) : Array.Exists(lanes, lane => isSet(lane, bit)))
            .Aggregate(0u, (bits, bit) => bits | (1u << bit));

    private static SemanticsCase Shuffle(string name, Func<SemanticsCase, B32, B32, B32> emit, Func<int, int> source) => new()
    {
        Name = name,
        Write = c =>
        {
            var (x, y) = (c.Input("x", Values), c.Output("y", Enumerable.Range(0, 32).Select(lane => Values[source(lane)]).ToArray()));
            var lane = c.K.LaneId();
            c.K.StoreGlobal(c.At(y, lane, 4), emit(c, c.K.LoadGlobal<B32>(c.At(x, lane, 4)), lane));
        },
    };

    private static SemanticsCase Vote(string name, Func<SemanticsCase, Pred, uint, Pred> emit, Func<uint, uint, bool> expected) => new()
    {
        Name = $"vote {name}",
        Write = c =>
        {
            uint[] words = [0, uint.MaxValue, Odd, 0x55555555, 1, 0xfffffffe];
            var masks = new[] { uint.MaxValue, Odd };
            var lane = c.K.LaneId();
            for (var i = 0; i < words.Length * 2; i++)
            {
                var (bits, mask) = (words[i / 2], masks[i % 2]);
                var y = c.Output($"y{i}", Enumerable.Range(0, 32).Select(l => (mask >> l & 1) == 0 ? 7u : expected(bits, mask) ? 1u : 0u).ToArray());
                var predicate = c.K.CompareU32(Comparison.NotEqual, c.K.And(c.K.ShrU32(bits, lane), 1), 0);
                c.K.StoreGlobal(c.At(y, lane, 4), B32.Constant(7));
                c.K.If(c.K.CompareU32(Comparison.NotEqual, c.K.And(c.K.ShrU32(mask, lane), 1), 0), () =>
                    c.K.StoreGlobal(c.At(y, lane, 4), c.K.Select<B32>(emit(c, predicate, mask), 1, 0)));
            }
        },
    };

    private static SemanticsCase Reduce(string name, Func<SemanticsCase, B32, uint, B32> emit, Func<uint[], int[], int, uint> expected) => new()
    {
        Name = $"reduce {name}",
        Write = c =>
        {
            var x = c.Input("x", Values);
            var lane = c.K.LaneId();
            foreach (var mask in new[] { uint.MaxValue, Odd, 0x00ff0100u })
            {
                int[] lanes = [.. Enumerable.Range(0, 32).Where(l => (mask >> l & 1) == 1)];
                var y = c.Output($"y{BitOperations.PopCount(mask)}", Enumerable.Range(0, 32).Select(l => lanes.Contains(l) ? expected(Values, lanes, l) : 7u).ToArray());
                c.K.StoreGlobal(c.At(y, lane, 4), B32.Constant(7));
                c.K.If(c.K.CompareU32(Comparison.NotEqual, c.K.And(c.K.ShrU32(mask, lane), 1), 0), () =>
                    c.K.StoreGlobal(c.At(y, lane, 4), emit(c, c.K.LoadGlobal<B32>(c.At(x, lane, 4)), mask)));
            }
        },
    };
}
