using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Ptx.Layouts;
using Stof.Reference.Numerics;

namespace Stof.Reference.Cuda.Templates;

/// <summary>The product in F16 or BF16 on tensor cores: <c>ldmatrix</c> out of swizzled rows, <c>mma.m16n8k16</c> with float sums.</summary>
internal sealed class MmaGemm : GemmKernel
{
    private const int HalfBytes = 2;
    private const int PairColumns = 2 * MmaShape.Columns; // of one load of B

    private readonly F32[][][] _sums; // row tile, column tile, register
    private readonly B32[] _rowsOfA; // for each part the lane's address
    private readonly B32[] _rowsOfB;
    private MmaEpilogue? _epilogue; // from where it brings the residual

    /// <summary>Starts the kernel.</summary>
    public MmaGemm(GemmSpec spec, Target target)
        : base(spec, target)
    {
        var b = Builder;

        // A: lane l gives the address of row l % 16 in the left or right half of a part. B: matrices (columns 0-7, depth 0-7), (0-7, 8-15),
        // (8-15, 0-7), (8-15, 8-15) of two neighbouring tiles of eight columns.
        var rowOfA = b.Mad(WarpRow, Tile.WarpTileRows, b.And(Lane, MmaShape.Rows - 1));
        var rowOfB = b.Mad(WarpColumn, Tile.WarpTileColumns, b.Add(b.And(Lane, 7), b.Shl(b.ShrU32(Lane, 4), 3)));
        _rowsOfA = Addresses(Resident ?? Stages, rowOfA, b.ShrU32(Lane, 4));
        _rowsOfB = Addresses(Stages, rowOfB, b.And(b.ShrU32(Lane, 3), 1));
        _sums = new F32[Tile.WarpTileRows / MmaShape.Rows][][];
        for (var row = 0; row < _sums.Length; row++)
        {
            _sums[row] = new F32[Tile.WarpTileColumns / MmaShape.Columns][];
            for (var column = 0; column < _sums[row].Length; column++)
            {
                _sums[row][column] = [b.Copy<F32>(0f), b.Copy<F32>(0f), b.Copy<F32>(0f), b.Copy<F32>(0f)];
            }
        }
    }

    /// <inheritdoc/>
    protected override int Parts => Tile.DepthBytes / (MmaShape.Depth * HalfBytes);

    /// <inheritdoc/>
    protected override bool LoadsAhead => true;

    private int RowTiles => _sums.Length;

    private int ColumnTiles => _sums[0].Length;

    /// <inheritdoc/>
    protected override B32[] Load(int stage, int step, int part)
    {
        var operands = new List<B32>();
        var a = new SharedPointer(_rowsOfA[part], Resident is null ? stage * Spec.StageBytes : step * Spec.ResidentStepBytes);
        for (var row = 0; row < RowTiles; row++)
        {
            operands.AddRange(Builder.LoadMatrix(a + (row * MmaShape.Rows * Tile.DepthBytes), 4));
        }

        var b = new SharedPointer(_rowsOfB[part], (stage * Spec.StageBytes) + Spec.OffsetOfB);
        for (var pair = 0; pair < ColumnTiles / 2; pair++)
        {
            operands.AddRange(Builder.LoadMatrix(b + (pair * PairColumns * Tile.DepthBytes), 4));
        }

        return [.. operands];
    }

    /// <inheritdoc/>
    protected override void AdvanceResident(int bytes) => Array.ForEach(_rowsOfA, address => Builder.Assign(address, Builder.Add(address, bytes)));

    /// <inheritdoc/>
    protected override void Multiply(B32[] operands)
    {
        var columns = operands.AsSpan(4 * RowTiles);
        for (var row = 0; row < RowTiles; row++)
        {
            for (var i = 0; i < ColumnTiles; i++)
            {
                // There and back again: what was used last is used first.
                var column = row % 2 == 0 ? i : ColumnTiles - 1 - i;
                ReadOnlySpan<F32> sums = _sums[row][column];
                ReadOnlySpan<B32> a = operands.AsSpan(4 * row, 4);
                ReadOnlySpan<B32> b = columns.Slice(2 * column, 2);
                if (Spec.Type == DType.F16)
                {
                    Builder.MmaF16(sums, a, b);
                }
                else
                {
                    Builder.MmaBF16(sums, a, b);
                }
            }
        }
    }

    /// <inheritdoc/>
    protected override void StartEpilogue(SharedPointer stage)
    {
        if (Spec.HasResidual && MmaEpilogue.Bytes(Spec) <= Spec.StageBytes)
        {
            _epilogue = Epilogue(stage);
            _epilogue.StartResidual();
        }
    }

    /// <inheritdoc/>
    protected override void Store()
    {
        if (Spec.StoresSums)
        {
            StoreSums(FirstRow, FirstColumn);
        }
        else
        {
            (_epilogue ?? Epilogue(Stages)).Store(_sums, Moments);
        }
    }

    private B32 FirstRow => Builder.Mad(WarpRow, Tile.WarpTileRows, Place.FirstRow);

    private B32 FirstColumn => Builder.Mad(WarpColumn, Tile.WarpTileColumns, Place.FirstColumn);

    private MmaEpilogue Epilogue(SharedPointer staged) => new(Builder, Spec, Parameters, staged, Builder.ShrU32(Thread, 5), Lane, FirstRow, FirstColumn);

    // A part is two units of sixteen bytes further on, and the swizzle exchanges units by the row: one exclusive or.
    private B32[] Addresses(SharedPointer start, B32 row, B32 half)
    {
        var b = Builder;
        var first = b.Swizzled(new Swizzle(Tile.DepthBytes), b.Mad(row, Tile.DepthBytes, b.Shl(half, 4)));
        return [.. Enumerable.Range(0, Parts).Select(part => b.Add(start.Base, part == 0 ? first : b.Xor(first, part * MmaShape.Depth * HalfBytes)))];
    }

    private void StoreSums(B32 firstRow, B32 firstColumn)
    {
        var b = Builder;
        var pitch = Spec.SumPitch * sizeof(float);
        var row = b.Add(firstRow, b.ShrU32(Lane, 2));
        var index = b.Mad(b.Mad(b.BlockZ(), Spec.Splits, b.BlockY()), Parameters.Rows, row);
        var column = b.Shl(b.Add(firstColumn, b.Shl(b.And(Lane, 3), 1)), 2);
        var address = new GlobalPointer(b.Add(b.MadWideU32(index, pitch, Parameters.C), b.ExtendU32(column)));
        for (var tile = 0; tile < RowTiles; tile++)
        {
            for (var half = 0; half < 2; half++)
            {
                var distance = (tile * MmaShape.Rows) + (8 * half);
                void StoreRow()
                {
                    for (var i = 0; i < ColumnTiles; i++)
                    {
                        b.StoreGlobalVector<F32>(
                            address + (distance * (long)pitch) + (i * MmaShape.Columns * sizeof(float)), _sums[tile][i].AsSpan(2 * half, 2));
                    }
                }

                if (Spec.HasWholeRows)
                {
                    StoreRow();
                }
                else
                {
                    using (b.When(b.CompareU32(Comparison.Less, b.Add(row, distance), Parameters.Rows)))
                    {
                        StoreRow();
                    }
                }
            }
        }
    }
}
