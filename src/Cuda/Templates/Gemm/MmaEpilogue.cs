using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Ptx.Layouts;
using Stof.Reference.Graphs;

namespace Stof.Reference.Cuda.Templates;

/// <summary>
/// What follows a product on tensor cores: bias, activation and residual in floats on the registers that hold the sums, one rounding, and rows of
/// sixteen bytes a lane to memory. Between registers and rows stands the warp's own part of shared memory, where the residual came in the same way.
/// </summary>
internal sealed class MmaEpilogue
{
    private const int WarpLanes = 32;
    private const int HalfBytes = 2;
    private const int UnitBytes = 16; // eight columns
    private const int WidestChunk = 64;

    private readonly KernelBuilder _b;
    private readonly GemmSpec _spec;
    private readonly GemmParameters _p;
    private readonly SharedPointer _staged;
    private readonly B32 _lane;
    private readonly int _columns; // of C of a warp
    private readonly int _chunk; // columns of a row that lie together in shared memory
    private readonly Swizzle _swizzle;
    private readonly int _rowsPerPass;
    private readonly StagedRows _rows;
    private readonly B32 _firstColumn;
    private bool _isResidualStarted;

    /// <summary>Computes addresses.</summary>
    /// <param name="b">The kernel.</param>
    /// <param name="spec">What it is built for.</param>
    /// <param name="parameters">Its parameters.</param>
    /// <param name="staged">Where the block's tile of C is put in order.</param>
    /// <param name="warp">The warp in its block.</param>
    /// <param name="lane">The lane in its warp.</param>
    /// <param name="firstRow">The warp's first row of C.</param>
    /// <param name="firstColumn">Its first column of the product.</param>
    public MmaEpilogue(
        KernelBuilder b, GemmSpec spec, GemmParameters parameters, SharedPointer staged, B32 warp, B32 lane, B32 firstRow, B32 firstColumn)
    {
        (_b, _spec, _p, _lane) = (b, spec, parameters, lane);
        _columns = spec.Tile.WarpTileColumns / Halving;
        _chunk = Math.Min(WidestChunk, _columns & -_columns);
        _swizzle = new Swizzle(_chunk * HalfBytes);
        _rowsPerPass = WarpLanes / UnitsPerRow;
        _staged = new SharedPointer(b.Mad(warp, spec.Tile.WarpTileRows * _columns * HalfBytes, staged.Base), staged.Offset);
        _firstColumn = firstColumn;
        _rows = new StagedRows(this, firstRow, Halving == 2 ? b.ShrU32(firstColumn, 1) : firstColumn);
    }

    /// <summary>Shared memory for a block's tile.</summary>
    public static int Bytes(GemmSpec spec) => spec.Tile.Rows * spec.Tile.Columns * HalfBytes;

    private int Halving => _spec.Activation == ActivationKind.SwiGlu ? 2 : 1;

    private int UnitsPerRow => _chunk * HalfBytes / UnitBytes;

    private int Rows => _spec.Tile.WarpTileRows;

    private int ChunkBytes => Rows * _chunk * HalfBytes;

    /// <summary>Starts copying the residual's rows to where the warp puts its own in order. Whoever calls this waits for the copies.</summary>
    public void StartResidual()
    {
        _isResidualStarted = true;
        _rows.StartCopies(_p.Residual!.Value);
    }

    /// <summary>Stores a warp's tile.</summary>
    /// <param name="sums">For each sixteen rows and eight columns four registers.</param>
    /// <param name="moments">Takes mean and variance of rows where they are normalised; null for not at all.</param>
    public void Store(F32[][][] sums, RowMoments? moments)
    {
        if (_p.Residual is not null && !_isResidualStarted)
        {
            StartResidual();
            _b.WaitAllCopies();
            _b.WarpSync();
        }

        // A lane's element of eight columns: row l / 4, columns 2·(l % 4) and the next; eight rows below the second pair.
        var group = _b.ShrU32(_lane, 2);
        var pair = _b.And(_lane, 3);
        var place = _b.Add(_b.Swizzled(_swizzle, _b.MulLo(group, _chunk * HalfBytes)), _b.Shl(pair, 2));
        var column = _b.Add(_firstColumn, _b.Shl(pair, 1));
        var bias = VectorAt(_p.Bias, column);
        if (moments is null)
        {
            ForEachColumn(place, (i, at) => StoreColumn(at, Values(sums, i, at, bias)));
            _b.WarpSync();
            _rows.Store(_p.C);
            return;
        }

        ForEachColumn(place, (i, at) => KeepColumn(sums, i, at, bias));
        if (_p.Sum is { } sum)
        {
            _b.WarpSync();
            _rows.Store(sum);
            _b.WarpSync();
        }

        var scales = moments.Of(
            [.. Enumerable.Range(0, 2 * sums.Length).Select(row => LaneRow(sums, row))], [.. Enumerable.Range(0, _columns / 4).Select(i => (i / 2 * MmaShape.Columns) + (i % 2))], column);
        var (gamma, beta) = (VectorAt(_p.Gamma, column), VectorAt(_p.Beta, column));
        ForEachColumn(place, (i, at) => StoreColumn(at, Normalised(sums, i, moments, scales, gamma!.Value, beta)));
        _b.WarpSync();
        _rows.Store(_p.C);
        moments.Finish();
    }

    // The compiler would work on all columns at once and run out of registers. It moves nothing across a branch, though this one is always taken.
    private void ForEachColumn(B32 place, Action<int, SharedPointer> action)
    {
        var always = _b.CompareU32(Comparison.NotEqual, _p.Rows, 0);
        for (var i = 0; i < _columns / MmaShape.Columns; i++)
        {
            var column = i;
            _b.If(always, () =>
            {
                var (chunk, unit) = Math.DivRem(column, UnitsPerRow);
                action(column, new SharedPointer(_b.Add(_staged.Base, unit == 0 ? place : _b.Xor(place, unit * UnitBytes)), _staged.Offset + (chunk * ChunkBytes)));
            });
        }
    }

    // Every eighth row from the lane's on: two of each tile of sixteen.
    private static F32[] LaneRow(F32[][][] sums, int row) => [.. sums[row / 2].SelectMany(column => column[(2 * (row % 2))..][..2])];

    private SharedPointer RowAt(SharedPointer lane, int row) => lane + (row * (MmaShape.Rows / 2) * _chunk * HalfBytes);

    // The lane's first two elements of a vector of floats.
    private GlobalPointer? VectorAt(B64? address, B32 laneColumn) =>
        address is { } start ? new GlobalPointer(_b.Add(start, _b.ExtendU32(_b.Shl(laneColumn, 2)))) : null;

    // Those of a tile of eight columns.
    private F32[] Two(GlobalPointer vector, int column) => _b.LoadGlobalReadOnlyVector<F32>(vector + (column * MmaShape.Columns * sizeof(float)), 2);

    // Eight columns of all rows of the warp: for each of the lane's rows two values, bias, activation and residual applied.
    private IEnumerable<F32[]> Values(F32[][][] sums, int column, SharedPointer lane, GlobalPointer? bias)
    {
        var shifts = bias is { } first ? Enumerable.Range(0, Halving).Select(part => Two(first, (Halving * column) + part)).ToArray() : null;
        for (var row = 0; row < 2 * sums.Length; row++)
        {
            F32[] values = [.. Enumerable.Range(0, 2).Select(i => Value(sums[row / 2], column, (2 * (row % 2)) + i, shifts, i))];
            if (_p.Residual is not null)
            {
                var (low, high) = _b.UnpackPair(_spec.Type, _b.LoadShared<B32>(RowAt(lane, row)));
                values = [_b.Add(values[0], low), _b.Add(values[1], high)];
            }

            yield return values;
        }
    }

    private void StoreColumn(SharedPointer lane, IEnumerable<F32[]> values)
    {
        var row = 0;
        foreach (var pair in values)
        {
            _b.StoreShared(RowAt(lane, row++), _b.PackPair(_spec.Type, pair[0], pair[1]));
        }
    }

    // The values take the place of the sums.
    private void KeepColumn(F32[][][] sums, int column, SharedPointer lane, GlobalPointer? bias)
    {
        var row = 0;
        foreach (var pair in Values(sums, column, lane, bias))
        {
            for (var i = 0; i < 2; i++)
            {
                _b.Assign(sums[row / 2][column][(2 * (row % 2)) + i], pair[i]);
            }

            if (_p.Sum is not null)
            {
                _b.StoreShared(RowAt(lane, row), _b.PackPair(_spec.Type, pair[0], pair[1]));
            }

            row++;
        }
    }

    private IEnumerable<F32[]> Normalised(
        F32[][][] sums, int column, RowMoments moments, (F32? Shift, F32 Factor)[] scales, GlobalPointer gammas, GlobalPointer? betas)
    {
        var gamma = Two(gammas, column);
        var beta = betas is { } shifts ? Two(shifts, column) : null;
        for (var row = 0; row < scales.Length; row++)
        {
            yield return
            [
                .. Enumerable.Range(0, 2).Select(i => moments.Apply(scales[row], sums[row / 2][column][(2 * (row % 2)) + i], gamma[i], beta?[i])),
            ];
        }
    }

    private F32 Value(F32[][] row, int column, int register, F32[][]? shifts, int i)
    {
        F32 Shifted(int part)
        {
            var sum = row[(Halving * column) + part][register];
            return shifts is null ? sum : _b.Add(sum, shifts[part][i]);
        }

        return _spec.Activation switch
        {
            null => Shifted(0),
            ActivationKind.SwiGlu => _b.Mul(_b.Activate(ActivationKind.SwiGlu, Shifted(0), _spec.Type), Shifted(1)),
            { } kind => _b.Activate(kind, Shifted(0), _spec.Type),
        };
    }

    /// <summary>A lane's units of a warp's rows, in memory and in shared memory.</summary>
    private sealed class StagedRows
    {
        private readonly MmaEpilogue _owner;
        private readonly KernelBuilder _b;
        private readonly B32[] _shared; // of even and of odd passes: the swizzle may differ between them, and repeats after two
        private readonly B64 _distance;
        private readonly B32 _column;
        private readonly B32 _row;

        public StagedRows(MmaEpilogue owner, B32 firstRow, B32 firstColumn)
        {
            (_owner, _b) = (owner, owner._b);
            var row = _b.DivU32(owner._lane, owner.UnitsPerRow);
            var unit = _b.And(owner._lane, owner.UnitsPerRow - 1);
            var offset = _b.Mad(row, owner._chunk * HalfBytes, _b.Shl(unit, 4));
            _shared = [.. Enumerable.Range(0, 2).Select(pass =>
                _b.Add(owner._staged.Base, _b.Swizzled(owner._swizzle, pass == 0 ? offset : _b.Add(offset, pass * owner._rowsPerPass * owner._chunk * HalfBytes))))];
            _column = _b.Add(firstColumn, _b.Shl(unit, 3));
            _row = _b.Add(firstRow, row);
            _distance = _b.MadWideU32(_row, owner._spec.OutputPitch * HalfBytes, _b.ExtendU32(_b.Shl(_column, 1)));
            if (owner._spec.IsBatched)
            {
                _distance = _b.Add(_distance, _b.MulLo(_b.ExtendU32(_b.BlockZ()), owner._p.BatchStrideC!.Value));
            }
        }

        /// <summary>Starts copying the residual's rows into the warp's part of shared memory.</summary>
        public void StartCopies(B64 residual)
        {
            var address = _b.Add(residual, _distance);
            ForEach((shared, distance, isThere) =>
            {
                var bytes = isThere is { } there ? _b.Select<B32>(there, UnitBytes, 0) : (B32?)null;
                _b.CopyAsync(shared, new GlobalPointer(address, distance), UnitBytes, bytes);
            });
        }

        /// <summary>Stores the rows.</summary>
        public void Store(B64 output)
        {
            var address = _b.Add(output, _distance);
            ForEach((shared, distance, isThere) =>
            {
                var unit = _b.LoadSharedVector<B32>(shared, 4);
                if (isThere is { } there)
                {
                    using (_b.When(there))
                    {
                        _b.StoreGlobalVector<B32>(new GlobalPointer(address, distance), unit);
                    }
                }
                else
                {
                    _b.StoreGlobalVector<B32>(new GlobalPointer(address, distance), unit);
                }
            });
        }

        private void ForEach(Action<SharedPointer, long, Pred?> action)
        {
            for (var chunk = 0; chunk < _owner._columns / _owner._chunk; chunk++)
            {
                Pred? isColumn = _owner._spec.Columns % _owner._spec.Tile.Columns == 0
                    ? null
                    : _b.CompareU32(Comparison.Less, _b.Add(_column, chunk * _owner._chunk), _owner._spec.OutputPitch);
                for (var pass = 0; pass < _owner.Rows / _owner._rowsPerPass; pass++)
                {
                    Pred? isRow = _owner._spec.HasWholeRows
                        ? null
                        : _b.CompareU32(Comparison.Less, _b.Add(_row, pass * _owner._rowsPerPass), _owner._p.Rows);
                    Pred? isThere = (isRow, isColumn) switch
                    {
                        ({ } row, { } column) => _b.And(row, column),
                        var (row, column) => row ?? column,
                    };
                    var shared = new SharedPointer(
                        _shared[pass % 2],
                        _owner._staged.Offset + (chunk * _owner.ChunkBytes) + (pass / 2 * 2 * _owner._rowsPerPass * _owner._chunk * HalfBytes));
                    action(shared, (pass * (long)_owner._rowsPerPass * _owner._spec.OutputPitch * HalfBytes) + (chunk * _owner._chunk * HalfBytes), isThere);
                }
            }
        }
    }
}
