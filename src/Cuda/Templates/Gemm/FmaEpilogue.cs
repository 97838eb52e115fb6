using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Graphs;

namespace Stof.Reference.Cuda.Templates;

/// <summary>What follows a product in F32: bias, activation, residual and norm on the registers that hold the sums; each lane stores what it has.</summary>
/// <param name="b">The kernel.</param>
/// <param name="spec">What it is built for.</param>
/// <param name="p">Its parameters.</param>
/// <param name="sums">A lane's sums by row and column: every eighth row, every fourth column.</param>
/// <param name="firstRow">The lane's first row of C.</param>
/// <param name="firstColumn">Its first column of the product.</param>
/// <param name="warpColumn">The warp's first column of the product.</param>
internal sealed class FmaEpilogue(KernelBuilder b, GemmSpec spec, GemmParameters p, F32[][] sums, B32 firstRow, B32 firstColumn, B32 warpColumn)
{
    private readonly GlobalPointer? _bias = VectorAt(b, p.Bias, firstColumn);

    // Pairs of eight columns: a lane's columns 0 and 1 of sixteen are gates, 2 and 3 the values that belong to them.
    private bool IsGated => spec.Activation == ActivationKind.SwiGlu;

    private int Pitch => spec.StoresSums ? spec.SumPitch : spec.OutputPitch;

    /// <summary>Stores the lane's elements.</summary>
    /// <param name="moments">Takes mean and variance of rows where they are normalised; null for not at all.</param>
    public void Store(RowMoments? moments)
    {
        var outputColumn = IsGated ? b.Add(b.ShrU32(warpColumn, 1), b.Sub(firstColumn, warpColumn)) : firstColumn;
        var index = spec.StoresSums ? b.Mad(b.Mad(b.BlockZ(), spec.Splits, b.BlockY()), p.Rows, firstRow) : firstRow;
        var distance = b.MadWideU32(index, Pitch * sizeof(float), b.ExtendU32(b.Shl(outputColumn, 2)));
        if (spec.IsBatched && !spec.StoresSums)
        {
            distance = b.Add(distance, b.MulLo(b.ExtendU32(b.BlockZ()), p.BatchStrideC!.Value));
        }

        GlobalPointer? At(B64? address) => address is { } start ? new GlobalPointer(b.Add(start, distance)) : null;
        var (output, residual) = (At(p.C)!.Value, At(p.Residual));
        if (moments is null)
        {
            Walk(outputColumn, column =>
            {
                var (shift, gatedShift) = (Shift(column), IsGated ? Shift(column + 2) : null);
                return (row, offset, isThere) =>
                {
                    var value = Activated(row, column, shift, gatedShift);
                    Where(isThere, () => b.StoreGlobal(output + offset, residual is { } added ? b.Add(value, b.LoadGlobal<F32>(added + offset)) : value));
                };
            });
            return;
        }

        Keep(outputColumn, residual, At(p.Sum));
        StoreNormalised(moments, outputColumn, output);
    }

    // Values take the place of the sums.
    private void Keep(B32 outputColumn, GlobalPointer? residual, GlobalPointer? sum) => Walk(outputColumn, column =>
    {
        var shift = Shift(column);
        return (row, offset, isThere) =>
        {
            var kept = sums[row][column];
            b.Assign(kept, Activated(row, column, shift, null));
            Where(isThere, () =>
            {
                if (residual is { } added)
                {
                    b.Assign(kept, b.Add(kept, b.LoadGlobal<F32>(added + offset)));
                }

                if (sum is { } stored)
                {
                    b.StoreGlobal(stored + offset, kept);
                }
            });
        };
    });

    private void StoreNormalised(RowMoments moments, B32 outputColumn, GlobalPointer output)
    {
        var scales = moments.Of(sums, [.. Enumerable.Range(0, sums[0].Length).Select(column => column * FmaThreads.Columns)], firstColumn);
        var (gammas, betas) = (VectorAt(b, p.Gamma, firstColumn)!.Value, VectorAt(b, p.Beta, firstColumn));
        Walk(outputColumn, column =>
        {
            var gamma = Element(gammas, column);
            F32? beta = betas is { } shifts ? Element(shifts, column) : null;
            return (row, offset, isThere) =>
            {
                var value = moments.Apply(scales[row], sums[row][column], gamma, beta);
                Where(isThere, () => b.StoreGlobal(output + offset, value));
            };
        });
        moments.Finish();
    }

    // Columns, and for each of them rows: a distance in bytes, and whether it is in the matrix (null for always).
    private void Walk(B32 outputColumn, Func<int, Action<int, long, Pred?>> ofColumn)
    {
        for (var column = 0; column < sums[0].Length; column++)
        {
            if (IsGated && column % 4 >= 2)
            {
                continue;
            }

            var place = FmaThreads.Columns * (IsGated ? (column / 4 * 2) + (column % 4) : column);
            Pred? isColumn = spec.StoresSums || spec.Columns % spec.Tile.Columns == 0
                ? null
                : b.CompareU32(Comparison.Less, b.Add(outputColumn, place), spec.OutputPitch);
            var ofRow = ofColumn(column);
            for (var row = 0; row < sums.Length; row++)
            {
                Pred? isRow = spec.HasWholeRows ? null : b.CompareU32(Comparison.Less, b.Add(firstRow, row * FmaThreads.Rows), p.Rows);
                Pred? isThere = (isRow, isColumn) switch
                {
                    ({ } x, { } y) => b.And(x, y),
                    var (x, y) => x ?? y,
                };
                ofRow(row, sizeof(float) * ((row * FmaThreads.Rows * (long)Pitch) + place), isThere);
            }
        }
    }

    private void Where(Pred? isThere, Action action)
    {
        if (isThere is not { } there)
        {
            action();
            return;
        }

        using (b.When(there))
        {
            action();
        }
    }

    private F32 Activated(int row, int column, F32? shift, F32? gatedShift)
    {
        F32 Shifted(int place, F32? added) => added is { } bias ? b.Add(sums[row][place], bias) : sums[row][place];
        var value = Shifted(column, shift);
        return spec.Activation switch
        {
            null => value,
            ActivationKind.SwiGlu => b.Mul(b.Activate(ActivationKind.SwiGlu, value, spec.Type), Shifted(column + 2, gatedShift)),
            { } kind => b.Activate(kind, value, spec.Type),
        };
    }

    private F32? Shift(int column) => _bias is { } bias ? Element(bias, column) : null;

    private F32 Element(GlobalPointer vector, int column) => b.LoadGlobalReadOnly<F32>(vector + (column * FmaThreads.Columns * sizeof(float)));

    private static GlobalPointer? VectorAt(KernelBuilder b, B64? address, B32 column) =>
        address is { } start ? new GlobalPointer(b.MadWideU32(column, sizeof(float), start)) : null;
}
