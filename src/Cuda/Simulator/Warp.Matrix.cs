using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Ptx.Layouts;

namespace Stof.Reference.Cuda.Simulator;

/// <summary>What the elements of a matrix operand are.</summary>
internal enum MatrixElement
{
    /// <summary>Halves.</summary>
    F16,

    /// <summary>bfloat16.</summary>
    BF16,

    /// <summary>Floats whose low 13 bits do not count.</summary>
    Tf32,
}

/// <summary>A fragment layout as the simulator reads it: for lane, register, element the index in the matrix row by row.</summary>
internal sealed class FragmentTable
{
    public FragmentTable(FragmentLayout layout)
    {
        Layout = layout;
        Places = new int[Warp.Lanes * layout.Registers * layout.Elements];
        for (var i = 0; i < Places.Length; i++)
        {
            var (row, column) = layout.Place(
                i / layout.Elements % Warp.Lanes, i / layout.Elements / Warp.Lanes, i % layout.Elements);
            Places[i] = (row * layout.Columns) + column;
        }
    }

    public FragmentLayout Layout { get; }

    /// <summary>Index (register · 32 + lane) · elements + element.</summary>
    public int[] Places { get; }
}

/// <content>Matrix instructions.</content>
internal sealed partial class Warp
{
    private const int MatrixRows = 8;
    private const int MatrixRowBytes = 16;

    private readonly double[] _a = new double[16 * 16];
    private readonly double[] _b = new double[16 * 8];
    private readonly double[] _c = new double[16 * 8];

    /// <summary><c>mma.sync</c>: D, A, B, C.</summary>
    public void MultiplyMatrices(Instruction instruction, FragmentTable a, FragmentTable b, FragmentTable c, MatrixElement element)
    {
        var accumulators = c.Layout.Registers;
        var next = accumulators;
        Gather(instruction, next, a, element, _a);
        next += a.Layout.Registers;
        Gather(instruction, next, b, element, _b);
        next += b.Layout.Registers;
        if (c.Layout.Elements == 2)
        {
            Gather(instruction, next, c, MatrixElement.F16, _c);
        }
        else
        {
            for (var i = 0; i < c.Places.Length; i++)
            {
                _c[c.Places[i]] = BitConverter.UInt32BitsToSingle(Words(instruction.Operands[next + (i / Lanes)])[i % Lanes]);
            }
        }

        MmaArithmetic.MultiplyAdd(_a, _b, _c, a.Layout.Columns);
        for (var register = 0; register < accumulators; register++)
        {
            var d = WordsOf(instruction.Operands[register]);
            for (var lane = 0; lane < Lanes; lane++)
            {
                var place = c.Places.AsSpan(((register * Lanes) + lane) * c.Layout.Elements, c.Layout.Elements);
                d[lane] = place.Length == 1
                    ? MmaArithmetic.RoundToFloat(_c[place[0]])
                    : MmaArithmetic.RoundToHalf(_c[place[0]]) | ((uint)MmaArithmetic.RoundToHalf(_c[place[1]]) << 16);
            }
        }

        _block.Counters.TensorFlops += 2L * a.Layout.Rows * a.Layout.Columns * b.Layout.Columns;
    }

    /// <summary><c>ldmatrix</c>: all lanes read all rows.</summary>
    public void LoadMatrices(Instruction instruction, int count, FragmentTable layout)
    {
        BeginAccess();
        Span<ushort> matrix = stackalloc ushort[MatrixRows * MatrixRows];
        var addresses = Words(instruction.Operands[count]);
        CountShared(addresses, (uint)instruction.Offset, LanesOfRows(count), MatrixRowBytes);
        for (var i = 0; i < count; i++)
        {
            for (var row = 0; row < MatrixRows; row++)
            {
                var lane = (MatrixRows * i) + row;
                var elements = matrix.Slice(row * MatrixRows, MatrixRows);
                if (!FindShared(lane, addresses[lane] + (uint)instruction.Offset, MatrixRowBytes, out var offset))
                {
                    elements.Clear();
                    continue;
                }

                ReadShared(lane, offset, MatrixRowBytes, (int)AccessRecord.SeveralLanes);
                MemoryMarshal.Cast<byte, ushort>(_block.Shared.AsSpan(offset, MatrixRowBytes)).CopyTo(elements);
            }

            var d = WordsOf(instruction.Operands[i]);
            for (var lane = 0; lane < Lanes; lane++)
            {
                d[lane] = matrix[layout.Places[2 * lane]] | ((uint)matrix[layout.Places[(2 * lane) + 1]] << 16);
            }
        }
    }

    /// <summary><c>stmatrix</c>.</summary>
    public void StoreMatrices(Instruction instruction, int count, FragmentTable layout)
    {
        BeginAccess();
        Span<byte> matrix = stackalloc byte[MatrixRows * MatrixRowBytes];
        var addresses = Words(instruction.Operands[0]);
        CountShared(addresses, (uint)instruction.Offset, LanesOfRows(count), MatrixRowBytes);
        for (var i = 0; i < count; i++)
        {
            var values = Words(instruction.Operands[1 + i]);
            for (var lane = 0; lane < Lanes; lane++)
            {
                BinaryPrimitives.WriteUInt16LittleEndian(matrix[(2 * layout.Places[2 * lane])..], (ushort)values[lane]);
                BinaryPrimitives.WriteUInt16LittleEndian(matrix[(2 * layout.Places[(2 * lane) + 1])..], (ushort)(values[lane] >> 16));
            }

            for (var row = 0; row < MatrixRows; row++)
            {
                var lane = (MatrixRows * i) + row;
                if (FindShared(lane, addresses[lane] + (uint)instruction.Offset, MatrixRowBytes, out var offset))
                {
                    WriteShared(lane, offset, matrix.Slice(row * MatrixRowBytes, MatrixRowBytes), (int)AccessRecord.SeveralLanes);
                }
            }
        }
    }

    private static uint LanesOfRows(int count) => count == 4 ? uint.MaxValue : (1u << (MatrixRows * count)) - 1;

    private void Gather(Instruction instruction, int first, FragmentTable table, MatrixElement element, double[] matrix)
    {
        var next = 0;
        for (var register = 0; register < table.Layout.Registers; register++)
        {
            var words = Words(instruction.Operands[first + register]);
            for (var lane = 0; lane < Lanes; lane++)
            {
                var word = words[lane];
                switch (element)
                {
                    case MatrixElement.F16:
                        matrix[table.Places[next++]] = MmaArithmetic.Half((ushort)word);
                        matrix[table.Places[next++]] = MmaArithmetic.Half((ushort)(word >> 16));
                        break;
                    case MatrixElement.BF16:
                        matrix[table.Places[next++]] = MmaArithmetic.BFloat((ushort)word);
                        matrix[table.Places[next++]] = MmaArithmetic.BFloat((ushort)(word >> 16));
                        break;
                    default:
                        matrix[table.Places[next++]] = MmaArithmetic.Tf32(word);
                        break;
                }
            }
        }
    }
}
