using System.Numerics;
using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Simulator;

/// <content>Global memory.</content>
internal sealed partial class Warp
{
    private const ulong SectorBytes = 32;
    private const ulong NullBytes = 1 << 20;

    /// <summary><c>ld.global</c>, through the read-only cache or not.</summary>
    public void LoadGlobal(Instruction instruction, uint lanes, int size, int count, bool isReadOnly)
    {
        BeginAccess();
        var addresses = LongWords(instruction.Operands[count]);
        var bytes = size * count;
        CountGlobal(addresses, (ulong)instruction.Offset, lanes, bytes, isWrite: false);
        for (var left = lanes; left != 0; left &= left - 1)
        {
            var lane = BitOperations.TrailingZeroCount(left);
            var address = addresses[lane] + (ulong)instruction.Offset;
            if (!FindGlobal(lane, address, bytes, out var allocation, out var offset))
            {
                SetRegisters(instruction, 0, lane, size, count, default);
                continue;
            }

            ReadGlobal(lane, address, allocation, offset, bytes, isReadOnly);
            SetRegisters(instruction, 0, lane, size, count, allocation.Data.AsSpan(offset, bytes));
        }
    }

    /// <summary><c>st.global</c>.</summary>
    public void StoreGlobal(Instruction instruction, uint lanes, int size, int count)
    {
        BeginAccess();
        Span<byte> values = stackalloc byte[MaximumAccessBytes];
        var addresses = LongWords(instruction.Operands[0]);
        var bytes = size * count;
        CountGlobal(addresses, (ulong)instruction.Offset, lanes, bytes, isWrite: true);
        for (var left = lanes; left != 0; left &= left - 1)
        {
            var lane = BitOperations.TrailingZeroCount(left);
            var address = addresses[lane] + (ulong)instruction.Offset;
            if (!FindGlobal(lane, address, bytes, out var allocation, out var offset))
            {
                continue;
            }

            GetRegisters(instruction, 1, lane, size, count, values);
            _recorder?.Touch(lane, "global", address, bytes, isWrite: true);
            _block.GlobalShadow.Note(this, lane, SimulatedDevice.NumberOf(address), allocation, offset, bytes, Touch.Write, values[..bytes]);
            values[..bytes].CopyTo(allocation.Data.AsSpan(offset));
            allocation.Written.AsSpan(offset, bytes).Fill(1);
        }
    }

    /// <summary><c>prefetch.global</c>: nothing but the check of the address.</summary>
    public void PrefetchGlobal(Instruction instruction, uint lanes)
    {
        var addresses = LongWords(instruction.Operands[0]);
        for (var left = lanes; left != 0; left &= left - 1)
        {
            var lane = BitOperations.TrailingZeroCount(left);
            FindGlobal(lane, addresses[lane] + (ulong)instruction.Offset, 1, out _, out _);
        }
    }

    /// <summary>Checks and notes that a lane reads.</summary>
    private void ReadGlobal(int lane, ulong address, Allocation allocation, int offset, int bytes, bool isReadOnly)
    {
        _recorder?.Touch(lane, "global", address, bytes, isWrite: false);
        CheckWritten(lane, address, allocation, offset, bytes);
        _block.GlobalShadow.Note(this, lane, SimulatedDevice.NumberOf(address), allocation, offset, bytes, Touch.Read, default, isReadOnly);
    }

    private void CheckWritten(int lane, ulong address, Allocation allocation, int offset, int bytes)
    {
        if (allocation.Written.AsSpan(offset, bytes).Contains((byte)0))
        {
            ReportUnwritten(lane, address, allocation, offset, bytes);
        }
    }

    private void ReportUnwritten(int lane, ulong address, Allocation allocation, int offset, int bytes) => Find(
        FindingKind.UninitialisedMemory,
        lane,
        () => $"reads {bytes} bytes at 0x{address:x} (byte {offset} of {allocation}) that nothing has written",
        address);

    private bool FindGlobal(int lane, ulong address, int bytes, out Allocation allocation, out int offset, bool isAlignmentChecked = true)
    {
        var window = _block.Launch.Device.WindowOf(address);
        if (window is { IsFreed: false } && address >= window.Address && address - window.Address + (ulong)bytes <= (ulong)window.Bytes
            && (!isAlignmentChecked || (address & (ulong)(bytes - 1)) == 0))
        {
            allocation = window;
            offset = (int)(address - window.Address);
            return true;
        }

        ReportGlobal(lane, address, bytes, window);
        allocation = null!;
        offset = 0;
        return false;
    }

    private void ReportGlobal(int lane, ulong address, int bytes, Allocation? window)
    {
        if (address < NullBytes)
        {
            Find(FindingKind.NullPointer, lane, () => $"{bytes} bytes at address 0x{address:x}", address);
        }
        else if (window is null || address < window.Address || address - window.Address + (ulong)bytes > (ulong)window.Bytes)
        {
            Find(
                FindingKind.OutOfBounds,
                lane,
                () => window is null
                    ? $"{bytes} bytes at 0x{address:x} are in no allocation"
                    : $"{bytes} bytes at 0x{address:x} are at byte {(long)(address - window.Address)} of {window}",
                address);
        }
        else if (window.IsFreed)
        {
            Find(FindingKind.FreedMemory, lane, () => $"{bytes} bytes at 0x{address:x} are in {window}, which was freed", address);
        }
        else
        {
            IsAligned(lane, address, bytes, "global");
        }
    }

    /// <summary>Counts the 32-byte sectors that an access of the warp touches.</summary>
    private void CountGlobal(ReadOnlySpan<ulong> addresses, ulong offset, uint lanes, int bytes, bool isWrite)
    {
        Span<ulong> sectors = stackalloc ulong[Lanes];
        var count = 0;
        var isAscending = true;
        for (var left = lanes; left != 0; left &= left - 1)
        {
            var sector = (addresses[BitOperations.TrailingZeroCount(left)] + offset) / SectorBytes;
            if (count > 0 && sectors[count - 1] == sector)
            {
                continue;
            }

            isAscending &= count == 0 || sectors[count - 1] < sector;
            sectors[count++] = sector;
        }

        if (!isAscending)
        {
            var sorted = sectors[..count];
            sorted.Sort();
            var kept = 1;
            for (var i = 1; i < count; i++)
            {
                if (sorted[i] != sorted[kept - 1])
                {
                    sorted[kept++] = sorted[i];
                }
            }

            count = kept;
        }

        var counters = _block.Counters;
        if (isWrite)
        {
            counters.GlobalStoreSectors += count;
            counters.GlobalStoreBytes += (long)bytes * BitOperations.PopCount(lanes);
        }
        else
        {
            counters.GlobalLoadSectors += count;
            counters.GlobalLoadBytes += (long)bytes * BitOperations.PopCount(lanes);
        }
    }
}
