using Stof.Reference.Numerics;

namespace Stof.Reference.OpenCL.Execution.Models;

/// <summary>How product_matrix.cl cuts a product: four warps, two by two, compute a tile.</summary>
/// <param name="Rows">Rows of the tile.</param>
/// <param name="Columns">Columns of the tile.</param>
/// <param name="Chunks">Depth of a step, in chunks of eight numbers.</param>
/// <param name="Stages">Steps in local memory at a time.</param>
internal sealed record MatrixTile(int Rows, int Columns, int Chunks, int Stages)
{
    private const int WarpsPerSide = 2;
    private const int WarpLanes = 32;
    private const int ChunkElements = 8;
    private const int ChunkBytes = 16;
    private const int EmulationWords = 6; // of a lane

    /// <summary>Work-items of a group.</summary>
    public static int GroupSize => WarpsPerSide * WarpsPerSide * WarpLanes;

    /// <summary>All that are tried, the largest first; all fit into 48 KiB.</summary>
    public static IReadOnlyList<MatrixTile> All { get; } =
        [new(128, 128, 4, 3), new(128, 64, 4, 4), new(64, 128, 4, 4), new(64, 64, 8, 3), new(64, 32, 8, 4), new(32, 64, 8, 4), new(32, 32, 8, 4)];

    /// <summary>Local memory of a group: the ring.</summary>
    public long LocalBytes(bool isEmulated) =>
        ((long)Stages * (Rows + Columns) * Chunks * ChunkBytes) + (isEmulated ? sizeof(uint) * EmulationWords * GroupSize : 0);

    /// <summary>
    /// The tile of a product; null where the device has no matrix units or the kernel does not compute it. A group's time grows with its tile, less than
    /// in proportion, for a small tile reads more for what it computes; groups beyond what the device has at a time come in rounds.
    /// </summary>
    /// <param name="device">The device.</param>
    /// <param name="type">Type of X, W and Y.</param>
    /// <param name="rows">Rows of Y.</param>
    /// <param name="columns">Columns of the product, gates and what they gate both.</param>
    /// <param name="depth">Depth.</param>
    public static MatrixTile? For(KernelDevice device, DType type, int rows, int columns, int depth)
    {
        // Pairs of results are stored, and of a gated product half the columns are results.
        if (device.MatrixUnits == MatrixUnits.None || type is not (DType.F16 or DType.BF16) || depth % ChunkElements != 0 || columns % 4 != 0)
        {
            return null;
        }

        double Cost(MatrixTile tile)
        {
            var groups = Ceiling(rows, tile.Rows) * Ceiling(columns, tile.Columns);
            var sizes = tile.Rows + tile.Columns;
            return Math.Ceiling((double)groups / Math.Max(1, device.Device.ComputeUnits)) * ((tile.Rows * tile.Columns / 64.0) + sizes);
        }

        var isEmulated = device.MatrixUnits == MatrixUnits.Emulated;
        return All.Where(tile => tile.LocalBytes(isEmulated) <= device.Device.LocalBytes && GroupSize <= device.Device.MaxWorkGroup).MinBy(Cost);
    }

    /// <summary>Work-groups of a product.</summary>
    public long Groups(int rows, int columns) => (long)Ceiling(rows, Rows) * Ceiling(columns, Columns);

    /// <summary>The program.</summary>
    public ProgramSpec Program(KernelDevice device, DType type) => ProgramSpec.Of("product_matrix.cl", device.Numbers(type), new ProductMatrixParameters
    {
        TileM = Rows,
        TileN = Columns,
        WarpsM = WarpsPerSide,
        WarpsN = WarpsPerSide,
        Chunks = Chunks,
        Stages = Stages,
        IsEmulated = device.MatrixUnits == MatrixUnits.Emulated,
    });

    /// <inheritdoc/>
    public override string ToString() => $"{Rows}x{Columns}x{Chunks * ChunkElements}, {Stages} stages";

    private static int Ceiling(int value, int unit) => (value + unit - 1) / unit;
}
