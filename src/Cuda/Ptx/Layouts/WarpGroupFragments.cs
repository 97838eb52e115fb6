namespace Stof.Reference.Cuda.Ptx.Layouts;

/// <summary>
/// Where <c>wgmma.mma_async.m64nNk16</c> keeps matrices in the registers of a warp group (four warps): warp w has rows 16·w to 16·w + 15
/// (PTX ISA, "Register Fragments for wgmma.mma_async.m64nNk16").
/// </summary>
public static class WarpGroupFragments
{
    /// <summary>Rows of the accumulators and of A.</summary>
    public const int Rows = 64;

    /// <summary>Columns of A with 16-bit elements.</summary>
    public const int Depth = 16;

    /// <summary>Threads of a warp group.</summary>
    public const int Threads = 128;

    /// <summary>Float accumulators of a thread for N columns.</summary>
    /// <exception cref="InvalidInputException">N is no multiple of 8 from 8 to 256.</exception>
    public static int Accumulators(int columns) => columns is >= 8 and <= 256 && columns % 8 == 0
        ? columns / 2
        : throw new InvalidInputException(nameof(columns), $"{columns}", "a multiple of 8 from 8 to 256");

    /// <summary>The matrix element of an accumulator register.</summary>
    /// <param name="thread">0 to 127 within the warp group.</param>
    /// <param name="register">0 to <see cref="Accumulators"/> − 1.</param>
    public static (int Row, int Column) Accumulator(int thread, int register)
    {
        var (warp, lane) = (thread / 32, thread % 32);
        return ((16 * warp) + (lane / 4) + (8 * (register / 2 % 2)), (8 * (register / 4)) + (2 * (lane % 4)) + (register % 2));
    }

    /// <summary>The accumulator register of a matrix element.</summary>
    public static (int Thread, int Register) AccumulatorOf(int row, int column)
    {
        var (warp, inWarp) = (row / 16, row % 16);
        var thread = (32 * warp) + (4 * (inWarp % 8)) + (column % 8 / 2);
        return (thread, (4 * (column / 8)) + (2 * (inWarp / 8)) + (column % 2));
    }

    /// <summary>The element of A (64×16, 16-bit) in half <paramref name="element"/> of one of a thread's four registers.</summary>
    /// <param name="thread">0 to 127 within the warp group.</param>
    /// <param name="register">0 to 3.</param>
    /// <param name="element">0 for the low half, 1 for the high one.</param>
    public static (int Row, int Column) A(int thread, int register, int element)
    {
        var (warp, lane) = (thread / 32, thread % 32);
        return ((16 * warp) + (lane / 4) + (8 * (register % 2)), (8 * (register / 2)) + (2 * (lane % 4)) + element);
    }
}
