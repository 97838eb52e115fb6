using System.Numerics;
using System.Runtime.InteropServices;
using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Simulator;

/// <content>Atomic operations. Lanes come one after the other, in their order; the hardware's order is not defined.</content>
internal sealed partial class Warp
{
    /// <summary>An atomic operation on global memory.</summary>
    /// <param name="instruction">Result, address, value (and a second one).</param>
    /// <param name="lanes">Lanes.</param>
    /// <param name="bytes">4 or 8.</param>
    /// <param name="combine">What is stored, from what was there and the values.</param>
    public void ChangeGlobal(Instruction instruction, uint lanes, int bytes, Func<ulong, ulong, ulong, ulong> combine)
    {
        BeginAccess();
        var addresses = LongWords(instruction.Operands[1]);
        CountGlobal(addresses, (ulong)instruction.Offset, lanes, bytes, isWrite: true);
        for (var left = lanes; left != 0; left &= left - 1)
        {
            var lane = BitOperations.TrailingZeroCount(left);
            var address = addresses[lane] + (ulong)instruction.Offset;
            if (!FindGlobal(lane, address, bytes, out var allocation, out var offset))
            {
                SetRegisters(instruction, 0, lane, bytes, 1, default);
                continue;
            }

            CheckWritten(lane, address, allocation, offset, bytes);
            _recorder?.Touch(lane, "global", address, bytes, isWrite: true);
            _block.GlobalShadow.Note(this, lane, SimulatedDevice.NumberOf(address), allocation, offset, bytes, Touch.Atomic, default);
            Change(instruction, lane, allocation.Data.AsSpan(offset, bytes), combine);
        }
    }

    /// <summary>An atomic operation on shared memory.</summary>
    /// <inheritdoc cref="ChangeGlobal"/>
    public void ChangeShared(Instruction instruction, uint lanes, int bytes, Func<ulong, ulong, ulong, ulong> combine)
    {
        BeginAccess();
        var addresses = Words(instruction.Operands[1]);
        CountShared(addresses, (uint)instruction.Offset, lanes, bytes);
        for (var left = lanes; left != 0; left &= left - 1)
        {
            var lane = BitOperations.TrailingZeroCount(left);
            if (!FindShared(lane, addresses[lane] + (uint)instruction.Offset, bytes, out var offset))
            {
                SetRegisters(instruction, 0, lane, bytes, 1, default);
                continue;
            }

            if (!_block.SharedShadow.IsWritten(offset, bytes))
            {
                ReportSharedUnwritten(lane, offset, bytes);
            }

            var data = _block.Shared.AsSpan(offset, bytes);
            _recorder?.Touch(lane, "shared", SharedBase + (ulong)offset, bytes, isWrite: true);
            _block.SharedShadow.Write(this, lane, offset, data, isAtomic: true);
            Change(instruction, lane, data, combine);
        }
    }

    private void Change(Instruction instruction, int lane, Span<byte> data, Func<ulong, ulong, ulong, ulong> combine)
    {
        var old = data.Length == 8 ? MemoryMarshal.Read<ulong>(data) : MemoryMarshal.Read<uint>(data);
        var second = instruction.Operands.Length > 3 ? Value(instruction.Operands[3], lane, data.Length) : 0;
        var changed = combine(old, Value(instruction.Operands[2], lane, data.Length), second);
        SetRegisters(instruction, 0, lane, data.Length, 1, data);
        if (data.Length == 8)
        {
            MemoryMarshal.Write(data, changed);
        }
        else
        {
            MemoryMarshal.Write(data, (uint)changed);
        }
    }

    private ulong Value(Operand operand, int lane, int bytes) => bytes == 8 ? LongWords(operand)[lane] : Words(operand)[lane];
}
