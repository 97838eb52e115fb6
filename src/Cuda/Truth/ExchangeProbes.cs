using System.Collections.Immutable;
using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Truth;

/// <summary>Probes of shuffles, votes, matches and reductions.</summary>
internal static class ExchangeProbes
{
    private static readonly Func<Random, ulong> Any = random => OperandSampler.Next(random, RegisterType.B32);

    /// <summary>All of them.</summary>
    public static ImmutableArray<WarpProbe> All(Target target) =>
    [
        .. Shuffles(target),
        Vote("vote.sync.all.pred", target, (k, predicate) => k.All(predicate)),
        Vote("vote.sync.any.pred", target, (k, predicate) => k.Any(k.Not(predicate))),
        Vote("vote.sync.uni.pred", target, (k, predicate) => k.Uniform(predicate)),
        One("vote.sync.ballot.b32", target, (k, value) => k.Ballot(k.CompareS32(Comparison.Less, value, 0))),
        One("match.any.sync.b32", target, (k, value) => k.MatchAny(k.And(value, 7))),
        One("redux.sync.add.u32", target, (k, value) => k.ReduceAddU32(value)),
        One("redux.sync.min.u32", target, (k, value) => k.ReduceMinU32(value)),
        One("redux.sync.max.u32", target, (k, value) => k.ReduceMaxU32(value)),
        One("redux.sync.min.s32", target, (k, value) => k.ReduceMinS32(value)),
        One("redux.sync.max.s32", target, (k, value) => k.ReduceMaxS32(value)),
        One("redux.sync.and.b32", target, (k, value) => k.ReduceAnd(k.Or(value, 0xff))),
        One("redux.sync.or.b32", target, (k, value) => k.ReduceOr(k.And(value, 0x1000001))),
        One("redux.sync.xor.b32", target, (k, value) => k.ReduceXor(value)),
    ];

    private static IEnumerable<WarpProbe> Shuffles(Target target)
    {
        foreach (var width in new[] { 32, 16, 4, 1 })
        {
            yield return Two($"shfl.sync.idx.b32 width {width}", target, (k, value, lane) => k.Shuffle(value, lane, width: width));
            yield return Two($"shfl.sync.bfly.b32 width {width}", target, (k, value, bits) => k.ShuffleXor(value, bits, width: width));
            yield return Two($"shfl.sync.up.b32 width {width}", target, (k, value, distance) => k.ShuffleUp(value, distance, width: width));
            yield return Two($"shfl.sync.down.b32 width {width}", target, (k, value, distance) => k.ShuffleDown(value, distance, width: width));
        }

        // Half a warp exchanges while the other is elsewhere.
        yield return Two("shfl.sync.bfly.b32 lanes 0 to 15", target, (k, value, bits) =>
        {
            var result = k.Copy(value);
            k.If(k.CompareU32(Comparison.Less, k.LaneId(), 16), () => k.Assign(result, k.ShuffleXor(value, k.And(bits, 15), mask: 0xffff)));
            return result;
        });
    }

    private static WarpProbe One(string name, Target target, Func<KernelBuilder, B32, B32> body) =>
        new(name, target, 1, [Any], (k, operands) => [body(k, operands[0])]);

    private static WarpProbe Two(string name, Target target, Func<KernelBuilder, B32, B32, B32> body) =>
        new(name, target, 1, [Any, Any], (k, operands) => [body(k, operands[0], operands[1])]);

    // A predicate that about a third of the warps agree about.
    private static WarpProbe Vote(string name, Target target, Func<KernelBuilder, Pred, Pred> body) => One(
        name,
        target,
        (k, value) => k.Select<B32>(body(k, k.CompareU32(Comparison.NotEqual, k.And(value, 63), 5)), 1, 0));
}
