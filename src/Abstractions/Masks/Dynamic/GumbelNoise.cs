namespace Stof.Reference.Masks;

/// <summary>
/// Samples of the Gumbel distribution, ζ = −ln(−ln u), for the pairs of one query with keys 0, 1, 2, …: the same bits on every machine.
/// The stream of a row is a <see cref="SplitMix64"/> generator whose state comes from seed, batch item, head and position: s is the first
/// output of the generator at the seed; then for each of the other three in turn s becomes the first output of the generator at s + index.
/// Each key takes one output z in order, u = (⌊z/2¹²⌋ + ½)·2⁻⁵², which is never 0 nor 1.
/// <para>
/// The logarithm is written out below, because <see cref="Math.Log(double)"/> is the platform's and differs in its last bit between them.
/// It uses additions, products and quotients only, which IEEE 754 rounds the same way everywhere.
/// </para>
/// </summary>
public static class GumbelNoise
{
    private const double Ln2 = 0.693147180559945309;

    /// <summary>Fills a row.</summary>
    /// <param name="seed">The seed; any value.</param>
    /// <param name="batch">Batch item, 0 or more.</param>
    /// <param name="head">Head, 0 or more.</param>
    /// <param name="position">Position of the query, 0 or more.</param>
    /// <param name="noise">Element k receives the sample of key k; it does not depend on how many there are.</param>
    public static void Fill(int seed, int batch, int head, int position, Span<double> noise)
    {
        var state = new SplitMix64(unchecked((ulong)seed)).Next();
        foreach (var index in (ReadOnlySpan<int>)[batch, head, position])
        {
            state = new SplitMix64(unchecked(state + (ulong)index)).Next();
        }

        var random = new SplitMix64(state);
        foreach (ref var sample in noise)
        {
            var uniform = ((random.Next() >> 12) + 0.5) / (1L << 52);
            sample = -Log(-Log(uniform));
        }
    }

    /// <summary>
    /// ln x of a positive normal number: with x = 2^e·m, m in [√½, √2], it is e·ln 2 + 2·artanh((m − 1)/(m + 1)), whose argument is at
    /// most 0.172 in size: eleven terms of the series leave less than 10⁻¹⁷ of it.
    /// </summary>
    private static double Log(double x)
    {
        var bits = BitConverter.DoubleToInt64Bits(x);
        var exponent = (int)(bits >> 52) - 1023;
        var mantissa = BitConverter.Int64BitsToDouble((bits & 0x000FFFFFFFFFFFFF) | 0x3FF0000000000000);
        if (mantissa > 1.4142135623730951)
        {
            (mantissa, exponent) = (mantissa / 2, exponent + 1);
        }

        var s = (mantissa - 1) / (mantissa + 1);
        var sum = 0.0;
        for (var term = 21; term >= 1; term -= 2)
        {
            sum = (sum * s * s) + (1.0 / term);
        }

        return (exponent * Ln2) + (2 * s * sum);
    }
}
