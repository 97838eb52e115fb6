using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Tests.Simulator;

/// <summary>Blocks of a cluster: their barrier and loads from each other.</summary>
internal static class ClusterSemantics
{
    public static IEnumerable<SemanticsCase> All() =>
    [
        new() { Name = "ranks in clusters of three", Write = Ranks },
        new() { Name = "the cluster's barrier twice, work between coming and waiting", Write = Phases },
        new() { Name = "ended threads do not hold up the cluster", Write = EarlyEnd },
        .. MemoryTypes.Moved.SelectMany(type => MemoryTypes.Counts(type).Select(count => new SemanticsCase
        {
            Name = $"load of {count} {type} from another block",
            Write = c => Load(c, type, count),
        })),
    ];

    private static void Ranks(SemanticsCase c)
    {
        c.Blocks = 6;
        c.K.Cluster(3);
        var y = c.Output("y", Enumerable.Range(0, 6 * 32).Select(i => (10 * (i / 32 % 3)) + 3).ToArray());
        var index = c.K.Mad(c.K.BlockX(), 32, c.K.ThreadX());
        c.K.StoreGlobal(c.At(y, index, 4), c.K.Mad(c.K.ClusterRank(), 10, c.K.ClusterSize()));
    }

    /// <summary>Each block adds its right neighbour's numbers to its own, twice: a, b, c, d becomes a+b, …, then a+2b+c, ….</summary>
    private static void Phases(SemanticsCase c)
    {
        const int Size = 4;
        c.Threads = 64;
        c.Blocks = 2 * Size;
        c.K.Cluster(Size);
        static int Value(int block, int thread) => (100 * block) + thread;
        static int Neighbour(int block) => (block / Size * Size) + ((block + 1) % Size);
        var y = c.Output("y", Enumerable.Range(0, 2 * Size * 64).Select(i =>
        {
            var (block, thread) = (i / 64, i % 64);
            return Value(block, thread) + (2 * Value(Neighbour(block), thread)) + Value(Neighbour(Neighbour(block)), thread);
        }).ToArray());
        var thread = c.K.ThreadX();
        var index = c.K.Mad(c.K.BlockX(), 64, thread);
        var own = c.At(c.K.AddressOf(c.K.Shared("values", 64 * 4)), thread, 4);
        var next = c.K.RemU32(c.K.Add(c.K.ClusterRank(), 1), Size);
        var other = c.K.InBlock(own, next);
        var value = c.K.Copy(c.K.Mad(c.K.BlockX(), 100, thread));
        for (var round = 0; round < 2; round++)
        {
            c.K.StoreShared(own, value);
            c.K.ClusterArrive();
            c.K.StoreGlobal(c.At(y, index, 4), value); // the block's own, in the meantime
            c.K.ClusterWait();
            c.K.Assign(value, c.K.Add(value, c.K.LoadCluster<B32>(other)));
            c.K.ClusterBarrier();
        }

        c.K.StoreGlobal(c.At(y, index, 4), value);
    }

    /// <summary>Of three warps of each block one ends at once; the others exchange across blocks.</summary>
    private static void EarlyEnd(SemanticsCase c)
    {
        c.Threads = 96;
        c.Blocks = 2;
        c.K.Cluster(2);
        var y = c.Output("y", Enumerable.Range(0, 2 * 64).Select(i => (1 - (i / 64)) * 1000 + (i % 64)).ToArray());
        var thread = c.K.ThreadX();
        using (c.K.When(c.K.CompareU32(Comparison.GreaterOrEqual, thread, 64)))
        {
            c.K.Return();
        }

        var own = c.At(c.K.AddressOf(c.K.Shared("values", 64 * 4)), thread, 4);
        c.K.StoreShared(own, c.K.Mad(c.K.ClusterRank(), 1000, thread));
        c.K.ClusterBarrier();
        var value = c.K.LoadCluster<B32>(c.K.InBlock(own, c.K.Xor(c.K.ClusterRank(), 1)));
        c.K.ClusterArrive();
        c.K.StoreGlobal(c.At(y, c.K.Mad(c.K.BlockX(), 64, thread), 4), value);
        c.K.ClusterWait();
    }

    private static void Load(SemanticsCase c, RegisterType type, int count)
    {
        var bytes = count * type.Bits() / 8;
        var data = new byte[2 * 32 * bytes];
        new Random(bytes).NextBytes(data);
        c.Blocks = 2;
        c.K.Cluster(2);
        var (x, y) = (c.Input("x", data), c.Output("y", [.. data.Skip(32 * bytes), .. data.Take(32 * bytes)]));
        var index = c.K.Mad(c.K.BlockX(), 32, c.K.ThreadX());
        var own = c.At(c.K.AddressOf(c.K.Shared("values", 32 * bytes)), c.K.ThreadX(), bytes);
        Operand[] Move(Opcode opcode, Operand address, long offset)
        {
            Operand[] registers = [.. Enumerable.Range(0, count).Select(_ => c.K.NewRegister(type))];
            c.K.Emit(opcode, [.. registers, address], "", 0, offset);
            return registers;
        }

        var source = c.At(x, index, bytes);
        c.K.Emit(SharedMemoryInstructions.Store(type, count), [own.Base.Operand, .. Move(GlobalMemoryInstructions.Load(type, count), source.Base.Operand, source.Offset)], "", 0, own.Offset);
        c.K.ClusterBarrier();
        var other = c.K.InBlock(own, c.K.Xor(c.K.ClusterRank(), 1));
        var target = c.At(y, index, bytes);
        c.K.Emit(GlobalMemoryInstructions.Store(type, count), [target.Base.Operand, .. Move(ClusterInstructions.Load(type, count), other.Base.Operand, other.Offset)], "", 0, target.Offset);
        c.K.ClusterBarrier();
    }
}
