using Stof.Reference.Cpu.Threading;

namespace Stof.Reference.Cpu.Simd;

/// <summary>
/// The threads and the scratch memory that kernels share. Scratch grows to the largest need and is then reused, so that a
/// second run allocates nothing. One kernel runs in a workspace at a time.
/// </summary>
/// <param name="pool">The threads; stays owned by the caller.</param>
public sealed unsafe class KernelWorkspace(WorkerPool pool)
{
    private readonly Slot[] _slots = CreateSlots(pool.Threads);
    private readonly AlignedFloats?[] _shared = new AlignedFloats?[Enum.GetValues<SharedRoom>().Length];
    private long _ticket;

    /// <summary>What a worker has for itself.</summary>
    internal enum Room
    {
        PackedRows,
        PackedIntermediate,
        Accumulators,
        WidenedPanel,
        Row,
    }

    /// <summary>What the workers of a run share.</summary>
    internal enum SharedRoom
    {
        Sums,
        PackedIntermediate,
        Counts,
    }

    /// <summary>The threads.</summary>
    public WorkerPool Pool { get; } = pool;

    /// <summary>A number that no earlier kernel run had: tells a worker whether its packed rows are of this run.</summary>
    internal long NextTicket() => ++_ticket;

    /// <summary>The row block of a worker, in which run: what its packed rows belong to.</summary>
    internal ref (long Ticket, int Block) PackedKey(int worker) => ref _slots[worker].PackedKey;

    /// <summary>At least <paramref name="count"/> floats, 64-byte aligned, that only this worker uses.</summary>
    internal float* Rent(int worker, Room room, long count) => Grown(ref _slots[worker].Rooms[(int)room], count);

    /// <summary>At least <paramref name="count"/> floats, 64-byte aligned, for all workers; rented before their loop starts.</summary>
    internal float* Rent(SharedRoom room, long count) => Grown(ref _shared[(int)room], count);

    private static float* Grown(ref AlignedFloats? buffer, long count)
    {
        if (buffer is null || buffer.Count < count)
        {
            buffer = new AlignedFloats(count);
        }

        return buffer.Address;
    }

    private static Slot[] CreateSlots(int count)
    {
        var slots = new Slot[count];
        for (var i = 0; i < count; i++)
        {
            slots[i] = new Slot();
        }

        return slots;
    }

    private sealed class Slot
    {
        public readonly AlignedFloats?[] Rooms = new AlignedFloats?[5];
        public (long Ticket, int Block) PackedKey;
    }
}
