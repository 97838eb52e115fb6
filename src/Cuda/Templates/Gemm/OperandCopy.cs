using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Ptx.Layouts;

namespace Stof.Reference.Cuda.Templates;

/// <summary>
/// Brings an operand's rows, a step of the depth at a time, into a ring of stages in shared memory. A thread copies sixteen bytes of the same
/// column of every n-th row, so that one address and constants do for all of them; units are exchanged by the row's swizzle.
/// </summary>
internal sealed class OperandCopy
{
    private const int UnitBytes = 16;

    private readonly KernelBuilder _b;
    private readonly GemmTile _tile;
    private readonly int _stageBytes;
    private readonly SharedPointer _target;
    private readonly B64 _source;
    private readonly B32[] _rows; // by pass the distance of its row where rows may be missing; 32 bits, since registers are scarce
    private readonly int _rowsPerPass;
    private readonly long _pitchBytes;
    private readonly Pred? _takesPart;

    /// <summary>Computes a thread's addresses.</summary>
    /// <param name="b">The kernel.</param>
    /// <param name="tile">Threads and bytes of a step.</param>
    /// <param name="rows">Rows of the operand in a tile.</param>
    /// <param name="stage">Its part of stage 0.</param>
    /// <param name="stageBytes">Bytes between stages.</param>
    /// <param name="thread">The thread.</param>
    /// <param name="plane">Address of the operand's row 0 at the first step.</param>
    /// <param name="firstRow">The tile's first row.</param>
    /// <param name="limit">Rows of the operand: those beyond read the last one; null if there are none beyond.</param>
    /// <param name="pitchBytes">Bytes between rows.</param>
    public OperandCopy(
        KernelBuilder b, GemmTile tile, int rows, SharedPointer stage, int stageBytes, B32 thread, B64 plane, B32 firstRow, B32? limit, int pitchBytes)
    {
        (_b, _tile, _stageBytes, _pitchBytes) = (b, tile, stageBytes, pitchBytes);
        var unitsPerRow = tile.DepthBytes / UnitBytes;
        _rowsPerPass = tile.Threads / unitsPerRow;
        Passes = (rows + _rowsPerPass - 1) / _rowsPerPass;
        var row = b.DivU32(thread, unitsPerRow);
        Unit = b.And(thread, unitsPerRow - 1);
        var offset = b.Swizzled(new Swizzle(tile.DepthBytes), b.Mad(row, tile.DepthBytes, b.Shl(Unit, 4)));
        _target = new SharedPointer(b.Add(stage.Base, offset), stage.Offset);
        _takesPart = rows % _rowsPerPass == 0 ? null : b.CompareU32(Comparison.Less, row, rows % _rowsPerPass);
        var column = b.Add(plane, b.ExtendU32(b.Shl(Unit, 4)));
        if (limit is not { } count)
        {
            _source = b.MadWideU32(b.Add(firstRow, row), pitchBytes, column);
            _rows = [];
            return;
        }

        _source = b.MadWideU32(firstRow, pitchBytes, column);
        var last = b.Sub(b.Sub(count, 1), firstRow);
        _rows = [.. Enumerable.Range(0, Passes).Select(pass => b.MulLo(b.MinU32(b.Add(row, pass * _rowsPerPass), last), pitchBytes))];
    }

    /// <summary>Copies of a thread for a step.</summary>
    public int Passes { get; }

    /// <summary>The sixteen bytes of a row that the thread copies.</summary>
    public B32 Unit { get; }

    /// <summary>Starts one of a step's copies.</summary>
    /// <param name="pass">Which.</param>
    /// <param name="stage">Stage that it fills.</param>
    /// <param name="step">Step ahead of where the addresses are.</param>
    /// <param name="sourceBytes">Bytes that are there; null for all sixteen.</param>
    public void Start(int pass, int stage, int step, B32? sourceBytes)
    {
        var start = (long)step * _tile.DepthBytes;
        var from = _rows.Length == 0
            ? new GlobalPointer(_source, start + (pass * _rowsPerPass * _pitchBytes))
            : new GlobalPointer(_b.Add(_source, _b.ExtendU32(_rows[pass])), start);
        var to = _target + (stage * _stageBytes) + (pass * _rowsPerPass * _tile.DepthBytes);
        if (pass == Passes - 1 && _takesPart is { } takesPart)
        {
            using (_b.When(takesPart))
            {
                _b.CopyAsync(to, from, UnitBytes, sourceBytes);
            }
        }
        else
        {
            _b.CopyAsync(to, from, UnitBytes, sourceBytes);
        }
    }

    /// <summary>Moves the addresses on.</summary>
    public void Advance(long bytes) => _b.Assign(_source, _b.Add(_source, bytes));
}
