namespace Stof.Reference.Formats;

/// <summary>Checks that several formats share. A violation names its array and index.</summary>
internal static class FormatRules
{
    /// <summary>Refuses unless the condition holds. For checks of every entry use <see cref="Wrong"/>, which costs nothing where all is well.</summary>
    public static void Require(bool condition, string name, object found, string expected)
    {
        if (!condition)
        {
            throw Wrong(name, found, expected);
        }
    }

    /// <summary>The refusal of one entry.</summary>
    public static InvalidInputException Wrong(string name, object found, string expected) => new(name, $"{found}", expected);

    /// <summary>
    /// Checks a running count: one entry a row and one more, from 0, never decreasing, up to the length of what it counts.
    /// </summary>
    /// <param name="name">The array of running counts.</param>
    /// <param name="pointers">Its entries.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="row">What a row is called.</param>
    /// <param name="counted">The array whose entries are counted.</param>
    /// <param name="count">How many there are.</param>
    public static void CheckPointers(string name, ReadOnlySpan<int> pointers, long rows, string row, string counted, long count)
    {
        Require(pointers.Length == rows + 1, name, $"{pointers.Length} entries", $"{rows + 1}, one a {row} and one more");
        Require(pointers[0] == 0, $"{name}[0]", pointers[0], "0");
        for (var i = 1; i < pointers.Length; i++)
        {
            if (pointers[i] < pointers[i - 1])
            {
                throw Wrong($"{name}[{i}]", pointers[i], $"{pointers[i - 1]} or more");
            }
        }

        Require(pointers[^1] == count, $"{name}[{rows}]", pointers[^1], $"{count}, the length of {counted}");
    }

    /// <summary>Checks that the indices of every row ascend, each once, from 0 to below a limit.</summary>
    /// <param name="name">The array of indices.</param>
    /// <param name="indices">Its entries.</param>
    /// <param name="pointers">Checked running counts of them.</param>
    /// <param name="limit">One past the largest index.</param>
    /// <param name="row">What a row is called.</param>
    public static void CheckAscending(string name, ReadOnlySpan<int> indices, ReadOnlySpan<int> pointers, int limit, string row)
    {
        for (var i = 0; i + 1 < pointers.Length; i++)
        {
            var least = 0;
            for (var entry = pointers[i]; entry < pointers[i + 1]; entry++)
            {
                if (indices[entry] < least || indices[entry] >= limit)
                {
                    throw Wrong($"{name}[{entry}]", indices[entry], $"{least} to {limit - 1}, ascending in {row} {i}");
                }

                least = indices[entry] + 1;
            }
        }
    }
}
