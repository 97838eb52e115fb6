using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Ptx.Layouts;
using Stof.Reference.Numerics;

namespace Stof.Reference.Cuda.Templates;

/// <summary>
/// Two products with an activation between them. A warp owns sixteen rows: for each chunk of the middle it multiplies its rows of X by a chunk of W1,
/// applies bias and activation where the sums are, rounds them to the operands of the second product, which lie in the same registers, and adds their
/// product with a chunk of W2 to its sums of Y. Chunks of both weights arrive by asynchronous copies, one ahead.
/// </summary>
internal sealed class GemmChain
{
    private const int WarpLanes = 32;
    private const int HalfBytes = 2;
    private const int PairColumns = 2 * MmaShape.Columns;
    private const int PartBytes = MmaShape.Depth * HalfBytes;

    private readonly GemmChainSpec _spec;
    private readonly GemmSpec _first;
    private readonly GemmSpec _second;
    private readonly KernelBuilder _b;
    private readonly GemmParameters _p;
    private readonly B64? _firstBias;
    private readonly SharedPointer _rows;
    private readonly SharedPointer _ring;
    private readonly B32 _thread;
    private readonly B32 _lane;
    private readonly B32 _warp;
    private readonly B32 _firstRow;
    private readonly OperandCopy _x;
    private readonly OperandCopy _w1;
    private readonly OperandCopy _w2;
    private readonly B32[] _rowsOfX;
    private readonly B32[] _rowsOfW;
    private readonly F32[][] _sums;
    private readonly B64? _gamma;
    private readonly B64? _beta;
    private readonly B32 _middle; // first column of the chunk

    private GemmChain(GemmChainSpec spec, Target target)
    {
        (_spec, _first, _second) = (spec, spec.First, spec.Second);
        var b = _b = new KernelBuilder(spec.KernelName, target);
        _p = new GemmParameters(b, _second);
        var w1 = b.Parameter<B64>("w1");
        _firstBias = spec.HasFirstBias ? b.Parameter<B64>("bias1") : null;
        _gamma = spec.Prologue is null ? null : b.Parameter<B64>("gamma"); // else those of the second product, if it normalises
        _beta = spec.PrologueHasBeta ? b.Parameter<B64>("beta") : null;
        _rows = b.AddressOf(b.Shared("rows", _first.ResidentBytes, 1024));
        _ring = b.AddressOf(b.Shared("chunks", spec.SharedBytes - _first.ResidentBytes, 1024));
        _thread = b.ThreadX();
        _lane = b.And(_thread, WarpLanes - 1);
        _warp = b.ShrU32(_thread, 5);
        _firstRow = b.MulLo(b.BlockX(), spec.Rows);
        B32? limit = spec.HasWholeRows ? null : _p.Rows;
        _x = new OperandCopy(b, _first.Tile, spec.Rows, _rows, _first.ResidentStepBytes, _thread, _p.A, _firstRow, limit, _first.InputPitch * HalfBytes);
        _w1 = new OperandCopy(
            b, _first.Tile, GemmChainSpec.Chunk, _ring, GemmChainSpec.Chunk * _first.Tile.DepthBytes, _thread, w1, B32.Constant(0), null, FirstPitchBytes);
        _w2 = new OperandCopy(
            b, _first.Tile, spec.PaddedColumns, _ring + (2 * spec.FirstStageBytes), spec.SecondStageBytes, _thread, _p.B, B32.Constant(0), null, PackedWeight.Pitch(spec.Type, spec.Middle) * HalfBytes);
        var half = b.And(b.ShrU32(_lane, 3), 1);
        _rowsOfX = Addresses(_rows.Base, b.Mad(_warp, MmaShape.Rows, b.And(_lane, MmaShape.Rows - 1)), b.ShrU32(_lane, 4));
        _rowsOfW = Addresses(_ring.Base, b.Add(b.And(_lane, 7), b.Shl(b.ShrU32(_lane, 4), 3)), half);
        _sums = [.. Enumerable.Range(0, spec.PaddedColumns / MmaShape.Columns).Select(_ => Zeros())];
        _middle = b.Copy<B32>(0);
    }

    private int FirstPitchBytes => PackedWeight.Pitch(_spec.Type, _spec.Depth) * HalfBytes;

    private int Parts => _first.Tile.DepthBytes / PartBytes;

    /// <summary>
    /// Writes the kernel. Parameters: a (X), b (W2 packed), c (Y), rows, w1 (packed); bias1, bias, residual, gamma, beta, sum where the specification has them.
    /// </summary>
    /// <exception cref="InvalidInputException">The specification does not fit.</exception>
    public static Kernel Build(GemmChainSpec spec, Target target)
    {
        ArgumentNullException.ThrowIfNull(spec);
        return spec.Check(target) is { } refusal
            ? throw new InvalidInputException("chain", refusal.Reason, "one that fits")
            : new GemmChain(spec, target).Build();
    }

    private Kernel Build()
    {
        CopyChunk(0);
        _b.AwaitPrevious(); // it does not write weights
        _b.LetNextStart();
        CopyRows();
        _b.WaitCopies(0);
        _b.Barrier();
        if (_gamma is { } gamma)
        {
            new RowPrologue(_b, _first, gamma, _beta, _rows, _thread).Normalise();
        }

        // Two chunks a round, so that a stage is a constant; the last one or two copy nothing ahead of them, or one chunk less.
        var rounds = (_spec.Chunks - 1) / 2;
        if (rounds > 1)
        {
            var round = _b.Copy<B32>(0);
            _b.While(() => _b.CompareU32(Comparison.Less, round, rounds), () =>
            {
                TakeChunk(0, hasNext: true);
                TakeChunk(1, hasNext: true);
                _b.Assign(round, _b.Add(round, 1));
            });
        }
        else
        {
            rounds = 0;
        }

        for (var chunk = 2 * rounds; chunk < _spec.Chunks; chunk++)
        {
            TakeChunk(chunk % 2, hasNext: chunk < _spec.Chunks - 1);
        }

        _b.WaitAllCopies();
        _b.Barrier();
        var firstRow = _b.Mad(_warp, MmaShape.Rows, _firstRow);
        var moments = _spec.Norm is null ? null : new RowMoments(_b, _second, null, _thread, _warp, B32.Constant(0), B32.Constant(0));
        new MmaEpilogue(_b, _second, _p, _ring, _warp, _lane, firstRow, B32.Constant(0)).Store([_sums], moments);
        return _b.Build(_first.Tile.Threads);
    }

    private void CopyRows()
    {
        // What lies behind the last element of a row may be anything; zeros take its place.
        var tail = (_spec.Depth * HalfBytes) - ((_first.Steps - 1) * _first.Tile.DepthBytes);
        B32? last = tail == _first.Tile.DepthBytes ? null : _b.MinS32(_b.MaxS32(_b.Sub(tail, _b.Shl(_x.Unit, 4)), 0), RowPitch.Bytes);
        for (var step = 0; step < _first.Steps; step++)
        {
            for (var pass = 0; pass < _x.Passes; pass++)
            {
                _x.Start(pass, step, step, step == _first.Steps - 1 ? last : null);
            }
        }

        _b.CommitCopies();
    }

    // Asks for the next chunk of both weights.
    private void CopyChunk(int stage)
    {
        for (var step = 0; step < _first.Steps; step++)
        {
            for (var pass = 0; pass < _w1.Passes; pass++)
            {
                _w1.Start(pass, (stage * _first.Steps) + step, step, null);
            }
        }

        for (var pass = 0; pass < _w2.Passes; pass++)
        {
            _w2.Start(pass, stage, 0, null);
        }

        _b.CommitCopies();
        _w1.Advance((long)GemmChainSpec.Chunk * FirstPitchBytes);
        _w2.Advance(_first.Tile.DepthBytes);
    }

    private void TakeChunk(int stage, bool hasNext)
    {
        _b.WaitCopies(0);
        _b.Barrier();
        if (hasNext)
        {
            CopyChunk(1 - stage);
        }

        var middle = Middle(stage);
        var weights = Activated(middle);
        for (var part = 0; part < Parts; part++)
        {
            var rows = new SharedPointer(_rowsOfW[part], (2 * _spec.FirstStageBytes) + (stage * _spec.SecondStageBytes));
            for (var pair = 0; pair < _sums.Length / 2; pair++)
            {
                var w = _b.LoadMatrix(rows + (pair * PairColumns * _first.Tile.DepthBytes), 4);
                Product(_sums[2 * pair], weights[part], w.AsSpan(0, 2));
                Product(_sums[(2 * pair) + 1], weights[part], w.AsSpan(2, 2));
            }
        }

        _b.Assign(_middle, _b.Add(_middle, GemmChainSpec.Chunk));
    }

    // X·W1ᵀ of a chunk: for each eight columns four registers.
    private F32[][] Middle(int stage)
    {
        F32[][] sums = [.. Enumerable.Range(0, GemmChainSpec.Chunk / MmaShape.Columns).Select(_ => Zeros())];
        for (var step = 0; step < _first.Steps; step++)
        {
            for (var part = 0; part < Parts; part++)
            {
                var x = _b.LoadMatrix(new SharedPointer(_rowsOfX[part], step * _first.ResidentStepBytes), 4);
                var rows = new SharedPointer(_rowsOfW[part], ((stage * _first.Steps) + step) * GemmChainSpec.Chunk * _first.Tile.DepthBytes);
                for (var pair = 0; pair < sums.Length / 2; pair++)
                {
                    var w = _b.LoadMatrix(rows + (pair * PairColumns * _first.Tile.DepthBytes), 4);
                    Product(sums[2 * pair], x, w.AsSpan(0, 2));
                    Product(sums[(2 * pair) + 1], x, w.AsSpan(2, 2));
                }
            }
        }

        return sums;
    }

    // The sums of two neighbouring tiles of eight columns are the A operand of a part of sixteen.
    private B32[][] Activated(F32[][] middle)
    {
        var firstColumn = _b.Add(_middle, _b.Shl(_b.And(_lane, 3), 1));
        GlobalPointer? bias = _firstBias is { } address ? _b.Element(address, firstColumn, sizeof(float)) : null;
        var packed = new B32[middle.Length][];
        for (var tile = 0; tile < middle.Length; tile++)
        {
            var shift = bias is { } first ? _b.LoadGlobalReadOnlyVector<F32>(first + (tile * MmaShape.Columns * sizeof(float)), 2) : null;
            F32 Value(int i) => _b.Activate(_spec.Activation, shift is null ? middle[tile][i] : _b.Add(middle[tile][i], shift[i % 2]), _spec.Type);
            packed[tile] = [_b.PackPair(_spec.Type, Value(0), Value(1)), _b.PackPair(_spec.Type, Value(2), Value(3))];
        }

        return [.. Enumerable.Range(0, Parts).Select(part => (B32[])[.. packed[2 * part], .. packed[(2 * part) + 1]])];
    }

    private void Product(F32[] sums, B32[] a, ReadOnlySpan<B32> w)
    {
        if (_spec.Type == DType.F16)
        {
            _b.MmaF16((ReadOnlySpan<F32>)sums, (ReadOnlySpan<B32>)a, w);
        }
        else
        {
            _b.MmaBF16((ReadOnlySpan<F32>)sums, (ReadOnlySpan<B32>)a, w);
        }
    }

    private F32[] Zeros() => [_b.Copy<F32>(0f), _b.Copy<F32>(0f), _b.Copy<F32>(0f), _b.Copy<F32>(0f)];

    // For each part of a step the lane's address; the swizzle exchanges units by the row, so a part further on is one exclusive or.
    private B32[] Addresses(B32 start, B32 row, B32 half)
    {
        var first = _b.Swizzled(new Swizzle(_first.Tile.DepthBytes), _b.Mad(row, _first.Tile.DepthBytes, _b.Shl(half, 4)));
        return [.. Enumerable.Range(0, Parts).Select(part => _b.Add(start, part == 0 ? first : _b.Xor(first, part * PartBytes)))];
    }
}
