using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Fusion;
using Stof.Reference.Numerics;

namespace Stof.Reference.Cuda.Templates;

/// <summary>How a product is cut: what a block owns, how deep a step is, and how warps share it.</summary>
/// <param name="Rows">BM: rows of C of a block.</param>
/// <param name="Columns">BN: columns of C of a block.</param>
/// <param name="DepthBytes">BK in bytes of a row, 64 or 128: 32 or 64 halves, 16 or 32 floats.</param>
/// <param name="Stages">Steps of A and B in shared memory at a time, 2 to 4.</param>
/// <param name="WarpRows">Warps along the rows.</param>
/// <param name="WarpColumns">Warps along the columns.</param>
public sealed record GemmTile(int Rows, int Columns, int DepthBytes, int Stages, int WarpRows, int WarpColumns)
{
    private const int LargestThreadRegisters = 255;
    private const int RegisterFile = 65_536;
    private const int AddressRegisters = 40; // pointers, lane addresses, counters
    private const int WarpLanes = 32;

    /// <summary>Warps of a block.</summary>
    public int Warps => WarpRows * WarpColumns;

    /// <summary>Threads of a block.</summary>
    public int Threads => Warps * WarpLanes;

    /// <summary>Rows of C of a warp.</summary>
    public int WarpTileRows => Rows / WarpRows;

    /// <summary>Columns of C of a warp.</summary>
    public int WarpTileColumns => Columns / WarpColumns;

    /// <summary>Bytes of one stage: A's rows, then B's.</summary>
    public int StageBytes => (Rows + Columns) * DepthBytes;

    /// <summary>Shared memory of a block: its place, and the ring of stages, or the tile of C that is put in order in the same place.</summary>
    /// <param name="type">Type of the elements.</param>
    public int SharedBytes(DType type) => Math.Max(Stages * StageBytes, type == DType.F32 ? 0 : Rows * Columns * type.Size()) + BlockPlace.Bytes;

    /// <summary>Sums of C that a thread holds.</summary>
    internal int Sums => WarpTileRows * WarpTileColumns / WarpLanes;

    /// <summary>BK in elements.</summary>
    public int Depth(DType type) => DepthBytes / type.Size();

    /// <summary>Registers that a thread holds at once, counted: sums, two steps of both operands, addresses.</summary>
    public int Registers(DType type)
    {
        var fragments = type == DType.F32
            ? 4 * ((WarpTileRows / FmaThreads.Rows) + (WarpTileColumns / FmaThreads.Columns))
            : 2 * (4 * (WarpTileRows / MmaShape.Rows)) + (2 * 2 * (WarpTileColumns / MmaShape.Columns));
        return Sums + fragments + AddressRegisters;
    }

    /// <summary>Null if a block of this tile fits a target, or why not: <c>tile-shape</c>, <c>registers</c>, <c>shared-memory</c>.</summary>
    public Refusal? Check(DType type, Target target)
    {
        ArgumentNullException.ThrowIfNull(target);
        var (stepRows, stepColumns) = type == DType.F32 ? (FmaThreads.Rows, FmaThreads.Columns) : (MmaShape.Rows, 2 * MmaShape.Columns);
        if (DepthBytes is not (64 or 128) || Stages is < 2 or > 4 || WarpRows < 1 || WarpColumns < 1 || Warps is not (1 or 2 or 4 or 8)
            || Threads * RowPitch.Bytes < 8 * DepthBytes // a pass of copies takes whole periods of the swizzle
            || Rows < 1 || Columns < 1 || Rows % (WarpRows * stepRows) != 0 || Columns % (WarpColumns * stepColumns) != 0)
        {
            return new Refusal(
                "tile-shape",
                $"{this}: warps take multiples of {stepRows}x{stepColumns}, 1, 2, 4 or 8 of them (2 at least for 128 bytes), steps of 64 or 128 bytes, 2 to 4 stages");
        }

        var limit = Math.Min(LargestThreadRegisters, RegisterFile / Threads);
        if (Registers(type) > limit)
        {
            return new Refusal("registers", $"{this} needs about {Registers(type)} registers a thread, {limit} are there");
        }

        return SharedBytes(type) > target.SharedBytes
            ? new Refusal("shared-memory", $"{this} needs {SharedBytes(type):N0} bytes of shared memory, {target.Name} has {target.SharedBytes:N0}")
            : null;
    }

    /// <summary>Such as <c>128x256x64x3-2x4</c>: rows, columns, bytes of a step, stages, warps along rows and columns.</summary>
    public override string ToString() => $"{Rows}x{Columns}x{DepthBytes}x{Stages}-{WarpRows}x{WarpColumns}";

    /// <summary>Reads what <see cref="ToString"/> writes.</summary>
    /// <exception cref="InvalidInputException">It is no tile.</exception>
    public static GemmTile Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var parts = text.Split('x', '-');
        var numbers = new int[6];
        if (parts.Length == numbers.Length)
        {
            var isRead = true;
            for (var i = 0; i < parts.Length; i++)
            {
                isRead &= int.TryParse(parts[i], out numbers[i]);
            }

            if (isRead && new GemmTile(numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5]) is var tile && tile.ToString() == text)
            {
                return tile;
            }
        }

        throw new InvalidInputException("tile", $"'{text}'", "rows x columns x bytes of a step x stages - warps along rows x along columns, such as 128x256x64x3-2x4");
    }
}

/// <summary>How the lanes of a warp share rows and columns where each multiplies on its own (F32).</summary>
internal static class FmaThreads
{
    /// <summary>Lanes along the rows.</summary>
    public const int Rows = 8;

    /// <summary>Lanes along the columns.</summary>
    public const int Columns = 4;
}
