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

    /// <summary>A page's bytes.</summary>
    internal sealed class Page(bool isSequential)
    {
        private readonly ulong[] _states = GC.AllocateArray<ulong>(PageBytes, pinned: true);
        private readonly int[]? _instructions = isSequential ? new int[3 * PageBytes] : null;
        private byte[]? _data;
        private byte[]? _written;

        /// <summary>Notes a touch.</summary>
        /// <returns>0, or 1 + the number of a block that touched the byte in a way that does not go with it.</returns>
        public int Note(int offset, Touch touch, int linearBlock, int instruction)
        {
            var me = (ulong)linearBlock + 1;
            var shift = (int)touch * Bits;
            ref var state = ref _states[offset];
            var seen = Volatile.Read(ref state);
            while (true)
            {
                var mine = (seen >> shift) & Field;
                var wanted = mine == 0 || mine == me ? me : Field;
                var next = (seen & ~(Field << shift)) | (wanted << shift);
                if (next == seen)
                {
                    break;
                }

                var before = Interlocked.CompareExchange(ref state, next, seen);
                if (before == seen)
                {
                    break;
                }

                seen = before;
            }

            if (_instructions is not null)
            {
                _instructions[((int)touch * PageBytes) + offset] = instruction;
            }

            var write = (seen >> ((int)Touch.Write * Bits)) & Field;
            var read = touch == Touch.Read ? 0 : (seen >> ((int)Touch.Read * Bits)) & Field;
            var atomic = touch == Touch.Atomic ? 0 : (seen >> ((int)Touch.Atomic * Bits)) & Field;
            return write != 0 && write != me ? (int)write : read != 0 && read != me ? (int)read : atomic != 0 && atomic != me ? (int)atomic : 0;
        }

        /// <summary>The instruction of the last touch, where blocks run in order; else −1.</summary>
        public int InstructionOf(int offset, int block)
        {
            for (var touch = 0; touch < 3 && _instructions is not null; touch++)
            {
                if ((int)((_states[offset] >> (touch * Bits)) & Field) == block)
                {
                    return _instructions[(touch * PageBytes) + offset];
                }
            }

            return -1;
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

        /// <summary>True for "several".</summary>
        public static bool IsSeveral(int block) => (ulong)block == Field;
    }
}
