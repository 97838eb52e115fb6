namespace Stof.Reference.Formats;

/// <summary>Size of an outer tile: BM queries by BN keys.</summary>
/// <param name="Rows">BM, a positive multiple of 8.</param>
/// <param name="Columns">BN, a positive multiple of 8.</param>
public readonly record struct TileShape(int Rows, int Columns)
{
    /// <summary>Side of an inner tile: 8×8 bits in one 64-bit word.</summary>
    public const int Inner = 8;

    /// <summary>Longest side; a bitmap then has at most a million words.</summary>
    public const int MaxSide = 8192;

    /// <summary>STOF's tile, 64×64.</summary>
    public static TileShape Default => new(64, 64);

    /// <summary>Bitmap words of one part tile.</summary>
    public int WordsPerTile => Rows / Inner * (Columns / Inner);

    /// <summary>
    /// Word that holds element (row, column) of a tile: inner-tile columns outer, inner-tile rows inner.
    /// </summary>
    public int WordIndex(int row, int column) => (Rows / Inner * (column / Inner)) + (row / Inner);

    /// <summary>Bit of element (row, column) in its word: 8·r + c inside the inner tile, least significant first.</summary>
    public static int BitIndex(int row, int column) => (Inner * (row % Inner)) + (column % Inner);

    /// <summary>Checks the sides.</summary>
    /// <param name="argument">What a message calls them.</param>
    /// <returns>This shape.</returns>
    /// <exception cref="InvalidInputException">A side is not a multiple of 8 from 8 to <see cref="MaxSide"/>.</exception>
    public TileShape Validated(string argument = "tile")
    {
        if (Rows is <= 0 or > MaxSide || Columns is <= 0 or > MaxSide || Rows % Inner != 0 || Columns % Inner != 0)
        {
            throw new InvalidInputException(argument, ToString(), $"multiples of 8 from 8 to {MaxSide}, such as 64x64");
        }

        return this;
    }

    /// <summary>Reads the form <c>64x64</c>.</summary>
    /// <exception cref="InvalidInputException">The text is no tile size.</exception>
    public static TileShape Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var sides = text.Split('x');
        return sides.Length == 2 && int.TryParse(sides[0], out var rows) && int.TryParse(sides[1], out var columns)
            ? new TileShape(rows, columns).Validated()
            : throw new InvalidInputException("tile", $"'{text}'", "rows x columns, such as 64x64");
    }

    /// <summary>Renders as <c>64x64</c>.</summary>
    public override string ToString() => $"{Rows}x{Columns}";
}
