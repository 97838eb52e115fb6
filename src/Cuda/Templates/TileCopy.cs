using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Templates;

/// <summary>
/// Rows of a tensor on their way into shared memory: asynchronous copies of sixteen bytes, shared out among the threads of a block. What of the
/// addresses is the same for every tile is computed once.
/// </summary>
internal sealed class TileCopy
{
    private const int ChunkBytes = 16;

    private readonly KernelBuilder _b;
    private readonly TileRow _layout;
    private readonly B32 _stride;
    private readonly B32 _limit;
    private readonly int _rows;
    private readonly int _rowsAtOnce;
    private readonly Piece[] _pieces;

    /// <summary>Computes a thread's share.</summary>
    /// <param name="b">The kernel.</param>
    /// <param name="thread">Number of the thread.</param>
    /// <param name="threads">Threads of the block.</param>
    /// <param name="layout">How rows lie in shared memory.</param>
    /// <param name="plane">Address of the tensor's row 0.</param>
    /// <param name="stride">Bytes between its rows.</param>
    /// <param name="limit">Rows of the tensor.</param>
    /// <param name="rows">Rows of a tile.</param>
    public TileCopy(KernelBuilder b, B32 thread, int threads, TileRow layout, B64 plane, B32 stride, B32 limit, int rows)
    {
        (_b, _layout, _stride, _limit, _rows) = (b, layout, stride, limit, rows);
        var chunks = layout.PaddedBytes / ChunkBytes; // of a row

        // Where the threads are whole rows of chunks, each copies one column of them, and addresses go on by constants.
        _rowsAtOnce = threads % chunks == 0 ? threads / chunks : 0;
        var pieces = _rowsAtOnce > 0 ? 1 : ((rows * chunks) + threads - 1) / threads;
        _pieces = [.. Enumerable.Range(1, pieces).Select(end => PieceOf(b.Add(thread, (end - 1) * threads), chunks, plane, end * threads <= rows * chunks))];
    }

    /// <summary>Asks for a tile. Rows beyond the tensor's end and bytes beyond the row's become zeros.</summary>
    /// <param name="tile">Where it goes.</param>
    /// <param name="first">Its first row.</param>
    public void Ask(SharedPointer tile, B32 first)
    {
        foreach (var piece in _pieces)
        {
            var position = _b.Add(first, piece.Row);
            var source = _b.MadWideU32(position, _stride, piece.Source);
            var target = new SharedPointer(_b.Add(tile.Base, piece.Target), tile.Offset);
            if (_rowsAtOnce == 0)
            {
                Copy(target, source, position, piece, piece.IsWhole ? null : _rows);
                continue;
            }

            var step = _b.MulWideU32(_stride, _rowsAtOnce);
            for (var start = 0; start < _rows; start += _rowsAtOnce)
            {
                Copy(target + (start * _layout.Pitch), source, _b.Add(position, start), piece, start + _rowsAtOnce > _rows ? _rows - start : null);
                source = _b.Add(source, step);
            }
        }
    }

    private Piece PieceOf(B32 index, int chunks, B64 plane, bool isWhole)
    {
        var row = _b.DivU32(index, chunks);
        var chunk = _b.RemU32(index, chunks);
        var column = _b.Shl(chunk, 4);
        return new Piece(row, chunk, _b.Add(plane, _b.ExtendU32(column)), _b.Mad(row, _layout.Pitch, column), isWhole);
    }

    // Rows: how many of the tile there are, where this piece may lie beyond.
    private void Copy(SharedPointer target, B64 source, B32 position, Piece piece, int? rows)
    {
        var isThere = _b.CompareU32(Comparison.Less, position, _limit);
        if (_layout.Bytes < _layout.PaddedBytes)
        {
            isThere = _b.And(isThere, _b.CompareU32(Comparison.Less, piece.Chunk, _layout.Bytes / ChunkBytes));
        }

        var bytes = _b.Select<B32>(isThere, ChunkBytes, 0);
        if (rows is not { } limit)
        {
            _b.CopyAsync(target, new GlobalPointer(source), ChunkBytes, bytes);
            return;
        }

        using (_b.When(_b.CompareU32(Comparison.Less, piece.Row, limit)))
        {
            _b.CopyAsync(target, new GlobalPointer(source), ChunkBytes, bytes);
        }
    }

    /// <summary>Sixteen bytes of each of some rows.</summary>
    /// <param name="Row">First row, in the tile.</param>
    /// <param name="Chunk">Which sixteen bytes.</param>
    /// <param name="Source">Where they are in the tensor's row 0.</param>
    /// <param name="Target">Where they go in the tile.</param>
    /// <param name="IsWhole">True if all threads have a part of it that lies in the tile.</param>
    private sealed record Piece(B32 Row, B32 Chunk, B64 Source, B32 Target, bool IsWhole);
}

/// <summary>A row of a tile in shared memory.</summary>
/// <param name="Bytes">What the tensor's row has, a multiple of 16.</param>
/// <param name="PaddedBytes">With the zeros behind, that products read.</param>
internal readonly record struct TileRow(int Bytes, int PaddedBytes)
{
    /// <summary>Bytes from row to row: sixteen more, so that eight rows' sixteen bytes lie in different banks.</summary>
    public int Pitch => PaddedBytes + 16;

    /// <summary>A row padded to whole steps.</summary>
    public static TileRow Of(int bytes, int step) => new(bytes, (bytes + step - 1) / step * step);
}
