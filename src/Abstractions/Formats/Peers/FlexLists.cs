namespace Stof.Reference.Formats.Peers;

/// <summary>FlexAttention's lists of tiles: a count a row, and rows of equal width whose entries past the count mean nothing.</summary>
/// <param name="Counts">Listed tiles of every row.</param>
/// <param name="Indices">The tiles, [rows, width].</param>
/// <param name="Width">Entries a row.</param>
public sealed record FlexLists(int[] Counts, int[] Indices, int Width)
{
    /// <summary>The listed tiles of one row, ascending.</summary>
    public ReadOnlySpan<int> Row(int row) => Indices.AsSpan(row * Width, Counts[row]);

    /// <summary>From running counts; the entries past a row's count are the columns that it does not list, ascending.</summary>
    /// <exception cref="InvalidInputException">There are more entries than an array holds.</exception>
    internal static FlexLists Build(int[] rowPtr, int[] colIdx, int columns)
    {
        var rows = rowPtr.Length - 1;
        var entries = (long)rows * columns;
        FormatRules.Require(entries <= Array.MaxLength, "mask", $"{entries} entries of kv_indices", $"at most {Array.MaxLength}; take larger tiles");
        var lists = new FlexLists(new int[rows], new int[entries], columns);
        for (var row = 0; row < rows; row++)
        {
            var listed = colIdx.AsSpan(rowPtr[row], rowPtr[row + 1] - rowPtr[row]);
            var target = lists.Indices.AsSpan(row * columns, columns);
            lists.Counts[row] = listed.Length;
            listed.CopyTo(target);
            var (next, padding) = (0, listed.Length);
            for (var column = 0; column < columns; column++)
            {
                if (next < listed.Length && listed[next] == column)
                {
                    next++;
                }
                else
                {
                    target[padding++] = column;
                }
            }
        }

        return lists;
    }

    /// <summary>Checks counts and listed columns.</summary>
    internal void Check(string prefix, int columns)
    {
        for (var row = 0; row < Counts.Length; row++)
        {
            if (Counts[row] < 0 || Counts[row] > Width)
            {
                throw FormatRules.Wrong($"{prefix}kv_num_blocks, row {row}", Counts[row], $"0 to {Width}, the width of {prefix}kv_indices");
            }

            var least = 0;
            for (var entry = 0; entry < Counts[row]; entry++)
            {
                var column = Indices[(row * Width) + entry];
                if (column < least || column >= columns)
                {
                    throw FormatRules.Wrong($"{prefix}kv_indices, row {row}, entry {entry}", column, $"{least} to {columns - 1}, ascending");
                }

                least = column + 1;
            }
        }
    }
}
