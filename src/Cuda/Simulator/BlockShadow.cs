using System.Collections.Concurrent;

namespace Stof.Reference.Cuda.Simulator;

/// <summary>How a byte is touched.</summary>
internal enum Touch
{
    /// <summary>Loaded.</summary>
    Read,

    /// <summary>Stored.</summary>
    Write,

    /// <summary>By an atomic operation.</summary>
    Atomic,
}

/// <summary>
/// Which blocks touched each byte of global memory, and how. Each byte has the number of the block that wrote, read and atomically changed it (or
/// "several"), updated without locks, so that of two blocks that touch a byte the second always sees the first, whatever the order.
/// </summary>
internal sealed class BlockShadow(bool isSequential)
{
    /// <summary>Blocks that the numbers can tell apart.</summary>
    public const int MaximumBlocks = (1 << Bits) - 2;

    /// <summary>Bytes of a page.</summary>
    public const int PageBytes = 4096;

    private const int Bits = 21;
    private const ulong Field = (1ul << Bits) - 1;

    private readonly ConcurrentDictionary<(int Allocation, int Page), Page> _pages = new();

    /// <summary>The page of an allocation.</summary>
    public Page PageOf(int allocation, int page) => _pages.GetOrAdd((allocation, page), _ => new Page(isSequential));

    /// <summary>Puts back what the pages held before the launch first wrote them.</summary>
    public void Restore(SimulatedDevice device)
    {
        foreach (var ((number, index), page) in _pages)
        {
            var allocation = device.AllocationAt(number);
            page.Restore(allocation, index * PageBytes);
        }
    }

    /// <summary>A block's touch of a byte.</summary>
    /// <param name="Block">Number of the block; −1 for none.</param>
    /// <param name="Instruction">Number of the instruction; −1 where it is not kept.</param>
    public readonly record struct Toucher(int Block, int Instruction)
    {
        /// <summary>No touch.</summary>
        public static Toucher None => new(-1, -1);
    }

    /// <summary>A page's bytes.</summary>
    internal sealed class Page(bool isSequential)
    {
        private static readonly Touch[] Kinds = Enum.GetValues<Touch>();

        private readonly ulong[] _states = GC.AllocateArray<ulong>(PageBytes, pinned: true);

        // Where blocks run in order: for each kind of touch the last block, and the last before that.
        private readonly Toucher[]?[] _last = new Toucher[]?[Kinds.Length];
        private readonly Toucher[]?[] _before = new Toucher[]?[Kinds.Length];
        private byte[]? _data;
        private byte[]? _written;

        /// <summary>Notes a touch.</summary>
        /// <returns>
        /// Another block that touched the byte in a way that does not go with it, or <see cref="Toucher.None"/>. Where blocks run side by side the block may
        /// be any.
        /// </returns>
        public Toucher Note(int offset, Touch touch, int linearBlock, int instruction)
        {
            var me = (ulong)linearBlock + 1;
            var state = Update(offset, touch, me);
            var other = Toucher.None;
            foreach (var kind in Kinds)
            {
                var block = (state >> ((int)kind * Bits)) & Field;
                var goesWithIt = kind == touch && touch != Touch.Write;
                if (block != 0 && block != me && !goesWithIt)
                {
                    other = isSequential ? LastOther(offset, kind, linearBlock) : new Toucher((int)block - 1, -1);
                    break;
                }
            }

            if (isSequential)
            {
                Keep(offset, touch, new Toucher(linearBlock, instruction));
            }

            return other;
        }

        private ulong Update(int offset, Touch touch, ulong me)
        {
            var shift = (int)touch * Bits;
            ref var state = ref _states[offset];
            var seen = Volatile.Read(ref state);
            while (true)
            {
                var mine = (seen >> shift) & Field;
                var wanted = mine == 0 || mine == me ? me : Field;
                var next = (seen & ~(Field << shift)) | (wanted << shift);
                var before = next == seen ? seen : Interlocked.CompareExchange(ref state, next, seen);
                if (before == seen)
                {
                    return seen;
                }

                seen = before;
            }
        }

        private Toucher LastOther(int offset, Touch kind, int me) =>
            _last[(int)kind]![offset] is var last && last.Block != me ? last : _before[(int)kind]![offset];

        private void Keep(int offset, Touch touch, Toucher toucher)
        {
            var last = _last[(int)touch] ??= NewTouchers();
            var before = _before[(int)touch] ??= NewTouchers();
            if (last[offset].Block != toucher.Block)
            {
                before[offset] = last[offset];
            }

            last[offset] = toucher;
        }

        private static Toucher[] NewTouchers()
        {
            var touchers = new Toucher[PageBytes];
            Array.Fill(touchers, Toucher.None);
            return touchers;
        }

        /// <summary>Keeps what the page holds, unless that was done.</summary>
        public void Save(Allocation allocation, int start)
        {
            if (Volatile.Read(ref _written) is not null)
            {
                return;
            }

            lock (_states)
            {
                if (_written is null)
                {
                    var length = Math.Min(PageBytes, allocation.Bytes - start);
                    _data = allocation.Data.AsSpan(start, length).ToArray();
                    Volatile.Write(ref _written, allocation.Written.AsSpan(start, length).ToArray());
                }
            }
        }

        /// <summary>Puts back what it held.</summary>
        public void Restore(Allocation allocation, int start)
        {
            _data?.CopyTo(allocation.Data.AsSpan(start));
            _written?.CopyTo(allocation.Written.AsSpan(start));
        }
    }
}
