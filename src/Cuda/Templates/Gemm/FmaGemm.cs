using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Ptx.Layouts;
using Stof.Reference.Graphs;

namespace Stof.Reference.Cuda.Templates;

/// <summary>
/// The product in F32 by fused multiply-adds: a lane owns every eighth row and every fourth column of its warp's tile, and multiplies four elements
/// of the depth at a time.
/// </summary>
internal sealed class FmaGemm : GemmKernel
{
    private const int UnitElements = 4;

    private readonly F32[][] _sums;
    private readonly B32[] _rowsOfA; // for each part the address of the lane's first row
    private readonly B32[] _rowsOfB; // the same for its first column, then where the swizzle differs
    private readonly B32 _row;
    private readonly B32 _column;

    /// <summary>Starts the kernel.</summary>
    public FmaGemm(GemmSpec spec, Target target)
        : base(spec, target)
    {
        var b = Builder;
        _row = b.Mad(WarpRow, Tile.WarpTileRows, b.ShrU32(Lane, 2));
        _column = b.Mad(WarpColumn, Tile.WarpTileColumns, b.And(Lane, FmaThreads.Columns - 1));
        _rowsOfA = Addresses(Resident ?? Stages, _row);
        _rowsOfB = [.. Addresses(Stages, _column), .. Addresses(Stages, b.Add(_column, FmaThreads.Columns))];
        _sums = new F32[Tile.WarpTileRows / FmaThreads.Rows][];
        for (var i = 0; i < _sums.Length; i++)
        {
            _sums[i] = [.. Enumerable.Range(0, Tile.WarpTileColumns / FmaThreads.Columns).Select(_ => b.Copy<F32>(0f))];
        }
    }

    /// <inheritdoc/>
    protected override int Parts => Tile.DepthBytes / RowPitch.Bytes;

    /// <inheritdoc/>
    protected override bool LoadsAhead => false;

    private int Rows => _sums.Length;

    private int Columns => _sums[0].Length;

    /// <inheritdoc/>
    protected override B32[] Load(int stage, int step, int part)
    {
        var operands = new List<B32>();
        for (var row = 0; row < Rows; row++)
        {
            operands.AddRange(Builder.LoadSharedVector<B32>(
                new SharedPointer(
                    _rowsOfA[part],
                    (Resident is null ? stage * Spec.StageBytes : step * Spec.ResidentStepBytes) + (row * FmaThreads.Rows * Tile.DepthBytes)),
                UnitElements));
        }

        for (var column = 0; column < Columns; column++)
        {
            var (pair, odd) = Math.DivRem(column, 2);
            operands.AddRange(Builder.LoadSharedVector<B32>(
                new SharedPointer(
                    _rowsOfB[part + (odd * Parts)],
                    (stage * Spec.StageBytes) + Spec.OffsetOfB + (pair * 2 * FmaThreads.Columns * Tile.DepthBytes)),
                UnitElements));
        }

        return [.. operands];
    }

    /// <inheritdoc/>
    protected override void AdvanceResident(int bytes) => Array.ForEach(_rowsOfA, address => Builder.Assign(address, Builder.Add(address, bytes)));

    /// <inheritdoc/>
    protected override void Multiply(B32[] operands)
    {
        F32[] values = [.. operands.Select(word => Builder.FloatOf(word))];
        for (var k = 0; k < UnitElements; k++)
        {
            for (var row = 0; row < Rows; row++)
            {
                for (var column = 0; column < Columns; column++)
                {
                    var sum = _sums[row][column];
                    Builder.Assign(sum, Builder.Fma(values[(row * UnitElements) + k], values[((Rows + column) * UnitElements) + k], sum));
                }
            }
        }
    }

    /// <inheritdoc/>
    protected override void Store()
    {
        var b = Builder;
        var firstRow = b.Add(Place.FirstRow, _row);
        var firstColumn = b.Add(Place.FirstColumn, _column);
        var isSplit = Spec.StoresSums;
        var pitch = isSplit ? Spec.SumPitch : Spec.OutputPitch;
        var isGated = Spec.Activation == ActivationKind.SwiGlu;

        // Pairs of eight columns: a lane's columns 0 and 1 of sixteen are gates, 2 and 3 the values that belong to them.
        var outputColumn = isGated
            ? b.Add(b.ShrU32(b.Mad(WarpColumn, Tile.WarpTileColumns, Place.FirstColumn), 1), b.And(Lane, FmaThreads.Columns - 1))
            : firstColumn;
        var index = isSplit ? b.Mad(b.Mad(b.BlockZ(), Spec.Splits, b.BlockY()), Parameters.Rows, firstRow) : firstRow;
        var distance = b.MadWideU32(index, pitch * sizeof(float), b.ExtendU32(b.Shl(outputColumn, 2)));
        if (Spec.IsBatched && !isSplit)
        {
            distance = b.Add(distance, b.MulLo(b.ExtendU32(b.BlockZ()), Parameters.BatchStrideC!.Value));
        }

        var output = b.Add(Parameters.C, distance);
        B64? residual = Parameters.Residual is { } added ? b.Add(added, distance) : null;
        B64? bias = Parameters.Bias is { } shift ? b.MadWideU32(firstColumn, sizeof(float), shift) : null;
        for (var column = 0; column < Columns; column++)
        {
            if (isGated && column % 4 >= 2)
            {
                continue;
            }

            var place = FmaThreads.Columns * (isGated ? (column / 4 * 2) + (column % 4) : column);
            Pred? isColumn = isSplit || Spec.Columns % Tile.Columns == 0
                ? null
                : b.CompareU32(Comparison.Less, b.Add(outputColumn, place), Spec.OutputPitch);
            F32? shiftHere = bias is { } b0 ? b.LoadGlobalReadOnly<F32>(new GlobalPointer(b0, column * FmaThreads.Columns * sizeof(float))) : null;
            F32? shiftThere = isGated && bias is { } b1
                ? b.LoadGlobalReadOnly<F32>(new GlobalPointer(b1, (column + 2) * FmaThreads.Columns * sizeof(float)))
                : null;
            for (var row = 0; row < Rows; row++)
            {
                Pred? isRow = Spec.HasWholeRows ? null : b.CompareU32(Comparison.Less, b.Add(firstRow, row * FmaThreads.Rows), Parameters.Rows);
                Pred? isThere = (isRow, isColumn) switch
                {
                    ({ } x, { } y) => b.And(x, y),
                    var (x, y) => x ?? y,
                };
                var value = Value(_sums[row][column], shiftHere);
                if (isGated)
                {
                    value = b.Mul(b.Activate(ActivationKind.SwiGlu, value, Spec.Type), Value(_sums[row][column + 2], shiftThere));
                }
                else if (Spec.Activation is { } kind)
                {
                    value = b.Activate(kind, value, Spec.Type);
                }

                var offset = sizeof(float) * ((row * FmaThreads.Rows * (long)pitch) + place);
                if (isThere is { } there)
                {
                    using (b.When(there))
                    {
                        StoreOne(value, output, residual, offset);
                    }
                }
                else
                {
                    StoreOne(value, output, residual, offset);
                }
            }
        }
    }

    private void StoreOne(F32 value, B64 output, B64? residual, long offset)
    {
        if (residual is { } address)
        {
            value = Builder.Add(value, Builder.LoadGlobal<F32>(new GlobalPointer(address, offset)));
        }

        Builder.StoreGlobal(new GlobalPointer(output, offset), value);
    }

    private F32 Value(F32 sum, F32? shift) => shift is { } bias ? Builder.Add(sum, bias) : sum;

    private B32[] Addresses(SharedPointer start, B32 row)
    {
        var b = Builder;
        var first = b.Swizzled(new Swizzle(Tile.DepthBytes), b.MulLo(row, Tile.DepthBytes));
        return [.. Enumerable.Range(0, Parts).Select(part => b.Add(start.Base, part == 0 ? first : b.Xor(first, part * RowPitch.Bytes)))];
    }
}
