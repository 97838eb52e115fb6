using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Tests.Simulator;

/// <summary>
/// Matrix instructions. Fragments are filled by the formulas of the PTX ISA, written down here a second time; values are small integers, so that every
/// order of summation gives the same bits.
/// </summary>
internal static class MatrixSemantics
{
    public static IEnumerable<SemanticsCase> All() =>
    [
        .. new[] { 1, 2, 4 }.SelectMany(count => new[] { false, true }.SelectMany(isTransposed => new[]
        {
            new SemanticsCase { Name = $"load of {count} matrices{(isTransposed ? ", transposed" : "")}", Write = c => Load(c, count, isTransposed) },
            new SemanticsCase { Name = $"store of {count} matrices{(isTransposed ? ", transposed" : "")}", Write = c => Store(c, count, isTransposed) },
        })),
        .. new[] { 8, 16 }.SelectMany(k => new[]
        {
            new SemanticsCase { Name = $"product of halves, k {k}", Write = c => Product(c, k, Kind.F16) },
            new SemanticsCase { Name = $"product of bfloat16, k {k}", Write = c => Product(c, k, Kind.BF16) },
            new SemanticsCase { Name = $"product of halves with half sums, k {k}", Write = c => Product(c, k, Kind.HalfSums) },
        }),
        new() { Name = "product of TF32", Write = c => Product(c, 8, Kind.Tf32) },
    ];

    private static ushort Element(int matrix, int row, int column) => (ushort)((matrix * 1000) + (row * 10) + column);

    private static uint[] Fragment(int matrix, bool isTransposed) =>
    [
        .. Enumerable.Range(0, 32).Select(lane =>
        {
            var (row, column) = (lane >> 2, (lane & 3) << 1);
            return isTransposed
                ? Element(matrix, column, row) | ((uint)Element(matrix, column + 1, row) << 16)
                : Element(matrix, row, column) | ((uint)Element(matrix, row, column + 1) << 16);
        }),
    ];

    private static ushort[] Rows(int count) =>
        [.. Enumerable.Range(0, count * 64).Select(i => Element(i / 64, i / 8 % 8, i % 8))];

    private static void Load(SemanticsCase c, int count, bool isTransposed)
    {
        var x = c.Input("x", Rows(4));
        var y = c.Output("y", Enumerable.Range(0, count).SelectMany(matrix => Fragment(matrix, isTransposed)).ToArray());
        var lane = c.K.LaneId();
        var tile = c.K.AddressOf(c.K.Shared("tile", 512));
        c.K.StoreSharedVector<B32>(c.At(tile, lane, 16), c.K.LoadGlobalVector<B32>(c.At(x, lane, 16), 4));
        c.K.WarpSync();
        var matrices = c.K.LoadMatrix(c.At(tile, lane, 16), count, isTransposed);
        for (var i = 0; i < count; i++)
        {
            c.K.StoreGlobal(c.At(y, lane, 4) + (128 * i), matrices[i]);
        }
    }

    private static void Store(SemanticsCase c, int count, bool isTransposed)
    {
        var x = c.Input("x", Enumerable.Range(0, count).SelectMany(matrix => Fragment(matrix, isTransposed)).ToArray());
        var y = c.Output("y", Rows(count));
        var lane = c.K.LaneId();
        var tile = c.K.AddressOf(c.K.Shared("tile", 512));
        B32[] matrices = [.. Enumerable.Range(0, count).Select(i => c.K.LoadGlobal<B32>(c.At(x, lane, 4) + (128 * i)))];
        c.K.StoreMatrix<B32>(c.At(tile, lane, 16), matrices, isTransposed);
        c.K.WarpSync();
        for (var i = 0; i < count; i++)
        {
            c.K.StoreGlobal(c.At(y, lane, 4) + (128 * i), c.K.LoadShared<B32>(c.At(tile, lane, 4) + (128 * i)));
        }
    }

    private static void Product(SemanticsCase c, int k, Kind kind)
    {
        int A(int row, int column) => ((row * 3) + (column * 5)) % 7 - 3;
        int B(int row, int column) => ((row * 2) + (column * 11)) % 5 - 2;
        int C(int row, int column) => row - column;
        int D(int row, int column) => C(row, column) + Enumerable.Range(0, k).Sum(i => A(row, i) * B(i, column));

        var perRegister = kind == Kind.Tf32 ? 1 : 2;
        uint Pack(Func<int, int> value) => kind switch
        {
            Kind.Tf32 => BitConverter.SingleToUInt32Bits(value(0)) | 0x1fff, // low bits that must not count
            Kind.BF16 => (BitConverter.SingleToUInt32Bits(value(0)) >> 16) | (BitConverter.SingleToUInt32Bits(value(1)) & 0xffff0000),
            _ => PackHalves(value(0), value(1)),
        };
        var registersOfA = k * 16 / 32 / perRegister;
        var registersOfB = k * 8 / 32 / perRegister;
        var a = Words(registersOfA, (lane, register) => Pack(element => kind == Kind.Tf32
            ? A((lane >> 2) + (8 * (register % 2)), (lane & 3) + (4 * (register / 2)))
            : A((lane >> 2) + (8 * (register % 2)), ((lane & 3) * 2) + element + (8 * (register / 2)))));
        var b = Words(registersOfB, (lane, register) => Pack(element => kind == Kind.Tf32
            ? B((lane & 3) + (4 * register), lane >> 2)
            : B(((lane & 3) * 2) + element + (8 * register), lane >> 2)));
        uint[] Sums(Func<int, int, int> value) => kind == Kind.HalfSums
            ? Words(2, (lane, register) => PackHalves(value((lane >> 2) + (8 * register), (lane & 3) * 2), value((lane >> 2) + (8 * register), ((lane & 3) * 2) + 1)))
            : Words(4, (lane, register) => BitConverter.SingleToUInt32Bits(value((lane >> 2) + (register < 2 ? 0 : 8), ((lane & 3) * 2) + (register & 1))));

        var (left, right, before) = (c.Input("a", a), c.Input("b", b), c.Input("c", Sums(C)));
        var after = c.Output("d", Sums(D));
        var fresh = c.Output("e", Sums(D));
        var lanes = c.K.LaneId();
        B32[] Registers(GlobalPointer from, int count) => [.. Enumerable.Range(0, count).Select(i => c.K.LoadGlobal<B32>(c.At(from, lanes, 4) + (128 * i)))];
        var (fragmentA, fragmentB) = (Registers(left, registersOfA), Registers(right, registersOfB));
        var sums = Registers(before, kind == Kind.HalfSums ? 2 : 4);
        if (kind == Kind.HalfSums)
        {
            F16x2[] accumulators = [.. sums.Select(word => c.K.HalvesOf(word))];
            c.K.MmaF16(accumulators, fragmentA, fragmentB);
            Write(after, accumulators);
            Write(fresh, accumulators);
            return;
        }

        F32[] floats = [.. sums.Select(word => c.K.Copy(c.K.FloatOf(word)))];
        switch (kind)
        {
            case Kind.F16:
                Write(fresh, c.K.MmaF16Sum(fragmentA, fragmentB, floats));
                c.K.MmaF16(floats, fragmentA, fragmentB);
                break;
            case Kind.BF16:
                Write(fresh, c.K.MmaBF16Sum(fragmentA, fragmentB, floats));
                c.K.MmaBF16(floats, fragmentA, fragmentB);
                break;
            default:
                c.K.MmaTf32(floats, fragmentA, fragmentB);
                Write(fresh, floats);
                break;
        }

        Write(after, floats);

        void Write<T>(GlobalPointer to, T[] values)
            where T : struct, IValue<T>
        {
            for (var i = 0; i < values.Length; i++)
            {
                c.K.StoreGlobal(c.At(to, lanes, 4) + (128 * i), values[i]);
            }
        }
    }

    private static uint PackHalves(int low, int high) => BitConverter.HalfToUInt16Bits((Half)low) | ((uint)BitConverter.HalfToUInt16Bits((Half)high) << 16);

    private static uint[] Words(int registers, Func<int, int, uint> word) =>
        [.. Enumerable.Range(0, registers * 32).Select(i => word(i % 32, i / 32))];

    private enum Kind
    {
        F16,
        BF16,
        HalfSums,
        Tf32,
    }
}
