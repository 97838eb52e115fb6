using System.Numerics;
using Stof.Reference.Cpu.Oracle;
using Stof.Reference.Tests;

namespace Stof.Reference.Unit.Tests.Oracle;

/// <summary>
/// Double-double functions against fixed-point series in big integers, which share nothing with them. One is 2^256.
/// </summary>
public class CompensatedFunctionTests
{
    private const int Bits = 256;
    private static readonly BigInteger One = BigInteger.One << Bits;

    [Fact]
    public void Exp_has_thirty_digits()
    {
        foreach (var x in Points(-600, 600).Concat([0, 1, -1, 0.34657359027997264, 1e-20, 700, -600]))
        {
            // Of a tiny result the fixed-point numbers here see nothing; its reciprocal they see.
            var digits = Math.Abs(x) < 50 ? 29 : 28;
            var actual = CompensatedFunctions.Exp(x);
            AssertDigits(Exp(Fixed(Math.Abs(x))), x < 0 ? 1 / actual : actual, digits, x);
        }
    }

    [Fact]
    public void ExpM1_does_not_cancel()
    {
        foreach (var x in Points(-0.5, 0.5).Concat([1e-3, -1e-8, 3e-15]))
        {
            AssertDigits(Exp(Fixed(x)) - One, CompensatedFunctions.ExpM1(x), 29, x);
        }
    }

    [Fact]
    public void Log_is_the_inverse_of_exp()
    {
        foreach (var x in Points(0.01, 50))
        {
            AssertDigits(Fixed(x), CompensatedFunctions.Log(CompensatedFunctions.Exp(x)), 28, x);
        }
    }

    [Fact]
    public void Tanh_has_thirty_digits()
    {
        foreach (var x in Points(-20, 20).Concat([1e-9, 0.1, -30]))
        {
            var e = Exp(Fixed(x) * 2);
            AssertDigits(Divide(e - One, e + One), CompensatedFunctions.Tanh(x), 29, x);
        }
    }

    [Fact]
    public void Erf_and_erfc_have_thirty_digits()
    {
        foreach (var x in Points(0.001, 7).Concat([1e-9, 4.9999, 5, 5.0001]))
        {
            AssertDigits(Erf(x), CompensatedFunctions.Erf(x), 28, x);
            AssertDigits(-Erf(x), CompensatedFunctions.Erf(-x), 28, -x);

            // Below 5, erfc is 1 − erf: its relative accuracy sinks with its size.
            var digits = x < 5 ? 28 + (int)Math.Log10(CompensatedFunctions.Erfc(x).Hi) : 27;
            AssertDigits(One - Erf(x), CompensatedFunctions.Erfc(x), digits, x);
            AssertDigits(One + Erf(x), CompensatedFunctions.Erfc(-x), 28, -x);
        }
    }

    [Fact]
    public void Known_values_agree_with_published_digits()
    {
        Assert.Equal(2.718281828459045, CompensatedFunctions.Exp(1).Hi);
        Assert.Equal(0.8427007929497149, CompensatedFunctions.Erf(1).Hi); // Abramowitz and Stegun, table 7.1
        Assert.Equal(0.15729920705028513, CompensatedFunctions.Erfc(1).Hi);
        Assert.Equal(0.7615941559557649, CompensatedFunctions.Tanh(1).Hi);
        Assert.Equal(1.5374597944280349e-12, CompensatedFunctions.Erfc(5).Hi);
        Assert.Equal(2.08848758376254475700e-45, CompensatedFunctions.Erfc(10).Hi);
    }

    [Fact]
    public void Sine_and_cosine_have_thirty_digits_up_to_large_angles()
    {
        foreach (var x in Points(-10, 10).Concat([0, 100.5, 4095, 1e5]))
        {
            var (sin, cos) = CompensatedFunctions.SinCos(x);
            var digits = Math.Abs(x) < 100 ? 28 : 25;
            AssertAbsolute(SinCos(Fixed(x), sine: true), sin, digits, x);
            AssertAbsolute(SinCos(Fixed(x), sine: false), cos, digits, x);
        }
    }

    [Fact]
    public void Arithmetic_is_exact_to_the_last_digits()
    {
        const int Seed = 501;
        var random = new Random(Seed);
        for (var i = 0; i < 2000; i++)
        {
            var a = DoubleDouble.TwoSum(Seeded.Normal(random), Seeded.Normal(random) * 1e-17);
            var b = DoubleDouble.TwoSum(Seeded.Normal(random) * 10, Seeded.Normal(random) * 1e-16);
            AssertDigits(Fixed(a) * Fixed(b) >> Bits, a * b, 30, Seed);
            AssertDigits(Divide(Fixed(a), Fixed(b)), a / b, 30, Seed);
            AssertAbsolute(Fixed(a) + Fixed(b), a + b, 29, Seed);
            AssertAbsolute(Fixed(a) - Fixed(b), a - b, 29, Seed);
            var root = DoubleDouble.Sqrt(b * b);
            AssertDigits(BigInteger.Abs(Fixed(b)), root, 30, Seed);
            Assert.Equal(Fixed(a) < Fixed(b), a < b);
            Assert.Equal(Fixed(a) > Fixed(b), a > b);
        }
    }

    [Fact]
    public void Values_that_are_not_finite_behave_as_doubles_do()
    {
        DoubleDouble infinity = double.PositiveInfinity;
        DoubleDouble nan = double.NaN;
        Assert.Equal(double.PositiveInfinity, (infinity + 1).Hi);
        Assert.Equal(double.NegativeInfinity, (1 - infinity).Hi);
        Assert.Equal(double.NaN, (infinity - infinity).Hi);
        Assert.Equal(double.NaN, (infinity * 0).Hi);
        Assert.Equal(double.PositiveInfinity, (infinity * 2).Hi);
        Assert.Equal(0, (1 / infinity).Hi);
        Assert.Equal(double.PositiveInfinity, ((DoubleDouble)1 / 0).Hi);
        Assert.Equal(double.PositiveInfinity, CompensatedFunctions.Exp(800).Hi);
        Assert.Equal(0, CompensatedFunctions.Exp(double.NegativeInfinity).Hi);
        Assert.Equal(double.NegativeInfinity, CompensatedFunctions.Log(0).Hi);
        Assert.Equal(-1, CompensatedFunctions.Tanh(double.NegativeInfinity).Hi);
        foreach (var function in (Func<DoubleDouble, DoubleDouble>[])
            [CompensatedFunctions.Exp, CompensatedFunctions.Log, CompensatedFunctions.Tanh, CompensatedFunctions.Erf, CompensatedFunctions.Erfc, DoubleDouble.Sqrt])
        {
            Assert.Equal(double.NaN, function(nan).Hi);
        }
    }

    private static IEnumerable<double> Points(double low, double high)
    {
        var random = new Random(502);
        return Enumerable.Range(0, 60).Select(_ => low + ((high - low) * random.NextDouble()));
    }

    private static void AssertDigits(BigInteger expected, DoubleDouble actual, int digits, double x)
    {
        var error = BigInteger.Abs(Fixed(actual) - expected) * BigInteger.Pow(10, digits);
        Assert.True(error <= BigInteger.Abs(expected) + 1, $"x = {x:R}: {actual} has fewer than {digits} digits");
    }

    private static void AssertAbsolute(BigInteger expected, DoubleDouble actual, int digits, double x)
    {
        var error = BigInteger.Abs(Fixed(actual) - expected) * BigInteger.Pow(10, digits);
        Assert.True(error <= One, $"x = {x:R}: {actual} is off by more than 1e-{digits}");
    }

    private static BigInteger Fixed(DoubleDouble value) => Fixed(value.Hi) + Fixed(value.Lo);

    private static BigInteger Fixed(double value)
    {
        var raw = BitConverter.DoubleToInt64Bits(value);
        var exponent = (int)((raw >> 52) & 0x7FF);
        var significand = new BigInteger((raw & ((1L << 52) - 1)) | (exponent == 0 ? 0 : 1L << 52));
        var shift = Math.Max(exponent, 1) - 1075 + Bits;
        var magnitude = shift >= 0 ? significand << shift : significand >> -shift;
        return value < 0 ? -magnitude : magnitude;
    }

    private static BigInteger Divide(BigInteger a, BigInteger b) => (a << Bits) / b;

    /// <summary>e^x = (e^(x/2^k))^(2^k), in enough bits that squaring loses none that count.</summary>
    private static BigInteger Exp(BigInteger x)
    {
        const int Extra = 1200;
        const int Squarings = 16;
        var one = One << Extra;
        var r = (x << Extra) >> Squarings;
        var (sum, term) = (one, one);
        for (var n = 1; !term.IsZero; n++)
        {
            term = (term * r >> (Bits + Extra)) / n;
            sum += term;
            if (BigInteger.Abs(term) <= 1)
            {
                break;
            }
        }

        for (var i = 0; i < Squarings; i++)
        {
            sum = sum * sum >> (Bits + Extra);
        }

        return sum >> Extra;
    }

    /// <summary>erf x = 2/√π Σ (−1)ⁿ x^(2n+1) / (n!(2n+1)): alternating, but 256 bits bear the cancellation for x ≤ 7.</summary>
    private static BigInteger Erf(double x)
    {
        const int Extra = 256;
        var fixedX = Fixed(x) << Extra;
        var square = fixedX * fixedX >> (Bits + Extra);
        var power = fixedX;
        var sum = fixedX;
        for (var n = 1; !power.IsZero && n < 2000; n++)
        {
            power = -(power * square >> (Bits + Extra)) / n;
            sum += power / ((2 * n) + 1);
        }

        var pi = 4 * ((4 * ArcTangentOfInverse(5, Extra)) - ArcTangentOfInverse(239, Extra));
        var root = Root(pi << (Bits + Extra));
        return 2 * (sum << (Bits + Extra)) / root >> Extra;
    }

    private static BigInteger SinCos(BigInteger x, bool sine)
    {
        // Terms of a large angle grow to e^x before they shrink; reducing by 2π first keeps them small.
        const int Extra = 64;
        var turn = 8 * ((4 * ArcTangentOfInverse(5, Extra)) - ArcTangentOfInverse(239, Extra));
        var r = (x << Extra) % turn;
        var square = r * r >> (Bits + Extra);
        var term = sine ? r : One << Extra;
        var sum = term;
        for (var n = sine ? 2 : 1; !term.IsZero && n < 400; n += 2)
        {
            term = -(term * square >> (Bits + Extra)) / (n * (n + 1));
            sum += term;
        }

        return sum >> Extra;
    }

    private static BigInteger ArcTangentOfInverse(int n, int extra)
    {
        var power = (One << extra) / n;
        var sum = power;
        for (var k = 3; !power.IsZero; k += 2)
        {
            power = -power / (n * n);
            sum += power / k;
        }

        return sum;
    }

    private static BigInteger Root(BigInteger value)
    {
        var root = BigInteger.One << (int)((value.GetBitLength() + 1) / 2);
        while (true)
        {
            var next = (root + (value / root)) >> 1;
            if (next >= root)
            {
                return root;
            }

            root = next;
        }
    }
}
