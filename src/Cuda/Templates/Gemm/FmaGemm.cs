using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Ptx.Layouts;

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
        var column = Builder.Add(Place.FirstColumn, _column);
        var warpColumn = Builder.Mad(WarpColumn, Tile.WarpTileColumns, Place.FirstColumn);
        new FmaEpilogue(Builder, Spec, Parameters, _sums, Builder.Add(Place.FirstRow, _row), column, warpColumn).Store(Moments);
    }

    private B32[] Addresses(SharedPointer start, B32 row)
    {
        var b = Builder;
        var first = b.Swizzled(new Swizzle(Tile.DepthBytes), b.MulLo(row, Tile.DepthBytes));
        return [.. Enumerable.Range(0, Parts).Select(part => b.Add(start.Base, part == 0 ? first : b.Xor(first, part * RowPitch.Bytes)))];
    }
}
