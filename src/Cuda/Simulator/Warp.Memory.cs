using System.Buffers.Binary;
using System.Numerics;
using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Simulator;

/// <content>What loads and stores of all kinds share.</content>
internal sealed partial class Warp
{
    private const int MaximumAccessBytes = 16;

    private readonly LocalMemory _local;

    /// <summary>Takes the address of a local array.</summary>
    public void LocalAddress(Instruction instruction, uint lanes)
    {
        var d = LongWordsOf(instruction.Operands[0]);
        for (var left = lanes; left != 0; left &= left - 1)
        {
            d[BitOperations.TrailingZeroCount(left)] = _local.AddressOf(instruction.LocalArray!);
        }
    }

    /// <summary><c>ld.local</c>.</summary>
    public void LoadLocal(Instruction instruction, uint lanes, int size, int count)
    {
        var addresses = LongWords(instruction.Operands[count]);
        for (var left = lanes; left != 0; left &= left - 1)
        {
            var lane = BitOperations.TrailingZeroCount(left);
            var address = addresses[lane] + (ulong)instruction.Offset;
            if (!FindLocal(lane, address, size * count, out var data, out var written))
            {
                SetRegisters(instruction, 0, lane, size, count, default);
                continue;
            }

            if (written.Span.Contains(false))
            {
                ReportLocalUnwritten(lane, address, size * count);
            }

            _recorder?.Touch(lane, "local", address, size * count, isWrite: false);
            SetRegisters(instruction, 0, lane, size, count, data.Span);
        }
    }

    /// <summary><c>st.local</c>.</summary>
    public void StoreLocal(Instruction instruction, uint lanes, int size, int count)
    {
        Span<byte> values = stackalloc byte[MaximumAccessBytes];
        var addresses = LongWords(instruction.Operands[0]);
        for (var left = lanes; left != 0; left &= left - 1)
        {
            var lane = BitOperations.TrailingZeroCount(left);
            var address = addresses[lane] + (ulong)instruction.Offset;
            if (FindLocal(lane, address, size * count, out var data, out var written))
            {
                _recorder?.Touch(lane, "local", address, size * count, isWrite: true);
                GetRegisters(instruction, 1, lane, size, count, values);
                values[..(size * count)].CopyTo(data.Span);
                written.Span.Fill(true);
            }
        }
    }

    private bool FindLocal(int lane, ulong address, int bytes, out Memory<byte> data, out Memory<bool> written)
    {
        (data, written) = (default, default);
        var array = _local.WindowOf(address);
        var offset = array is null ? 0 : address - _local.AddressOf(array);
        if (array is null || offset + (ulong)bytes > (ulong)array.Bytes)
        {
            ReportLocalBounds(lane, address, bytes, array);
            return false;
        }

        if (!IsAligned(lane, address, bytes, "local"))
        {
            return false;
        }

        (data, written) = _local.At(array, address, lane, bytes);
        return true;
    }

    private void ReportLocalUnwritten(int lane, ulong address, int bytes) => Find(
        FindingKind.UninitialisedMemory, lane, () => $"reads {bytes} bytes at local address 0x{address:x} that nothing has written", address);

    private void ReportLocalBounds(int lane, ulong address, int bytes, LocalArray? array) => Find(
        FindingKind.OutOfBounds,
        lane,
        () => array is null
            ? $"{bytes} bytes at local address 0x{address:x} are in no local array"
            : $"{bytes} bytes at byte {address - _local.AddressOf(array)} of local array {array.Name}, which has {array.Bytes}",
        address);

    private bool IsAligned(int lane, ulong address, int bytes, string space)
    {
        if ((address & (ulong)(bytes - 1)) == 0)
        {
            return true;
        }

        ReportMisaligned(lane, address, bytes, space);
        return false;
    }

    private void ReportMisaligned(int lane, ulong address, int bytes, string space) => Find(
        FindingKind.Misaligned, lane, () => $"{bytes} bytes at {space} address 0x{address:x}, which is no multiple of {bytes}", address);

    /// <summary>Writes consecutive registers of a lane from memory; without memory they become 0.</summary>
    private void SetRegisters(Instruction instruction, int first, int lane, int size, int count, ReadOnlySpan<byte> data)
    {
        for (var i = 0; i < count; i++)
        {
            var value = data.IsEmpty
                ? 0
                : size switch
                {
                    1 => data[i],
                    2 => BinaryPrimitives.ReadUInt16LittleEndian(data[(2 * i)..]),
                    4 => BinaryPrimitives.ReadUInt32LittleEndian(data[(4 * i)..]),
                    _ => BinaryPrimitives.ReadUInt64LittleEndian(data[(8 * i)..]),
                };
            var register = instruction.Operands[first + i];
            if (size == 8)
            {
                _longWords[(register.Index * Lanes) + lane] = value;
            }
            else
            {
                _words[(register.Index * Lanes) + lane] = (uint)value;
            }
        }
    }

    /// <summary>Reads consecutive registers of a lane as memory would hold them.</summary>
    private void GetRegisters(Instruction instruction, int first, int lane, int size, int count, Span<byte> data)
    {
        for (var i = 0; i < count; i++)
        {
            var register = instruction.Operands[first + i];
            switch (size)
            {
                case 1:
                    data[i] = (byte)Words(register)[lane];
                    break;
                case 2:
                    BinaryPrimitives.WriteUInt16LittleEndian(data[(2 * i)..], (ushort)Words(register)[lane]);
                    break;
                case 4:
                    BinaryPrimitives.WriteUInt32LittleEndian(data[(4 * i)..], Words(register)[lane]);
                    break;
                default:
                    BinaryPrimitives.WriteUInt64LittleEndian(data[(8 * i)..], LongWords(register)[lane]);
                    break;
            }
        }
    }
}
