using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Stof.Reference.Cuda.Simulator;

/// <summary>
/// For the bytes of global memory that a worker's block touches: the last write and the last read within the block, and through
/// <see cref="BlockShadow"/> what other blocks did. A byte read by several warps is held to be read until all warps of the block meet.
/// </summary>
internal sealed class GlobalShadow(ThreadBlock block)
{
    private const byte SeveralWarps = 0xff;
    private const int Group = 4;

    private Page?[][] _pages = [];
    private BlockShadow? _blocks;

    /// <summary>Forgets all.</summary>
    public void Clear() => _pages = [];

    /// <summary>A lane touches bytes of an allocation. The memory still holds what was there before.</summary>
    /// <param name="warp">Warp.</param>
    /// <param name="lane">Lane.</param>
    /// <param name="number">Number of the allocation.</param>
    /// <param name="allocation">Allocation.</param>
    /// <param name="offset">First byte within it.</param>
    /// <param name="count">Bytes: at most 16.</param>
    /// <param name="touch">How.</param>
    /// <param name="values">What is written; empty for reads and atomic operations.</param>
    /// <param name="isReadOnly">True for a read through the read-only cache.</param>
    public void Note(
        Warp warp,
        int lane,
        int number,
        Allocation allocation,
        int offset,
        int count,
        Touch touch,
        ReadOnlySpan<byte> values,
        bool isReadOnly = false)
    {
        var page = PageOf(number, offset / BlockShadow.PageBytes);
        var start = offset & (BlockShadow.PageBytes - 1);
        if (touch != Touch.Read && !block.IsSequential)
        {
            page.Blocks.Save(allocation, offset - start);
        }

        if (touch == Touch.Read)
        {
            if (isReadOnly)
            {
                for (var i = 0; i < count; i++)
                {
                    ReadOnly(warp, lane, allocation, page, start + i, offset + i);
                }
            }

            if (count % Group == 0 && ReadGroups(warp, (uint)lane, page, start, count))
            {
                return;
            }

            for (var i = 0; i < count; i++)
            {
                Read(warp, lane, allocation, page, start + i, offset + i);
            }

            return;
        }

        for (var i = 0; i < count; i++)
        {
            Write(warp, lane, allocation, page, start + i, offset + i, touch, values.IsEmpty ? null : values[i]);
        }
    }

    /// <summary>
    /// The way of most reads after a block's first, four bytes at a time: nothing in the block has written them, or one warp in order, and
    /// the last reader is this warp or several. Else it gives up, having changed nothing that counts.
    /// </summary>
    private bool ReadGroups(Warp warp, uint lane, Page page, int start, int count)
    {
        if (page.HasAtomics || page.Readers is not { } readers)
        {
            return false;
        }

        var known = warp.Order.Known;
        var record = Vector128.Create(AccessRecord.Of(warp.Order.Ticket, lane));
        var first = Vector128.Create(AccessRecord.Of(block.FirstTicket + 1, 0));
        for (var i = start; i < start + count; i += Group)
        {
            if (page.Writers is { } writers && !AccessRecord.AreOrdered(Vector128.LoadUnsafe(ref writers[i]), ref page.WriterWarps![i], known, warp.Index, lane))
            {
                return false;
            }

            var before = Vector128.LoadUnsafe(ref readers[i]);
            var readerWarps = Unsafe.ReadUnaligned<uint>(ref page.ReaderWarps![i]);
            if (readerWarps == uint.MaxValue)
            {
                if (!Vector128.EqualsAll(before, Vector128.Create(Generation(block))))
                {
                    return false;
                }
            }
            else if (readerWarps == (uint)warp.Index * 0x01010101 && !Vector128.LessThanAny(before, first)
                && AccessRecord.AreKnownOrOwn(before, known[warp.Index], lane))
            {
                record.StoreUnsafe(ref readers[i]);
            }
            else
            {
                return false;
            }
        }

        return true;
    }

    private static uint Generation(ThreadBlock block) => block.Barriers.Generation;

    private void Read(Warp warp, int lane, Allocation allocation, Page page, int at, int offset)
    {
        var known = warp.Order.Known;
        var (writer, writerWarp) = page.WriterAt(at);
        if (AccessRecord.Ticket(writer) > known[writerWarp] && !(writerWarp == warp.Index && warp.Order.IsBefore(writer, lane)))
        {
            Report(warp, lane, allocation, offset, writerWarp, writer, Touch.Read, Touch.Write);
        }

        CheckAtomic(warp, lane, allocation, page, at, offset, Touch.Read);

        var (before, readerWarp) = page.ReaderAt(at);
        if (readerWarp == SeveralWarps ? before < block.FirstGeneration : AccessRecord.Ticket(before) <= block.FirstTicket)
        {
            NoteBlock(warp, lane, allocation, page, at, offset, Touch.Read);
        }

        if (readerWarp == SeveralWarps)
        {
            if (before == Generation(block))
            {
                return;
            }
        }
        else if (AccessRecord.Ticket(before) > known[readerWarp])
        {
            if (readerWarp != warp.Index)
            {
                page.SetReader(at, Generation(block), SeveralWarps);
                return;
            }

            if (AccessRecord.Lane(before) != lane)
            {
                page.SetReader(at, AccessRecord.Of(warp.Order.Ticket, AccessRecord.SeveralLanes), (byte)warp.Index);
                return;
            }
        }

        page.SetReader(at, AccessRecord.Of(warp.Order.Ticket, (uint)lane), (byte)warp.Index);
    }

    private void ReadOnly(Warp warp, int lane, Allocation allocation, Page page, int at, int offset)
    {
        if (AccessRecord.Ticket(page.WriterAt(at).Record) > block.FirstTicket)
        {
            ReportReadOnly(warp, lane, allocation, offset, Touch.Read);
        }

        page.MarkReadOnly(at, block.Linear + 1);
    }

    private void Write(Warp warp, int lane, Allocation allocation, Page page, int at, int offset, Touch touch, byte? value)
    {
        var known = warp.Order.Known;
        var (writer, writerWarp) = page.WriterAt(at);
        if (AccessRecord.Ticket(writer) > known[writerWarp])
        {
            var isOwn = writerWarp == warp.Index;
            if (touch == Touch.Write && isOwn && AccessRecord.Ticket(writer) == warp.Order.Ticket && AccessRecord.Lane(writer) != lane)
            {
                CheckLanes(warp, lane, allocation, offset, writer, value);
            }
            else if (!(isOwn && warp.Order.IsBefore(writer, lane)))
            {
                Report(warp, lane, allocation, offset, writerWarp, writer, touch, Touch.Write);
            }
        }

        if (touch == Touch.Write)
        {
            CheckAtomic(warp, lane, allocation, page, at, offset, touch);
        }

        if (page.IsReadOnly(at, block.Linear + 1))
        {
            ReportReadOnly(warp, lane, allocation, offset, touch);
        }

        var (reader, readerWarp) = page.ReaderAt(at);
        if (readerWarp == SeveralWarps)
        {
            if (reader == Generation(block))
            {
                Report(warp, lane, allocation, offset, -1, 0, touch, Touch.Read);
            }
        }
        else if (AccessRecord.Ticket(reader) > known[readerWarp] && !(readerWarp == warp.Index && warp.Order.IsBefore(reader, lane)))
        {
            Report(warp, lane, allocation, offset, readerWarp, reader, touch, Touch.Read);
        }

        var record = AccessRecord.Of(warp.Order.Ticket, (uint)lane);
        if (touch == Touch.Write)
        {
            if (AccessRecord.Ticket(writer) <= block.FirstTicket)
            {
                NoteBlock(warp, lane, allocation, page, at, offset, touch);
            }

            page.SetWriter(at, record, (byte)warp.Index);
            return;
        }

        if (AccessRecord.Ticket(page.AtomicAt(at).Record) <= block.FirstTicket)
        {
            NoteBlock(warp, lane, allocation, page, at, offset, touch);
        }

        page.SetAtomic(at, record, (byte)warp.Index);
    }

    private void CheckAtomic(Warp warp, int lane, Allocation allocation, Page page, int at, int offset, Touch touch)
    {
        var (record, other) = page.AtomicAt(at);
        if (AccessRecord.Ticket(record) > warp.Order.Known[other] && !(other == warp.Index && warp.Order.IsBefore(record, lane)))
        {
            Report(warp, lane, allocation, offset, other, record, touch, Touch.Atomic);
        }
    }

    private void CheckLanes(Warp warp, int lane, Allocation allocation, int offset, uint writer, byte? value)
    {
        if (allocation.Data[offset] == value)
        {
            block.Counters.SameValueStores++;
            return;
        }

        warp.Find(
            FindingKind.LaneConflict,
            lane,
            () => $"lanes {AccessRecord.Lane(writer)} and {lane} store different values in {Describe(allocation, offset)}",
            allocation.Address + (ulong)offset);
    }

    private static void ReportReadOnly(Warp warp, int lane, Allocation allocation, int offset, Touch touch) => warp.Find(
        FindingKind.ReadOnlyWritten,
        lane,
        () => touch == Touch.Read
            ? $"reads {Describe(allocation, offset)} through the read-only cache, but the kernel has written it"
            : $"{Wording.Of(touch)} {Describe(allocation, offset)}, which the kernel reads through the read-only cache",
        allocation.Address + (ulong)offset);

    private void NoteBlock(Warp warp, int lane, Allocation allocation, Page page, int at, int offset, Touch touch)
    {
        if (block.Launch.Grid.Count == 1)
        {
            return;
        }

        var other = page.Blocks.Note(at, touch, block.Linear, warp.CurrentInstruction);
        if (other == BlockShadow.Toucher.None)
        {
            return;
        }

        if (!block.IsSequential)
        {
            block.Launch.NeedsRerun = true;
            return;
        }

        ReportBlocks(warp, lane, allocation, offset, touch, other);
    }

    private void ReportBlocks(Warp warp, int lane, Allocation allocation, int offset, Touch touch, BlockShadow.Toucher other) => warp.Find(
        FindingKind.RaceBetweenBlocks,
        lane,
        () => $"{Wording.Of(touch)} {Describe(allocation, offset)} that block {block.Launch.BlockAt(other.Block)} touched in the same launch",
        allocation.Address + (ulong)offset,
        new FindingList.Other(other.Block, -1, -1, other.Instruction));

    private static string Describe(Allocation allocation, int offset) => $"byte {offset} of {allocation}";

    private void Report(Warp warp, int lane, Allocation allocation, int offset, int other, uint record, Touch touch, Touch before)
    {
        var otherLane = other < 0 || AccessRecord.Lane(record) == AccessRecord.SeveralLanes ? -1 : (int)AccessRecord.Lane(record);
        warp.Find(
            FindingKind.Race,
            lane,
            () => $"{Wording.Of(touch)} {Describe(allocation, offset)} that {(other < 0 ? "several warps" : Wording.Party(warp.Index, other, otherLane))} {Wording.Past(before)} without a barrier between",
            allocation.Address + (ulong)offset,
            new FindingList.Other(block.Linear, other, otherLane, other < 0 ? -1 : block.Warps[other].InstructionOf(AccessRecord.Ticket(record))));
    }

    private Page PageOf(int number, int index)
    {
        // A rerun has shadows of its own.
        if (!ReferenceEquals(_blocks, block.Launch.Blocks))
        {
            _blocks = block.Launch.Blocks;
            _pages = [];
        }

        if (number >= _pages.Length)
        {
            var length = _pages.Length;
            Array.Resize(ref _pages, block.Launch.Device.AllocationCount);
            for (var i = length; i < _pages.Length; i++)
            {
                _pages[i] = new Page?[(block.Launch.Device.AllocationAt(i).Bytes + BlockShadow.PageBytes - 1) / BlockShadow.PageBytes];
            }
        }

        return _pages[number][index] ??= new Page(_blocks.PageOf(number, index));
    }

    private sealed class Page(BlockShadow.Page blocks)
    {
        private int[]? _readOnly;
        private uint[]? _atomics;
        private byte[]? _atomicWarps;

        public BlockShadow.Page Blocks { get; } = blocks;

        /// <summary>Last writes; null until the first.</summary>
        public uint[]? Writers { get; private set; }

        public byte[]? WriterWarps { get; private set; }

        /// <summary>Last reads; null until the first.</summary>
        public uint[]? Readers { get; private set; }

        public byte[]? ReaderWarps { get; private set; }

        public bool HasAtomics => _atomics is not null;

        public (uint Record, byte Warp) WriterAt(int at) => Writers is null ? default : (Writers[at], WriterWarps![at]);

        public (uint Record, byte Warp) ReaderAt(int at) => Readers is null ? default : (Readers[at], ReaderWarps![at]);

        public void SetWriter(int at, uint record, byte warp)
        {
            (Writers ??= New<uint>())[at] = record;
            (WriterWarps ??= New<byte>())[at] = warp;
        }

        public void SetReader(int at, uint record, byte warp)
        {
            (Readers ??= New<uint>())[at] = record;
            (ReaderWarps ??= New<byte>())[at] = warp;
        }

        public void MarkReadOnly(int at, int linearBlock) => (_readOnly ??= New<int>())[at] = linearBlock;

        public (uint Record, byte Warp) AtomicAt(int at) => _atomics is null ? default : (_atomics[at], _atomicWarps![at]);

        public void SetAtomic(int at, uint record, byte warp)
        {
            (_atomics ??= New<uint>())[at] = record;
            (_atomicWarps ??= New<byte>())[at] = warp;
        }

        public bool IsReadOnly(int at, int linearBlock) => _readOnly is not null && _readOnly[at] == linearBlock;

        // Pages live as long as the launch: the collector need not move them.
        private static T[] New<T>() => GC.AllocateArray<T>(BlockShadow.PageBytes, pinned: true);
    }
}
