namespace Stof.Reference.Cpu.Oracle;

/// <summary>Normalisations over rows, two passes, every output rounded once from double-double.</summary>
public static class CompensatedNorm
{
    /// <summary>(x − mean)/√(variance + eps)·γ + β, variance over n, not n − 1 (Ba, Kiros, Hinton 2016).</summary>
    /// <param name="x">[rows, n].</param>
    /// <param name="gamma">[n].</param>
    /// <param name="beta">[n], or empty for none.</param>
    /// <param name="epsilon">Inside the root.</param>
    /// <exception cref="InvalidInputException">The lengths do not fit.</exception>
    public static double[] LayerNorm(
        ReadOnlySpan<double> x, ReadOnlySpan<double> gamma, ReadOnlySpan<double> beta, double epsilon = 1e-5)
    {
        Check(x, gamma, beta);
        var result = new double[x.Length];
        for (var start = 0; start < x.Length; start += gamma.Length)
        {
            var row = x.Slice(start, gamma.Length);
            DoubleDouble sum = 0;
            foreach (var value in row)
            {
                sum += value;
            }

            var mean = sum / row.Length;
            var inverse = InverseRoot(row, mean, epsilon);
            for (var i = 0; i < row.Length; i++)
            {
                var scaled = (row[i] - mean) * inverse * gamma[i];
                result[start + i] = beta.IsEmpty ? scaled.Hi : (scaled + beta[i]).Hi;
            }
        }

        return result;
    }

    /// <summary>x/√(mean x² + eps)·γ (Zhang and Sennrich 2019).</summary>
    /// <param name="x">[rows, n].</param>
    /// <param name="gamma">[n].</param>
    /// <param name="epsilon">Inside the root.</param>
    /// <exception cref="InvalidInputException">The lengths do not fit.</exception>
    public static double[] RmsNorm(ReadOnlySpan<double> x, ReadOnlySpan<double> gamma, double epsilon = 1e-6)
    {
        Check(x, gamma, default);
        var result = new double[x.Length];
        for (var start = 0; start < x.Length; start += gamma.Length)
        {
            var row = x.Slice(start, gamma.Length);
            var inverse = InverseRoot(row, 0, epsilon);
            for (var i = 0; i < row.Length; i++)
            {
                result[start + i] = (inverse * row[i] * gamma[i]).Hi;
            }
        }

        return result;
    }

    private static DoubleDouble InverseRoot(ReadOnlySpan<double> row, DoubleDouble center, double epsilon)
    {
        DoubleDouble squares = 0;
        foreach (var value in row)
        {
            var deviation = value - center;
            squares += deviation * deviation;
        }

        return 1 / DoubleDouble.Sqrt((squares / row.Length) + epsilon);
    }

    private static void Check(ReadOnlySpan<double> x, ReadOnlySpan<double> gamma, ReadOnlySpan<double> beta)
    {
        CompensatedGemm.Require(
            gamma.Length >= 1 && x.Length % gamma.Length == 0, nameof(gamma), gamma.Length, $"a divisor of {x.Length}");
        CompensatedGemm.Require(beta.IsEmpty || beta.Length == gamma.Length, nameof(beta), beta.Length, $"{gamma.Length} or 0");
    }
}
