using System.Collections.Immutable;
using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Truth;

/// <summary>
/// Probes of what the blocks of a cluster do together: each thread puts its operands into its block's shared memory and takes those of a thread of
/// another block, behind the cluster's barrier; a second one keeps blocks from ending before they are read.
/// </summary>
internal static class ClusterProbes
{
    private static readonly ImmutableArray<int> Sizes = [2, 4, 6, 8];

    private static readonly Func<Random, ulong> Any = random => OperandSampler.Next(random, RegisterType.B32);

    /// <summary>All that a target has.</summary>
    public static ImmutableArray<WarpProbe> All(Target target) => target.Has(ClusterInstructions.Requires)
        ?
        [
            .. Sizes.Select(size => Ranks(target, size)),
            .. Sizes.Select(size => Neighbours(target, size)),
            .. MemoryTypes.Moved.SelectMany(type => MemoryTypes.Counts(type).Select(count => Load(target, type, count))),
        ]
        : [];

    private static WarpProbe Ranks(Target target, int size) => new(
        $"cluster of {size}: %cluster_ctarank, %cluster_nctaid",
        target,
        2,
        [Any],
        (k, _) =>
        {
            k.Cluster(size);
            return [k.ClusterRank(), k.ClusterSize()];
        });

    // Each lane picks its block and its thread; what is read is changed behind a second barrier and read again.
    private static WarpProbe Neighbours(Target target, int size) => new(
        $"cluster of {size}: mapa.shared::cluster, barrier.cluster",
        target,
        2,
        [Any, Any],
        (k, operands) =>
        {
            k.Cluster(size);
            var values = Values(k, sizeof(uint));
            var own = Of(k, values, k.ThreadX(), sizeof(uint));
            var thread = k.And(operands[1], InstructionProbe.Threads - 1);
            var other = k.InBlock(Of(k, values, thread, sizeof(uint)), k.RemU32(k.ShrU32(operands[1], 16), size));
            k.StoreShared(own, operands[0]);
            k.ClusterBarrier();
            var first = k.LoadCluster<B32>(other);
            k.ClusterArrive();
            var changed = k.Xor(first, operands[1]);
            k.ClusterWait();
            k.StoreShared(own, changed);
            k.ClusterBarrier();
            var second = k.LoadCluster<B32>(other);
            k.ClusterBarrier();
            return [first, second];
        });

    private static WarpProbe Load(Target target, RegisterType type, int count)
    {
        var opcode = ClusterInstructions.Load(type, count);
        var words = Math.Max(1, count * type.Bits() / 32);
        return new WarpProbe(
            opcode.Name,
            target,
            count * Math.Max(1, type.Bits() / 32),
            [.. Enumerable.Repeat(Any, words)],
            (k, operands) =>
            {
                k.Cluster(2);
                var own = Of(k, Values(k, words * sizeof(uint)), k.ThreadX(), words * sizeof(uint));
                var other = k.InBlock(own, k.Xor(k.ClusterRank(), 1));
                k.StoreSharedVector<B32>(own, operands);
                k.ClusterBarrier();
                Operand[] loaded = [.. Enumerable.Range(0, count).Select(_ => k.NewRegister(type))];
                k.Emit(opcode, [.. loaded, other.Base.Operand], "", 0, other.Offset);
                k.ClusterBarrier();
                return [.. loaded.SelectMany(register => Words(k, register, type))];
            });
    }

    private static IEnumerable<B32> Words(KernelBuilder k, Operand register, RegisterType type) => type switch
    {
        RegisterType.B16 => [k.Pack(new B16(register), B16.Constant(0))],
        RegisterType.B32 => [new B32(register)],
        RegisterType.F32 => [k.Bits(new F32(register))],
        _ => Halves(k, type == RegisterType.F64 ? k.Bits(new F64(register)) : new B64(register)),
    };

    private static IEnumerable<B32> Halves(KernelBuilder k, B64 value) => [k.Narrow(value), k.Narrow(k.ShrU64(value, 32))];

    private static SharedPointer Values(KernelBuilder k, int bytes) => k.AddressOf(k.Shared("values", InstructionProbe.Threads * bytes));

    private static SharedPointer Of(KernelBuilder k, SharedPointer values, B32 thread, int bytes) => values with { Base = k.Mad(thread, bytes, values.Base) };
}
