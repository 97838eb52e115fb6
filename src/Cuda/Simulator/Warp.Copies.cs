using System.Numerics;
using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Simulator;

/// <content>
/// Asynchronous copies. A copy takes its bytes when it is issued and gives them when its lane waits for its group, the latest time that the ISA
/// allows; in between the destination may not be touched and the source must not change.
/// </content>
internal sealed partial class Warp
{
    private readonly List<Copy> _copies = [];
    private readonly int[] _groups = new int[Lanes];

    /// <summary>Issues a copy in each lane.</summary>
    /// <param name="instruction">Shared address, global address and, with a source size, that.</param>
    /// <param name="lanes">Lanes.</param>
    /// <param name="bytes">Bytes that are written: 4, 8 or 16.</param>
    /// <param name="hasSourceBytes">True if a register says how many bytes are read; the rest become 0.</param>
    public void IssueCopy(Instruction instruction, uint lanes, int bytes, bool hasSourceBytes)
    {
        BeginAccess();
        var shared = Words(instruction.Operands[0]);
        var global = LongWords(instruction.Operands[1]);
        CountGlobal(global, (ulong)instruction.SourceOffset, lanes, bytes, isWrite: false);
        CountShared(shared, (uint)instruction.Offset, lanes, bytes);
        for (var left = lanes; left != 0; left &= left - 1)
        {
            var lane = BitOperations.TrailingZeroCount(left);
            var from = global[lane] + (ulong)instruction.SourceOffset;
            var read = hasSourceBytes ? (int)Words(instruction.Operands[3])[lane] : bytes;
            if (read < 0 || read > bytes)
            {
                ReportSourceBytes(lane, read, bytes);
                continue;
            }

            if (!FindShared(lane, shared[lane] + (uint)instruction.Offset, bytes, out var offset))
            {
                continue;
            }

            var copy = new Copy(lane, _groups[lane], CurrentInstruction, offset, bytes, from, read);
            if (read > 0)
            {
                if (!FindCopySource(lane, from, bytes, read, out var allocation, out var source))
                {
                    continue;
                }

                ReadGlobal(lane, from, allocation, source, read, isReadOnly: false);
                allocation.Data.AsSpan(source, read).CopyTo(copy.Bytes);
            }

            _recorder?.Touch(lane, "shared", SharedBase + (ulong)offset, bytes, isWrite: true);
            _block.SharedShadow.StartCopy(this, lane, offset, bytes, CurrentInstruction);
            _block.Counters.AsyncCopyBytes += bytes;
            _copies.Add(copy);
        }
    }

    /// <summary>Closes each lane's group.</summary>
    public void CommitCopies(uint lanes)
    {
        for (var left = lanes; left != 0; left &= left - 1)
        {
            _groups[BitOperations.TrailingZeroCount(left)]++;
        }
    }

    /// <summary>Each lane waits until so many of its newest groups are pending at most.</summary>
    public void WaitForCopies(uint lanes, int pending)
    {
        BeginAccess();
        var kept = 0;
        for (var i = 0; i < _copies.Count; i++)
        {
            var copy = _copies[i];
            if ((lanes >> copy.Lane & 1) != 0 && copy.Group < _groups[copy.Lane] - pending)
            {
                Complete(copy);
            }
            else
            {
                _copies[kept++] = copy;
            }
        }

        _copies.RemoveRange(kept, _copies.Count - kept);
    }

    /// <summary>Reports a touch of a byte that a copy is under way to.</summary>
    public void FindCopyInFlight(int lane, int offset, int warp, int instruction, Touch touch) => Find(
        FindingKind.CopyInFlight,
        lane,
        () => $"{Wording.Of(touch)} shared byte {_block.DescribeShared(offset)} before the wait for the copy to it",
        SharedBase + (ulong)offset,
        new FindingList.Other(_block.Linear, warp, -1, instruction));

    private void BeginCopies()
    {
        foreach (var copy in _copies)
        {
            _block.SharedShadow.ForgetCopy(copy.Offset, copy.Length);
        }

        _copies.Clear();
        Array.Clear(_groups);
    }

    private void Complete(Copy copy)
    {
        ReadOnlySpan<byte> bytes = copy.Bytes;
        if (copy.SourceBytes > 0 && _block.Launch.Device.WindowOf(copy.From) is { } allocation
            && !allocation.Data.AsSpan((int)(copy.From - allocation.Address), copy.SourceBytes).SequenceEqual(bytes[..copy.SourceBytes]))
        {
            ReportSourceChange(copy);
        }

        bytes[..copy.Length].CopyTo(_block.Shared.AsSpan(copy.Offset));
        _block.SharedShadow.EndCopy(this, copy.Lane, copy.Offset, copy.Length);
    }

    private bool FindCopySource(int lane, ulong from, int bytes, int read, out Allocation allocation, out int offset)
    {
        allocation = null!;
        offset = 0;
        return IsAligned(lane, from, bytes, "global") && FindGlobal(lane, from, read, out allocation, out offset, isAlignmentChecked: false);
    }

    private void ReportSourceBytes(int lane, int read, int bytes) =>
        Find(FindingKind.OutOfBounds, lane, () => $"copies {read} bytes into {bytes}");

    private void ReportSourceChange(Copy copy) => Find(
        FindingKind.CopySourceChanged,
        copy.Lane,
        () => $"the {copy.SourceBytes} bytes at 0x{copy.From:x} changed between the copy and this wait",
        copy.From,
        new FindingList.Other(_block.Linear, Index, copy.Lane, copy.Instruction));

    [System.Runtime.CompilerServices.InlineArray(MaximumAccessBytes)]
    private struct CopyBytes
    {
        private byte _first;
    }

    private struct Copy(int lane, int group, int instruction, int offset, int length, ulong from, int sourceBytes)
    {
        public CopyBytes Bytes;

        public readonly int Lane => lane;

        public readonly int Group => group;

        public readonly int Instruction => instruction;

        public readonly int Offset => offset;

        public readonly int Length => length;

        public readonly ulong From => from;

        public readonly int SourceBytes => sourceBytes;
    }
}
