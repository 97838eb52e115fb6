namespace Stof.Reference.Cpu.Simd;

/// <summary>Packed rows that workers share, block after block; default for none.</summary>
internal readonly unsafe struct PackedBlocks(float* address, int rowBlock, int depth)
{
    /// <summary>False for default.</summary>
    public bool IsPresent => address is not null;

    /// <summary>Floats of so many rows in blocks.</summary>
    public static long Floats(int rows, int rowBlock, int depth) =>
        ((rows + (long)rowBlock - 1) / rowBlock) * GemmLayout.RowPanels(rowBlock) * GemmLayout.RowPanelFloats(depth);

    /// <summary>First row panel of a block.</summary>
    public float* Block(int index) => address + (index * GemmLayout.RowPanels(rowBlock) * GemmLayout.RowPanelFloats(depth));
}

/// <summary>Where a product's rows come from: a matrix, whose rows a worker packs for itself, or rows packed before.</summary>
/// <param name="matrix">The matrix; default if they are packed.</param>
/// <param name="prologue">Normalisation of its rows, if any.</param>
/// <param name="packed">The packed rows; default if they are not.</param>
/// <param name="count">Number of rows.</param>
internal readonly struct GemmRows(MatrixView matrix, PinnedNorm prologue, PackedBlocks packed, int count)
{
    public readonly MatrixView Matrix = matrix;
    public readonly PinnedNorm Prologue = prologue;
    public readonly PackedBlocks Packed = packed;
    public readonly int Count = count;
}
