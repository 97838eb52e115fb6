using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Ptx.Layouts;
using Stof.Reference.Graphs;
using Stof.Reference.Numerics;

namespace Stof.Reference.Cuda.Templates;

/// <summary>
/// Normalises the rows of A where they lie in shared memory, a warp a row: mean, then the squares of what is left, in floats; the result is rounded to the
/// operand's type, as it would be if it had been stored between two kernels.
/// </summary>
internal sealed class RowPrologue(KernelBuilder b, GemmSpec spec, B64 gammas, B64? betas, SharedPointer rows, B32 thread)
{
    private const int WarpLanes = 32;
    private const int UnitWords = RowPitch.Bytes / sizeof(uint);

    private int UnitElements => RowPitch.Bytes / spec.Type.Size();

    private int UnitsPerStep => spec.Tile.DepthBytes / RowPitch.Bytes;

    // Units of a row that a lane holds; those beyond the last are held by nobody.
    private int Units => ((spec.Steps * UnitsPerStep) + WarpLanes - 1) / WarpLanes;

    /// <summary>Normalises all rows of the block's tile; a barrier is behind.</summary>
    public void Normalise()
    {
        var lane = b.And(thread, WarpLanes - 1);
        var columns = Enumerable.Range(0, Units).Select(i => b.MulLo(b.Add(lane, i * WarpLanes), UnitElements)).ToArray();
        var gamma = Vector(gammas, columns);
        var beta = betas is { } address ? Vector(address, columns) : null;
        var row = b.Copy(b.ShrU32(thread, 5));
        b.While(() => b.CompareU32(Comparison.Less, row, spec.Tile.Rows), () =>
        {
            var units = Enumerable.Range(0, Units).Select(i => Unit(row, lane, i)).ToArray();
            F32[] values = [.. units.SelectMany((at, i) => Guarded(columns[i], i, at))];
            var mean = spec.Prologue == NormKind.Layer ? b.Mul(Sum(values), 1f / spec.Depth) : (F32?)null;
            values = [.. values.Select((value, i) => OfRow(mean is { } centre ? b.Sub(value, centre) : value, columns[i / UnitElements], i % UnitElements))];
            var squares = Sum(Array.ConvertAll(values, value => b.Mul(value, value)));
            var scale = b.Rcp(b.Sqrt(b.Fma(squares, 1f / spec.Depth, spec.PrologueEpsilon)));
            for (var i = 0; i < Units; i++)
            {
                var words = new B32[UnitWords];
                for (var word = 0; word < UnitWords; word++)
                {
                    F32 Value(int element)
                    {
                        var place = (i * UnitElements) + element;
                        var scaled = b.Mul(b.Mul(values[place], scale), gamma[place]);
                        return beta is null ? scaled : b.Add(scaled, beta[place]);
                    }

                    words[word] = spec.Type == DType.F32 ? b.Bits(Value(word)) : b.PackPair(spec.Type, Value(2 * word), Value((2 * word) + 1));
                }

                WhereHeld(columns[i], i, () => b.StoreSharedVector<B32>(units[i], words));
            }

            b.Assign(row, b.Add(row, spec.Tile.Warps));
        });
        b.Barrier();
    }

    private SharedPointer Unit(B32 row, B32 lane, int i)
    {
        var unit = b.Add(lane, i * WarpLanes);
        var step = b.DivU32(unit, UnitsPerStep);
        var offset = b.Swizzled(new Swizzle(spec.Tile.DepthBytes), b.Mad(row, spec.Tile.DepthBytes, b.Shl(b.And(unit, UnitsPerStep - 1), 4)));
        return new SharedPointer(b.Add(rows.Base, b.Mad(step, spec.ResidentStepBytes, offset)), rows.Offset);
    }

    private F32[] Guarded(B32 column, int i, SharedPointer at)
    {
        var words = new B32[UnitWords];
        for (var word = 0; word < UnitWords; word++)
        {
            words[word] = b.Copy<B32>(0);
        }

        WhereHeld(column, i, () =>
        {
            foreach (var (register, word) in words.Zip(b.LoadSharedVector<B32>(at, UnitWords)))
            {
                b.Assign(register, word);
            }
        });
        return [.. words.SelectMany(word => spec.Type == DType.F32 ? [b.FloatOf(word)] : Pair(b.UnpackPair(spec.Type, word)))];
    }

    private static F32[] Pair((F32 Low, F32 High) pair) => [pair.Low, pair.High];

    // Zero behind the row's last column.
    private F32 OfRow(F32 value, B32 column, int element) =>
        spec.Depth % (WarpLanes * UnitElements) == 0 ? value : b.Select(b.CompareU32(Comparison.Less, b.Add(column, element), spec.Depth), value, 0f);

    private void WhereHeld(B32 column, int i, Action action)
    {
        if ((i + 1) * WarpLanes <= spec.Steps * UnitsPerStep)
        {
            action();
            return;
        }

        using (b.When(b.CompareU32(Comparison.Less, column, spec.Steps * UnitsPerStep * UnitElements)))
        {
            action();
        }
    }

    private F32[] Vector(B64 address, B32[] columns)
    {
        var values = new List<F32>();
        foreach (var column in columns)
        {
            // Vectors are padded to whole tiles of a product, rows to whole steps; beyond both nobody holds anything.
            var first = b.MinU32(column, PackedWeight.Rows(spec.Depth) - UnitElements);
            for (var i = 0; i < UnitElements; i += UnitWords)
            {
                values.AddRange(b.LoadGlobalReadOnlyVector<F32>(b.Element(address, b.Add(first, i), sizeof(float)), UnitWords));
            }
        }

        return [.. values];
    }

    private F32 Sum(F32[] values)
    {
        var total = values[0];
        foreach (var value in values.AsSpan(1))
        {
            total = b.Add(total, value);
        }

        for (var distance = WarpLanes / 2; distance > 0; distance /= 2)
        {
            total = b.Add(total, b.ShuffleXor(total, distance));
        }

        return total;
    }
}
