namespace Stof.Reference.Cpu.Oracle;

/// <summary>Operators that look at ids and positions.</summary>
public static class CompensatedPosition
{
    /// <summary>
    /// Rotary position embedding (Su et al. 2021) in the rotate-half form: the pair (i, i + d/2) is turned by
    /// position·base^(−2i/d).
    /// </summary>
    /// <param name="x">[rows, d], d even.</param>
    /// <param name="positions">Absolute position of each row, 0 to 10⁶.</param>
    /// <param name="size">d.</param>
    /// <param name="theta">The base.</param>
    /// <exception cref="InvalidInputException">The lengths do not fit, or d is odd.</exception>
    public static double[] Rope(ReadOnlySpan<double> x, ReadOnlySpan<int> positions, int size, double theta = 10000)
    {
        CompensatedGemm.Require(size >= 2 && size % 2 == 0, nameof(size), size, "an even number");
        CompensatedGemm.Require(
            x.Length == (long)positions.Length * size, nameof(x), x.Length, $"{positions.Length} rows of {size}");
        var half = size / 2;
        var logTheta = CompensatedFunctions.Log(theta);
        var result = new double[x.Length];
        for (var i = 0; i < half; i++)
        {
            var frequency = CompensatedFunctions.Exp(-(logTheta * (2.0 * i) / size));
            for (var row = 0; row < positions.Length; row++)
            {
                var (sin, cos) = CompensatedFunctions.SinCos(frequency * positions[row]);
                var (first, second) = (x[(row * size) + i], x[(row * size) + i + half]);
                result[(row * size) + i] = ((cos * first) - (sin * second)).Hi;
                result[(row * size) + i + half] = ((cos * second) + (sin * first)).Hi;
            }
        }

        return result;
    }

    /// <summary>Rows of a table: [ids, width].</summary>
    /// <param name="table">[entries, width].</param>
    /// <param name="ids">Each from 0 to entries − 1.</param>
    /// <param name="width">Elements a row.</param>
    /// <exception cref="InvalidInputException">An id is out of range, or the table does not fit.</exception>
    public static double[] Embedding(ReadOnlySpan<double> table, ReadOnlySpan<long> ids, int width)
    {
        CompensatedGemm.Require(width >= 1 && table.Length % width == 0, nameof(table), table.Length, $"rows of {width}");
        var entries = table.Length / width;
        var result = new double[ids.Length * width];
        for (var i = 0; i < ids.Length; i++)
        {
            if (ids[i] < 0 || ids[i] >= entries)
            {
                throw new InvalidInputException(nameof(ids), $"{ids[i]} in place {i}", $"0 to {entries - 1}");
            }

            table.Slice((int)ids[i] * width, width).CopyTo(result.AsSpan(i * width));
        }

        return result;
    }
}
