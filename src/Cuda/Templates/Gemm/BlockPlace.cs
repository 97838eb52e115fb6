using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Templates;

/// <summary>
/// Which tile of C a block takes. Blocks start in the order of x; groups of tile rows walk all columns before the next group starts, so that what
/// runs together shares its rows of A and its columns of B in the second-level cache.
/// </summary>
internal sealed class BlockPlace
{
    /// <summary>Finds the block's tile.</summary>
    /// <param name="b">The kernel.</param>
    /// <param name="spec">Its shape.</param>
    /// <param name="rows">Rows of C.</param>
    public BlockPlace(KernelBuilder b, GemmSpec spec, B32 rows)
    {
        var block = b.BlockX();
        if (spec.TileColumns == 1)
        {
            FirstRow = b.MulLo(block, spec.Tile.Rows);
            FirstColumn = B32.Constant(0);
            return;
        }

        if (spec.ClusterBlocks > 1)
        {
            FirstRow = b.MulLo(b.DivU32(block, spec.TileColumns), spec.Tile.Rows);
            FirstColumn = b.MulLo(b.ClusterRank(), spec.Tile.Columns);
            return;
        }

        var perGroup = GemmSpec.GroupedTileRows * spec.TileColumns;
        var tileRows = b.DivU32(b.Add(rows, spec.Tile.Rows - 1), spec.Tile.Rows);
        var group = b.DivU32(block, perGroup);
        var firstTile = b.MulLo(group, GemmSpec.GroupedTileRows);
        var height = b.MinU32(b.Sub(tileRows, firstTile), GemmSpec.GroupedTileRows);
        var inGroup = b.Sub(block, b.MulLo(group, perGroup));
        // A constant height but in the last group: a division by a register takes as long as a step of the product.
        var column = b.Copy(b.DivU32(inGroup, GemmSpec.GroupedTileRows));
        b.If(b.CompareU32(Comparison.Less, height, GemmSpec.GroupedTileRows), () => b.Assign(column, b.DivU32(inGroup, height)));
        var row = b.Sub(inGroup, b.MulLo(column, height));
        FirstRow = b.MulLo(b.Add(firstTile, row), spec.Tile.Rows);
        FirstColumn = b.MulLo(column, spec.Tile.Columns);
    }

    private BlockPlace(B32 firstRow, B32 firstColumn) => (FirstRow, FirstColumn) = (firstRow, firstColumn);

    /// <summary>Shared memory that a place takes.</summary>
    public const int Bytes = 8;

    /// <summary>First row of the tile.</summary>
    public B32 FirstRow { get; }

    /// <summary>First column of the tile.</summary>
    public B32 FirstColumn { get; }

    /// <summary>Puts the place into shared memory: the loop over the depth needs every register. Visible behind the next barrier.</summary>
    public void Keep(KernelBuilder b, SharedPointer at, B32 thread) =>
        b.If(b.CompareU32(Comparison.Equal, thread, 0), () => b.StoreSharedVector<B32>(at, [b.Copy(FirstRow), b.Copy(FirstColumn)]));

    /// <summary>The place that was kept.</summary>
    public static BlockPlace Kept(KernelBuilder b, SharedPointer at) =>
        b.LoadSharedVector<B32>(at, 2) is [var row, var column] ? new BlockPlace(row, column) : throw new InvalidOperationException("two numbers were loaded");
}
