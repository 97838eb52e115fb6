using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Templates;

/// <summary>Rows of a tensor on their way into shared memory: asynchronous copies of sixteen bytes, shared out among the threads of a block.</summary>
/// <param name="b">The kernel.</param>
/// <param name="thread">Number of the thread.</param>
/// <param name="threads">Threads of the block.</param>
internal sealed class TileCopy(KernelBuilder b, B32 thread, int threads)
{
    private const int ChunkBytes = 16;

    /// <summary>Asks for rows. Those beyond the tensor's end and bytes beyond the row's become zeros.</summary>
    /// <param name="tile">Where they go.</param>
    /// <param name="layout">How rows lie there.</param>
    /// <param name="plane">Address of the tensor's row 0.</param>
    /// <param name="stride">Bytes between its rows.</param>
    /// <param name="first">First row.</param>
    /// <param name="limit">Rows of the tensor.</param>
    /// <param name="rows">Rows of the tile.</param>
    public void Ask(SharedPointer tile, TileRow layout, B64 plane, B32 stride, B32 first, B32 limit, int rows)
    {
        var chunks = layout.PaddedBytes / ChunkBytes; // of a row
        if (threads % chunks == 0)
        {
            AskByColumns(tile, layout, plane, stride, first, limit, rows, chunks);
            return;
        }

        for (var start = 0; start < rows * chunks; start += threads)
        {
            var index = b.Add(thread, start);
            var row = b.DivU32(index, chunks);
            var chunk = b.Sub(index, b.MulLo(row, chunks));
            var position = b.Add(first, row);
            var source = b.Add(b.MadWideU32(position, stride, plane), b.ExtendU32(b.Shl(chunk, 4)));
            var target = new SharedPointer(b.Add(tile.Base, b.Mad(row, layout.Pitch, b.Shl(chunk, 4))), tile.Offset);
            Copy(
                target, source, b.CompareU32(Comparison.Less, position, limit), chunk, layout,
                start + threads > rows * chunks ? b.CompareU32(Comparison.Less, index, rows * chunks) : null);
        }
    }

    // Where the threads are whole rows of chunks, each copies one column of them: addresses go on by constants.
    private void AskByColumns(SharedPointer tile, TileRow layout, B64 plane, B32 stride, B32 first, B32 limit, int rows, int chunks)
    {
        var rowsAtOnce = threads / chunks;
        var row = b.DivU32(thread, chunks);
        var chunk = b.Sub(thread, b.MulLo(row, chunks));
        var position = b.Add(first, row);
        var source = b.Add(b.MadWideU32(position, stride, plane), b.ExtendU32(b.Shl(chunk, 4)));
        var step = b.MulWideU32(stride, rowsAtOnce);
        var target = new SharedPointer(b.Add(tile.Base, b.Mad(row, layout.Pitch, b.Shl(chunk, 4))), tile.Offset);
        for (var start = 0; start < rows; start += rowsAtOnce)
        {
            var isThere = b.CompareU32(Comparison.Less, b.Add(position, start), limit);
            Copy(
                target + (start * layout.Pitch), source, isThere, chunk, layout,
                start + rowsAtOnce > rows ? b.CompareU32(Comparison.Less, b.Add(row, start), rows) : null);
            source = b.Add(source, step);
        }
    }

    private void Copy(SharedPointer target, B64 source, Pred isThere, B32 chunk, TileRow layout, Pred? isMine)
    {
        if (layout.Bytes < layout.PaddedBytes)
        {
            isThere = b.And(isThere, b.CompareU32(Comparison.Less, chunk, layout.Bytes / ChunkBytes));
        }

        var bytes = b.Select<B32>(isThere, ChunkBytes, 0);
        if (isMine is not { } mine)
        {
            b.CopyAsync(target, new GlobalPointer(source), ChunkBytes, bytes);
            return;
        }

        using (b.When(mine))
        {
            b.CopyAsync(target, new GlobalPointer(source), ChunkBytes, bytes);
        }
    }
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
