namespace Stof.Reference.Formats;

/// <summary>
/// Bitmaps of tiles, from the storage order (8×8 words, inner columns outermost; bit 8·r + c) to the order in which a warp's lanes hold
/// the accumulators of <c>mma.m16n8</c>: a bit for each accumulator register, so that a lane tests its mask with constants.
/// A word needs no shuffle within: bit 8·r + c is bit 2·lane + register, because lane 4·r + c/2 holds columns c and c + 1.
/// </summary>
public static class FragmentBitmaps
{
    /// <summary>Rows of a warp's accumulators.</summary>
    public const int BlockRows = 16;

    /// <summary>Columns whose accumulators fill a lane's 32 bits.</summary>
    public const int ChunkColumns = 64;

    private const int Lanes = 32;
    private const int Inner = 8;

    /// <summary>32-bit words of a block of 16 rows: 32 lanes for each 64 columns begun.</summary>
    public static int WordsPerBlock(int columns) => Lanes * ((columns + ChunkColumns - 1) / ChunkColumns);

    /// <summary>The accumulator register that holds an element of a block of 16 rows.</summary>
    /// <param name="row">0 to 15.</param>
    /// <param name="column">Column of the tile.</param>
    /// <returns>Lane, and register: 4 for each 8 columns.</returns>
    public static (int Lane, int Register) Place(int row, int column) =>
        ((4 * (row % Inner)) + (column % Inner / 2), (4 * (column / Inner)) + (2 * (row / Inner)) + (column % 2));

    /// <summary>Reorders the bits of 16 rows.</summary>
    /// <param name="words">The tile's words, inner columns outermost.</param>
    /// <param name="rows">Rows of the tile, a multiple of 16.</param>
    /// <param name="columns">Columns of the tile, a multiple of 8.</param>
    /// <param name="block">Which 16 rows.</param>
    /// <param name="lanes">
    /// <see cref="WordsPerBlock"/> words: for each 64 columns 32 lanes; bit i of a lane's word is its accumulator register i of these columns.
    /// </param>
    /// <exception cref="InvalidInputException">Sizes do not fit one another.</exception>
    public static void ToLanes(ReadOnlySpan<ulong> words, int rows, int columns, int block, Span<uint> lanes)
    {
        Check(words.Length, rows, columns, block, lanes.Length);
        lanes.Clear();
        for (var column = 0; column < columns / Inner; column++)
        {
            var chunk = lanes.Slice(column * Inner / ChunkColumns * Lanes, Lanes);
            for (var half = 0; half < 2; half++)
            {
                var word = words[(column * (rows / Inner)) + (2 * block) + half];
                var shift = (4 * (column % (ChunkColumns / Inner))) + (2 * half);
                for (var lane = 0; lane < Lanes; lane++)
                {
                    chunk[lane] |= (uint)(word >> (2 * lane) & 3) << shift;
                }
            }
        }
    }

    /// <summary>The way back.</summary>
    /// <param name="lanes">What <see cref="ToLanes"/> gives.</param>
    /// <param name="words">The tile's words; those of the block are overwritten.</param>
    /// <param name="rows">Rows of the tile, a multiple of 16.</param>
    /// <param name="columns">Columns of the tile, a multiple of 8.</param>
    /// <param name="block">Which 16 rows.</param>
    /// <exception cref="InvalidInputException">Sizes do not fit one another.</exception>
    public static void FromLanes(ReadOnlySpan<uint> lanes, Span<ulong> words, int rows, int columns, int block)
    {
        Check(words.Length, rows, columns, block, lanes.Length);
        for (var column = 0; column < columns / Inner; column++)
        {
            var chunk = lanes.Slice(column * Inner / ChunkColumns * Lanes, Lanes);
            for (var half = 0; half < 2; half++)
            {
                var shift = (4 * (column % (ChunkColumns / Inner))) + (2 * half);
                var word = 0UL;
                for (var lane = 0; lane < Lanes; lane++)
                {
                    word |= (ulong)(chunk[lane] >> shift & 3) << (2 * lane);
                }

                words[(column * (rows / Inner)) + (2 * block) + half] = word;
            }
        }
    }

    private static void Check(int words, int rows, int columns, int block, int lanes)
    {
        if (rows % BlockRows != 0 || columns % Inner != 0 || words != rows * columns / (Inner * Inner))
        {
            throw new InvalidInputException(
                "tile", $"{rows}×{columns} in {words} words", "rows a multiple of 16, columns of 8, and a word for each 8×8");
        }

        if (block < 0 || block >= rows / BlockRows || lanes != WordsPerBlock(columns))
        {
            throw new InvalidInputException(
                "block", $"{block} with {lanes} words", $"0 to {(rows / BlockRows) - 1} with {WordsPerBlock(columns)} words");
        }
    }
}
