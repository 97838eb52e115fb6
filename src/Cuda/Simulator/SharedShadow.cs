using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Stof.Reference.Cuda.Simulator;

/// <summary>
/// For each byte of shared memory the last write, and for each warp its last read. An access that its partner's warp clock does not order is a
/// race. Atomic operations, which only plain accesses must not meet, have records of their own. Records stay from block to block; those of blocks before have lower tickets.
/// </summary>
internal sealed class SharedShadow(ThreadBlock block, int bytes, int warps)
{
    private const int Group = 4;

    // The last group of a range may reach beyond the last byte.
    private readonly uint[] _writers = new uint[bytes + Group];
    private readonly byte[] _writerWarps = new byte[bytes + Group];
    private readonly int[] _copies = new int[bytes];
    private readonly uint[] _readers = new uint[(bytes * warps) + Group];
    private readonly uint[] _lastReads = new uint[warps];
    private uint[]? _atomics;
    private byte[]? _atomicWarps;
    private readonly RemoteReads? _remote = block.Cluster.Size > 1 ? new RemoteReads(block) : null;

    /// <summary>Forgets all.</summary>
    public void Clear()
    {
        Array.Clear(_writers);
        Array.Clear(_readers);
        Array.Clear(_lastReads);
        _atomics = null;
    }

    /// <summary>A new block begins.</summary>
    public void Begin() => _remote?.Begin();

    /// <summary>A warp of the block ends: reads by other blocks of the cluster must not come later.</summary>
    public void End(Warp warp)
    {
        if (_remote?.End(warp) is { } late)
        {
            late.Block.Warps[late.Warp].ReportEnded(block, -1, late.Block.Warps[late.Warp].InstructionOf(late.Ticket));
        }
    }

    /// <summary>A lane of another block of the cluster reads.</summary>
    /// <returns>True if the block has written all of the range (or a copy to it is under way).</returns>
    public bool ReadRemote(Warp warp, int lane, int offset, int count)
    {
        var known = warp.Order.KnownOf(block.Rank);
        var first = AccessRecord.Of(block.FirstTicket + 1, 0);
        var isWritten = true;
        for (var i = offset; i < offset + count; i++)
        {
            var writer = _writers[i];
            isWritten &= writer >= first;
            if (writer >= first && AccessRecord.Ticket(writer) > known[_writerWarps[i]])
            {
                ReportRemote(warp, lane, i, Touch.Read, block, _writerWarps[i], writer, Touch.Write);
            }
        }

        _remote!.Note(warp, offset, count);
        return isWritten;
    }

    /// <summary>True if the block has written all of a range (or a copy to it is under way).</summary>
    public bool IsWritten(int offset, int count) =>
        !_writers.AsSpan(offset, count).ContainsAnyInRange(0u, AccessRecord.Of(block.FirstTicket + 1, 0) - 1);

    /// <summary>A lane reads.</summary>
    /// <returns>True if the block has written all of the range (or a copy to it is under way).</returns>
    public bool Read(Warp warp, int lane, int offset, int count)
    {
        _lastReads[warp.Index] = warp.Order.Ticket;
        return (count % Group == 0 && ReadGroups(warp, (uint)lane, offset, count)) || ReadBytes(warp, lane, offset, count);
    }

    /// <summary>The way of most accesses, four bytes at a time: one warp wrote them, in order. Else it gives up, having changed nothing that counts.</summary>
    private bool ReadGroups(Warp warp, uint lane, int offset, int count)
    {
        var known = warp.Order.Known;
        var first = Vector128.Create(AccessRecord.Of(block.FirstTicket + 1, 0));
        var record = Vector128.Create(AccessRecord.Of(warp.Order.Ticket, lane));
        ref var readers = ref _readers[(warp.Index * bytes) + offset];
        for (var i = 0; i < count; i += Group)
        {
            var writers = Vector128.LoadUnsafe(ref _writers[offset + i]);
            if (!AccessRecord.AreOrdered(writers, ref _writerWarps[offset + i], known, warp.Index, lane) || Vector128.LessThanAny(writers, first))
            {
                return false;
            }

            var before = Vector128.LoadUnsafe(ref Unsafe.Add(ref readers, i));
            if (!AccessRecord.AreKnownOrOwn(before, known[warp.Index], lane))
            {
                return false;
            }

            record.StoreUnsafe(ref Unsafe.Add(ref readers, i));
        }

        if (_atomics is not null)
        {
            CheckAtomics(warp, (int)lane, offset, count, Touch.Read);
        }

        return true;
    }

    private bool ReadBytes(Warp warp, int lane, int offset, int count)
    {
        var known = warp.Order.Known;
        var ticket = warp.Order.Ticket;
        var record = AccessRecord.Of(ticket, (uint)lane);
        var first = AccessRecord.Of(block.FirstTicket + 1, 0);
        var isWritten = true;
        var readers = _readers.AsSpan((warp.Index * bytes) + offset, count);
        for (var i = 0; i < count; i++)
        {
            var writer = _writers[offset + i];
            isWritten &= writer >= first;
            if (AccessRecord.Ticket(writer) > known[_writerWarps[offset + i]])
            {
                CheckWriter(warp, lane, offset + i, writer, Touch.Read);
            }

            var before = readers[i];
            readers[i] = AccessRecord.Ticket(before) > known[warp.Index] && AccessRecord.Lane(before) != lane
                ? AccessRecord.Of(ticket, AccessRecord.SeveralLanes)
                : record;
        }

        if (_atomics is not null)
        {
            CheckAtomics(warp, lane, offset, count, Touch.Read);
        }

        return isWritten;
    }

    /// <summary>A lane writes, or changes atomically. The memory still holds what was there before.</summary>
    /// <param name="warp">Warp.</param>
    /// <param name="lane">Lane.</param>
    /// <param name="offset">First byte.</param>
    /// <param name="values">What it writes.</param>
    /// <param name="isAtomic">True for an atomic operation.</param>
    public void Write(Warp warp, int lane, int offset, ReadOnlySpan<byte> values, bool isAtomic = false)
    {
        Check(warp, lane, offset, values, isAtomic);
        var record = AccessRecord.Of(warp.Order.Ticket, (uint)lane);
        if (isAtomic)
        {
            _atomics ??= new uint[bytes];
            _atomicWarps ??= new byte[bytes];
            _atomics.AsSpan(offset, values.Length).Fill(record);
            _atomicWarps.AsSpan(offset, values.Length).Fill((byte)warp.Index);
            return;
        }

        _writers.AsSpan(offset, values.Length).Fill(record);
        _writerWarps.AsSpan(offset, values.Length).Fill((byte)warp.Index);
    }

    /// <summary>A copy to a range starts: until it ends nobody may touch it.</summary>
    public void StartCopy(Warp warp, int lane, int offset, int count, int copy)
    {
        Check(warp, lane, offset, block.Shared.AsSpan(offset, count), isAtomic: false);
        _writers.AsSpan(offset, count).Fill(AccessRecord.InFlight);
        _writerWarps.AsSpan(offset, count).Fill((byte)warp.Index);
        _copies.AsSpan(offset, count).Fill(copy);
    }

    /// <summary>A copy has ended, as the lane that waited for it knows.</summary>
    public void EndCopy(Warp warp, int lane, int offset, int count)
    {
        _writers.AsSpan(offset, count).Fill(AccessRecord.Of(warp.Order.Ticket, (uint)lane));
        _writerWarps.AsSpan(offset, count).Fill((byte)warp.Index);
    }

    /// <summary>A copy that nothing waited for before its block ended.</summary>
    public void ForgetCopy(int offset, int count) => _writers.AsSpan(offset, count).Clear();

    private void Check(Warp warp, int lane, int offset, ReadOnlySpan<byte> values, bool isAtomic)
    {
        if (values.Length % Group != 0 || !AreWritersOrdered(warp, (uint)lane, offset, values.Length))
        {
            CheckWriters(warp, lane, offset, values, isAtomic);
        }

        if (_atomics is not null && !isAtomic)
        {
            CheckAtomics(warp, lane, offset, values.Length, Touch.Write);
        }

        if (_remote?.Unknown(warp, offset, values.Length) is { } reader)
        {
            ReportRemote(warp, lane, offset, Touch.Write, reader.Block, reader.Warp, AccessRecord.Of(reader.Ticket, AccessRecord.SeveralLanes), Touch.Read);
        }

        for (var other = 0; other < _lastReads.Length; other++)
        {
            if (_lastReads[other] > warp.Order.Known[other])
            {
                CheckReaders(warp, lane, offset, values.Length, other, isAtomic ? Touch.Atomic : Touch.Write);
            }
        }
    }

    private bool AreWritersOrdered(Warp warp, uint lane, int offset, int count)
    {
        for (var i = offset; i < offset + count; i += Group)
        {
            if (!AccessRecord.AreOrdered(Vector128.LoadUnsafe(ref _writers[i]), ref _writerWarps[i], warp.Order.Known, warp.Index, lane))
            {
                return false;
            }
        }

        return true;
    }

    private void CheckWriters(Warp warp, int lane, int offset, ReadOnlySpan<byte> values, bool isAtomic)
    {
        for (var i = 0; i < values.Length; i++)
        {
            var writer = _writers[offset + i];
            if (AccessRecord.Ticket(writer) <= warp.Order.Known[_writerWarps[offset + i]])
            {
                continue;
            }

            if (AccessRecord.Ticket(writer) == warp.Order.Ticket && _writerWarps[offset + i] == warp.Index && AccessRecord.Lane(writer) != lane && !isAtomic)
            {
                CheckLanes(warp, lane, offset + i, writer, values[i]);
            }
            else
            {
                CheckWriter(warp, lane, offset + i, writer, isAtomic ? Touch.Atomic : Touch.Write);
            }
        }
    }

    private void CheckReaders(Warp warp, int lane, int offset, int count, int other, Touch touch)
    {
        var threshold = warp.Order.Known[other];
        var readers = _readers.AsSpan((other * bytes) + offset, count);
        if (count % Group == 0)
        {
            // Only the asking warp's own reads may be by the asking lane.
            var own = other == warp.Index ? (uint)lane : AccessRecord.SeveralLanes;
            var areOrdered = true;
            for (var i = 0; i < count; i += Group)
            {
                areOrdered &= AccessRecord.AreKnownOrOwn(Vector128.LoadUnsafe(ref readers[i]), threshold, own);
            }

            if (areOrdered)
            {
                return;
            }
        }

        for (var i = 0; i < readers.Length; i++)
        {
            if (AccessRecord.Ticket(readers[i]) > threshold && !(other == warp.Index && warp.Order.IsBefore(readers[i], lane)))
            {
                Report(warp, lane, offset + i, other, readers[i], touch, Touch.Read);
            }
        }
    }

    private void CheckLanes(Warp warp, int lane, int offset, uint writer, byte value)
    {
        if (block.Shared[offset] == value)
        {
            block.Counters.SameValueStores++;
            return;
        }

        warp.Find(
            FindingKind.LaneConflict,
            lane,
            () => $"lanes {AccessRecord.Lane(writer)} and {lane} store different values in shared byte {block.DescribeShared(offset)}",
            (ulong)offset + Warp.SharedBase);
    }

    private void CheckWriter(Warp warp, int lane, int offset, uint writer, Touch touch)
    {
        if (writer == AccessRecord.InFlight)
        {
            warp.FindCopyInFlight(lane, offset, _writerWarps[offset], _copies[offset], touch);
            return;
        }

        var other = _writerWarps[offset];
        if (other != warp.Index || !warp.Order.IsBefore(writer, lane))
        {
            Report(warp, lane, offset, other, writer, touch, Touch.Write);
        }
    }

    private void CheckAtomics(Warp warp, int lane, int offset, int count, Touch touch)
    {
        for (var i = offset; i < offset + count; i++)
        {
            var record = _atomics![i];
            var other = _atomicWarps![i];
            if (AccessRecord.Ticket(record) > warp.Order.Known[other] && !(other == warp.Index && warp.Order.IsBefore(record, lane)))
            {
                Report(warp, lane, i, other, record, touch, Touch.Atomic);
            }
        }
    }

    private void Report(Warp warp, int lane, int offset, int other, uint record, Touch touch, Touch before)
    {
        var otherLane = AccessRecord.Lane(record) == AccessRecord.SeveralLanes ? -1 : (int)AccessRecord.Lane(record);
        warp.Find(
            FindingKind.Race,
            lane,
            () => $"{Wording.Of(touch)} shared byte {block.DescribeShared(offset)} that {Wording.Party(warp.Index, other, otherLane)} {Wording.Past(before)} without a barrier between",
            (ulong)offset + Warp.SharedBase,
            new FindingList.Other(block.Linear, other, otherLane, block.Warps[other].InstructionOf(AccessRecord.Ticket(record))));
    }

    private void ReportRemote(Warp warp, int lane, int offset, Touch touch, ThreadBlock party, int other, uint record, Touch before)
    {
        var otherLane = record == AccessRecord.InFlight || AccessRecord.Lane(record) == AccessRecord.SeveralLanes ? -1 : (int)AccessRecord.Lane(record);
        warp.Find(
            FindingKind.Race,
            lane,
            () => $"{Wording.Of(touch)} shared byte {block.DescribeShared(offset)} of block {block.Index} that block {party.Index} {Wording.Past(before)} without a barrier of the cluster between",
            (ulong)offset + Warp.SharedBase,
            new FindingList.Other(party.Linear, other, otherLane, record == AccessRecord.InFlight ? -1 : party.Warps[other].InstructionOf(AccessRecord.Ticket(record))));
    }
}
