namespace Stof.Reference.Cpu.Oracle;

/// <summary>Activations, element by element, each rounded once from double-double.</summary>
public static class CompensatedActivation
{
    private static readonly DoubleDouble RootHalf = new(0.7071067811865476, -4.833646656726457e-17);
    private static readonly DoubleDouble RootTwoOverPi = new(0.7978845608028654, -4.98465440455546e-17);
    private static readonly DoubleDouble Cubic = (DoubleDouble)44715 / 1_000_000;

    /// <summary>max(x, 0); NaN stays NaN.</summary>
    public static double[] Relu(ReadOnlySpan<double> x) => Map(x, value => value.Hi < 0 ? 0 : value);

    /// <summary>x·Φ(x) = x·erfc(−x/√2)/2 (Hendrycks and Gimpel 2016).</summary>
    public static double[] GeluErf(ReadOnlySpan<double> x) =>
        Map(x, value => value * CompensatedFunctions.Erfc(-(value * RootHalf)) * 0.5);

    /// <summary>
    /// x/2·(1 + tanh u), u = √(2/π)·(x + 0.044715·x³) (same source), in the equal form x/(1 + e^(−2u)) that does not cancel.
    /// </summary>
    public static double[] GeluTanh(ReadOnlySpan<double> x) => Map(x, value =>
    {
        var u = RootTwoOverPi * (value + (Cubic * value * value * value));
        return value / (1 + CompensatedFunctions.Exp(-(u + u)));
    });

    /// <summary>x/(1 + e⁻ˣ).</summary>
    public static double[] Silu(ReadOnlySpan<double> x) => Map(x, Silu);

    /// <summary>silu(a)·b (Shazeer 2020).</summary>
    /// <param name="a">The gate.</param>
    /// <param name="b">As many.</param>
    /// <exception cref="InvalidInputException">The lengths differ.</exception>
    public static double[] SwiGlu(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        CompensatedGemm.Require(a.Length == b.Length, nameof(b), b.Length, $"{a.Length}");
        var result = new double[a.Length];
        for (var i = 0; i < result.Length; i++)
        {
            result[i] = (Silu(a[i]) * b[i]).Hi;
        }

        return result;
    }

    /// <summary>As <see cref="SwiGlu(ReadOnlySpan{double}, ReadOnlySpan{double})"/> for rows that hold a, then b.</summary>
    /// <param name="packed">[rows, 2·width].</param>
    /// <param name="width">Elements of a in a row.</param>
    /// <exception cref="InvalidInputException">The rows do not fit.</exception>
    public static double[] SwiGlu(ReadOnlySpan<double> packed, int width)
    {
        CompensatedGemm.Require(
            width >= 1 && packed.Length % (2 * width) == 0, nameof(packed), packed.Length, $"rows of 2x{width}");
        var result = new double[packed.Length / 2];
        for (var i = 0; i < result.Length; i++)
        {
            var start = (i / width * 2 * width) + (i % width);
            result[i] = (Silu(packed[start]) * packed[start + width]).Hi;
        }

        return result;
    }

    private static DoubleDouble Silu(DoubleDouble x) => x / (1 + CompensatedFunctions.Exp(-x));

    private static double[] Map(ReadOnlySpan<double> x, Func<DoubleDouble, DoubleDouble> function)
    {
        var result = new double[x.Length];
        for (var i = 0; i < result.Length; i++)
        {
            result[i] = function(x[i]).Hi;
        }

        return result;
    }
}
