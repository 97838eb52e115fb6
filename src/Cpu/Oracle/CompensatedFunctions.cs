namespace Stof.Reference.Cpu.Oracle;

/// <summary>
/// Elementary functions of <see cref="DoubleDouble"/>, good to about 30 digits, each from its series or continued fraction.
/// </summary>
public static class CompensatedFunctions
{
    private const int Halvings = 9;

    private static readonly DoubleDouble Ln2 = new(0.6931471805599453, 2.3190468138462996e-17);
    private static readonly DoubleDouble HalfPi = new(1.5707963267948966, 6.123233995736766e-17);
    private static readonly DoubleDouble InverseRootPi = new(0.5641895835477563, 7.66772980658294e-18);

    /// <summary>eˣ.</summary>
    public static DoubleDouble Exp(DoubleDouble x)
    {
        if (double.IsNaN(x.Hi))
        {
            return double.NaN;
        }

        if (x.Hi is > 709.79 or < -745.14)
        {
            return x.Hi > 0 ? double.PositiveInfinity : 0;
        }

        // eˣ = 2ᵏ·eʳ with |r| ≤ ln 2 / 2. Scaling in two steps keeps 2ᵏ within range near both ends.
        var k = (int)Math.Round(x.Hi / Ln2.Hi);
        var e = ExpM1Reduced(x - (Ln2 * k)) + 1;
        return DoubleDouble.Scale(DoubleDouble.Scale(e, k / 2), k - (k / 2));
    }

    /// <summary>eˣ − 1, without cancellation near 0.</summary>
    public static DoubleDouble ExpM1(DoubleDouble x) => Math.Abs(x.Hi) < 0.34 ? ExpM1Reduced(x) : Exp(x) - 1;

    /// <summary>ln x, by one Newton step on the double logarithm: y + x·e⁻ʸ − 1.</summary>
    public static DoubleDouble Log(DoubleDouble x)
    {
        var y = Math.Log(x.Hi);
        return double.IsFinite(y) ? (x * Exp(-y)) - 1 + y : y;
    }

    /// <summary>tanh x = (e²ˣ − 1) / (e²ˣ + 1).</summary>
    public static DoubleDouble Tanh(DoubleDouble x)
    {
        if (Math.Abs(x.Hi) > 40)
        {
            return Math.Sign(x.Hi); // 1 − tanh 40 is below 10⁻³⁴
        }

        var e = ExpM1(x + x);
        return e / (e + 2);
    }

    /// <summary>erfc x = 1 − erf x; keeps its relative accuracy for large x.</summary>
    public static DoubleDouble Erfc(DoubleDouble x) => x.Hi < 5 ? 1 - Erf(x) : ErfcTail(x);

    /// <summary>erf x = 2/√π ∫₀ˣ e^(−t²) dt.</summary>
    public static DoubleDouble Erf(DoubleDouble x)
    {
        if (x.Hi < 0)
        {
            return -Erf(-x);
        }

        if (x.Hi >= 5)
        {
            return 1 - ErfcTail(x);
        }

        // 2/√π · e^(−x²) · Σ 2ⁿ x^(2n+1) / (1·3·…·(2n+1)), Abramowitz and Stegun 7.1.6: all terms have one sign.
        var square = x * x;
        var term = x;
        var sum = x;
        for (var n = 1; term.Hi > sum.Hi * 1e-34; n++)
        {
            term = term * (square + square) / ((2 * n) + 1);
            sum += term;
        }

        return Exp(-square) * sum * InverseRootPi * 2;
    }

    /// <summary>Sine and cosine. |x| up to 10⁶: the reduction uses π/2 to 32 digits.</summary>
    public static (DoubleDouble Sin, DoubleDouble Cos) SinCos(DoubleDouble x)
    {
        var quarter = Math.Round(x.Hi / HalfPi.Hi);
        var r = x - (HalfPi * quarter);
        var square = r * r;
        var (sin, cos) = (r, (DoubleDouble)1);
        var (sinTerm, cosTerm) = (r, (DoubleDouble)1);
        for (var n = 1; n <= 16; n++)
        {
            cosTerm = -cosTerm * square / ((2 * n) * ((2 * n) - 1));
            sinTerm = -sinTerm * square / ((2 * n) * ((2 * n) + 1));
            cos += cosTerm;
            sin += sinTerm;
        }

        return ((int)quarter & 3) switch
        {
            0 => (sin, cos),
            1 => (cos, -sin),
            2 => (-sin, -cos),
            _ => (-cos, sin),
        };
    }

    /// <summary>erfc x = e^(−x²)/√π · 1/(x + ½/(x + 1/(x + 1½/(x + …)))), Abramowitz and Stegun 7.1.14, for x ≥ 5.</summary>
    private static DoubleDouble ErfcTail(DoubleDouble x)
    {
        if (x.Hi > 28)
        {
            return 0; // below the smallest double
        }

        var fraction = x;
        for (var n = 100; n >= 1; n--)
        {
            fraction = x + (0.5 * n / fraction);
        }

        return Exp(-(x * x)) * InverseRootPi / fraction;
    }

    /// <summary>eʳ − 1 for |r| ≤ 0.35: Taylor at r/2⁹, then nine times (1 + e)² − 1 = 2e + e².</summary>
    private static DoubleDouble ExpM1Reduced(DoubleDouble r)
    {
        var small = DoubleDouble.Scale(r, -Halvings);
        var sum = small;
        var term = small;
        for (var n = 2; n <= 10; n++)
        {
            term = term * small / n;
            sum += term;
        }

        for (var i = 0; i < Halvings; i++)
        {
            sum = sum + sum + (sum * sum);
        }

        return sum;
    }
}
