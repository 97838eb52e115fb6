using System.Numerics;
using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Simulator;

/// <content>Shared memory.</content>
internal sealed partial class Warp
{
    /// <summary>Where the block's shared memory begins in the shared window: not at 0, as on devices that keep a part to themselves.</summary>
    public const uint SharedBase = 1024;

    private const int BankBytes = 4;

    /// <summary>Takes the address of a shared array.</summary>
    public void SharedAddress(Instruction instruction, uint lanes) => Broadcast(instruction, lanes, SharedBase + (uint)instruction.SharedArray!.Offset);

    /// <summary><c>ld.shared</c>.</summary>
    public void LoadShared(Instruction instruction, uint lanes, int size, int count)
    {
        BeginAccess();
        var addresses = Words(instruction.Operands[count]);
        var bytes = size * count;
        CountShared(addresses, (uint)instruction.Offset, lanes, bytes);
        for (var left = lanes; left != 0; left &= left - 1)
        {
            var lane = BitOperations.TrailingZeroCount(left);
            if (!FindShared(lane, addresses[lane] + (uint)instruction.Offset, bytes, out var offset))
            {
                SetRegisters(instruction, 0, lane, size, count, default);
                continue;
            }

            ReadShared(lane, offset, bytes);
            SetRegisters(instruction, 0, lane, size, count, _block.Shared.AsSpan(offset, bytes));
        }
    }

    /// <summary><c>st.shared</c>.</summary>
    public void StoreShared(Instruction instruction, uint lanes, int size, int count)
    {
        BeginAccess();
        Span<byte> values = stackalloc byte[MaximumAccessBytes];
        var addresses = Words(instruction.Operands[0]);
        var bytes = size * count;
        CountShared(addresses, (uint)instruction.Offset, lanes, bytes);
        for (var left = lanes; left != 0; left &= left - 1)
        {
            var lane = BitOperations.TrailingZeroCount(left);
            if (FindShared(lane, addresses[lane] + (uint)instruction.Offset, bytes, out var offset))
            {
                GetRegisters(instruction, 1, lane, size, count, values);
                WriteShared(lane, offset, values[..bytes]);
            }
        }
    }

    private void ReadShared(int lane, int offset, int bytes, int reader = -1)
    {
        _recorder?.Touch(lane, "shared", SharedBase + (ulong)offset, bytes, isWrite: false);
        if (!_block.SharedShadow.Read(this, reader < 0 ? lane : reader, offset, bytes))
        {
            ReportSharedUnwritten(lane, offset, bytes);
        }
    }

    private void ReportSharedUnwritten(int lane, int offset, int bytes) => Find(
        FindingKind.UninitialisedMemory,
        lane,
        () => $"reads {bytes} bytes from shared byte {_block.DescribeShared(offset)} that the block has not written",
        SharedBase + (ulong)offset);

    private void WriteShared(int lane, int offset, ReadOnlySpan<byte> values, int writer = -1)
    {
        _recorder?.Touch(lane, "shared", SharedBase + (ulong)offset, values.Length, isWrite: true);
        _block.SharedShadow.Write(this, writer < 0 ? lane : writer, offset, values);
        values.CopyTo(_block.Shared.AsSpan(offset));
    }

    private bool FindShared(int lane, uint address, int bytes, out int offset)
    {
        offset = (int)(address - SharedBase);
        var array = _program[CurrentInstruction].SharedArray;
        var first = array?.Offset ?? 0;
        var length = array?.Bytes ?? _block.Shared.Length;
        if (address < SharedBase || offset < first || offset - first + (long)bytes > length)
        {
            ReportSharedBounds(lane, address, bytes, array);
            return false;
        }

        return IsAligned(lane, address, bytes, "shared");
    }

    private void ReportSharedBounds(int lane, uint address, int bytes, SharedArray? array)
    {
        var at = (long)address - SharedBase - (array?.Offset ?? 0);
        Find(
            FindingKind.OutOfBounds,
            lane,
            () => array is null
                ? $"{bytes} bytes at shared byte {at}, but the block has {_block.Shared.Length}"
                : $"{bytes} bytes at byte {at} of shared array {array.Name}, which has {array.Bytes}",
            address);
    }

    /// <summary>
    /// Counts the cycles that an access takes beyond the least. 32 banks of 4 bytes: lanes of a phase that want different words of a bank wait for each
    /// other. A phase is the whole warp for 4 bytes a lane or less, half of it for 8 and a quarter for 16; aligned wide accesses share all banks or none.
    /// </summary>
    private void CountShared(ReadOnlySpan<uint> addresses, uint offset, uint lanes, int bytes)
    {
        var unit = Math.Max(BankBytes, bytes);
        var phase = Lanes * BankBytes / unit;
        var counters = _block.Counters;
        counters.SharedAccesses++;
        for (var first = 0; first < Lanes; first += phase)
        {
            counters.SharedConflicts += ExtraCycles(addresses.Slice(first, phase), offset, lanes >> first, BitOperations.Log2((uint)unit));
        }
    }

    private static int ExtraCycles(ReadOnlySpan<uint> addresses, uint offset, uint lanes, int shift)
    {
        Span<uint> units = stackalloc uint[Lanes];
        Span<byte> users = stackalloc byte[Lanes];
        users.Clear();
        var count = 0;
        var most = 1;
        for (var lane = 0; lane < addresses.Length; lane++)
        {
            if ((lanes >> lane & 1) == 0)
            {
                continue;
            }

            var unit = (addresses[lane] + offset) >> shift;
            var bank = (int)unit & (addresses.Length - 1);

            // Only units of a bank that others use can be the same.
            if (users[bank] == 0 || !units[..count].Contains(unit))
            {
                units[count++] = unit;
                most = Math.Max(most, ++users[bank]);
            }
        }

        return most - 1;
    }
}
