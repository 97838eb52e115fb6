using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Simulator;

namespace Stof.Reference.Cuda.Tests.Simulator;

/// <summary>Faults of matrix instructions and of how their operands lie in shared memory. Products are of small integers, so that they are exact.</summary>
internal static class MatrixFaults
{
    public static readonly PlantedFault[] All =
    [
        new() { Name = "wrong fragment row", Write = f => Product(f, (a, b) => f.IsFaulty ? ([a[1], a[0], a[2], a[3]], b) : (a, b)) },
        new() { Name = "wrong fragment column", Write = f => Product(f, (a, b) => f.IsFaulty ? ([a[0], a[2], a[1], a[3]], b) : (a, b)) },
        new() { Name = "swapped operands", Write = f => Product(f, (a, b) => f.IsFaulty ? (a, [b[1], b[0]]) : (a, b)) },
        new() { Name = "matrix not transposed", Write = f => Product(f, (a, b) => (a, b), isTransposed: !f.IsFaulty) },
        new() { Name = "wrong swizzle", Write = f => Product(f, (a, b) => (a, b), shiftOfLoad: f.IsFaulty ? 1 : 0) },
        new() { Name = "missing swizzle", Write = Conflicts },
        new()
        {
            Name = "missing sync before ldmatrix",
            Kind = FindingKind.Race,
            Write = f =>
            {
                var tile = f.K.AddressOf(f.K.Shared("tile", 512));
                var thread = f.K.ThreadX();
                f.K.StoreSharedVector<B32>(f.At(tile, thread, 16), [thread, thread, thread, thread]);
                if (!f.IsFaulty)
                {
                    f.K.WarpSync();
                }

                f.Mark().K.LoadMatrix(f.At(tile, thread, 16), 4);
            },
        },
        new()
        {
            Name = "matrix product in a branch",
            Kind = FindingKind.LanesMissing,
            Write = f =>
            {
                var word = f.K.Copy<B32>(0x3c003c00);
                F32[] sums = [f.K.Copy<F32>(0f), f.K.Copy<F32>(0f), f.K.Copy<F32>(0f), f.K.Copy<F32>(0f)];
                f.K.If(f.K.CompareU32(Comparison.Less, f.K.LaneId(), f.IsFaulty ? 31 : 32), () =>
                {
                    f.Mark().K.MmaF16(sums, [word, word, word, word], [word, word]);
                });
            },
        },
        new()
        {
            Name = "misaligned matrix row",
            Kind = FindingKind.Misaligned,
            Write = f =>
            {
                var tile = f.K.AddressOf(f.K.Shared("tile", 1024));
                var thread = f.K.ThreadX();
                f.K.StoreSharedVector<B32>(f.At(tile, thread, 16), [thread, thread, thread, thread]);
                f.K.StoreSharedVector<B32>(f.At(tile, thread, 16) + 512, [thread, thread, thread, thread]);
                f.K.WarpSync();
                f.Mark().K.LoadMatrix(f.At(tile, thread, f.IsFaulty ? 24 : 32), 4);
            },
        },
    ];

    /// <summary>
    /// C = A·B with A[r,k] = r + 2k and B[k,n] = k − n (halves), by ldmatrix and one mma. B lies row by row in shared memory, so that its fragments need
    /// a transposed load.
    /// </summary>
    private static void Product(FaultCase f, Func<B32[], B32[], (B32[] A, B32[] B)> change, bool isTransposed = true, int shiftOfLoad = 0)
    {
        var k = f.K;
        var left = f.Device.Allocate<Half>([.. Enumerable.Range(0, 256).Select(i => (Half)((i / 16) + (2 * (i % 16))))], "a");
        var right = f.Device.Allocate<Half>([.. Enumerable.Range(0, 128).Select(i => (Half)((i / 8) - (i % 8)))], "b");
        var (a, b, c) = (f.Address("a", left), f.Address("b", right), f.Output("c", 512, out var result));
        var (tileA, tileB) = (k.AddressOf(k.Shared("tile a", 1024, 1024)), k.AddressOf(k.Shared("tile b", 256)));
        var thread = k.ThreadX();

        // 16 rows of 32 bytes at a pitch of 64, the two 16-byte units of odd rows exchanged.
        var (row, unit) = (k.ShrU32(thread, 1), k.And(thread, 1));
        k.StoreSharedVector<B32>(Unit(k, tileA, row, unit, 0), k.LoadGlobalVector<B32>(f.At(a, thread, 16), 4));
        using (k.When(k.CompareU32(Comparison.Less, thread, 16)))
        {
            k.StoreSharedVector<B32>(f.At(tileB, thread, 16), k.LoadGlobalVector<B32>(f.At(b, thread, 16), 4));
        }

        k.WarpSync();
        var fragmentA = k.LoadMatrix(Unit(k, tileA, k.And(thread, 15), k.ShrU32(thread, 4), shiftOfLoad), 4);
        var fragmentB = k.LoadMatrix(f.At(tileB, k.And(thread, 15), 16), 2, isTransposed);
        (fragmentA, fragmentB) = change(fragmentA, fragmentB);
        var sums = k.MmaF16Sum(fragmentA, fragmentB, [0f, 0f, 0f, 0f]);
        var at = k.Add(k.MulLo(k.ShrU32(thread, 2), 32), k.MulLo(k.And(thread, 3), 8));
        k.StoreGlobalVector<F32>(new GlobalPointer(k.MadWideU32(at, 1, c.Base)), sums.AsSpan(0, 2));
        k.StoreGlobalVector<F32>(new GlobalPointer(k.MadWideU32(at, 1, c.Base), 256), sums.AsSpan(2, 2));
        f.Expect(result, 128, i => Enumerable.Range(0, 16).Sum(j => ((i / 8) + (2 * j)) * (j - (i % 8))));
    }

    private static SharedPointer Unit(KernelBuilder k, SharedPointer tile, B32 row, B32 unit, int shift) =>
        new(k.Mad(row, 64, k.Mad(k.Xor(unit, k.And(k.ShrU32(row, shift), 1)), 16, tile.Base)));

    /// <summary>Eight rows of 128 bytes read by columns of 16 bytes: without a swizzle all rows want the same banks.</summary>
    private static void Conflicts(FaultCase f)
    {
        var k = f.K;
        var tile = k.AddressOf(k.Shared("tile", 1024, 128));
        var thread = k.ThreadX();
        for (var half = 0; half < 2; half++)
        {
            k.StoreSharedVector<B32>(f.At(tile, thread, 16) + (512 * half), [thread, thread, thread, thread]);
        }

        k.WarpSync();
        var row = k.And(thread, 7);
        var unit = f.IsFaulty ? k.ShrU32(thread, 3) : k.Xor(k.ShrU32(thread, 3), row);
        k.LoadMatrix(new SharedPointer(k.Mad(row, 128, k.Mad(unit, 16, tile.Base))), 4);
        f.Check = report => report.Counters.SharedConflicts == 0 ? null : $"{report.Counters.SharedConflicts} cycles of bank conflicts";
    }
}
