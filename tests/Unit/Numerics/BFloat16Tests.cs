using System.Numerics;
using Stof.Reference.Numerics;

namespace Stof.Reference.Unit.Tests.Numerics;

public class BFloat16Tests
{
    [Fact]
    public void All_sixteen_bit_patterns_survive_widening_and_rounding_back()
    {
        for (var bits = 0; bits <= ushort.MaxValue; bits++)
        {
            var value = BFloat16.FromBits((ushort)bits);
            Assert.Equal((uint)bits << 16, BitConverter.SingleToUInt32Bits((float)value));
            var expected = float.IsNaN((float)value) ? (ushort)(bits | 0x40) : (ushort)bits;
            Assert.Equal(expected, ((BFloat16)(float)value).Bits);
            if (!float.IsNaN((float)value))
            {
                Assert.Equal((double)(float)value, (double)value);
                Assert.Equal((ushort)bits, ((BFloat16)(double)value).Bits);
            }
        }
    }

    [Fact]
    public void Between_any_two_neighbours_rounding_goes_to_the_nearer_one_and_ties_go_to_even()
    {
        for (var bits = 0; bits < 0x7F80; bits++)
        {
            double low = Value(bits);
            // Beyond the largest finite number the next step of the same size would be 2^128: that is where infinity begins.
            var high = bits == 0x7F7F ? Math.ScaleB(1, 128) : Value(bits + 1);
            var middle = (low + high) / 2; // exact: both have 8 significant bits
            var even = (bits & 1) == 0 ? bits : bits + 1;
            AssertRounds(bits, low + ((high - low) / 4));
            AssertRounds(bits, Math.BitDecrement(middle));
            AssertRounds(even, middle);
            AssertRounds(bits + 1, Math.BitIncrement(middle));
            AssertRounds(bits + 1, high - ((high - low) / 4));
        }
    }

    [Fact]
    public void Random_doubles_round_as_exact_integer_arithmetic_says()
    {
        const int Seed = 301;
        var random = new Random(Seed);
        for (var i = 0; i < 200_000; i++)
        {
            var value = BitConverter.Int64BitsToDouble(random.NextInt64(long.MinValue, long.MaxValue));
            if (random.Next(2) == 0)
            {
                // Most random doubles lie far outside of the range; these do not.
                value = Math.ScaleB((2 * random.NextDouble()) - 1, random.Next(-140, 130));
            }

            if (!double.IsNaN(value))
            {
                Assert.True(Expected(value) == ((BFloat16)value).Bits, $"seed {Seed}, {value:R}");
                var single = (float)value;
                Assert.True(Expected(single) == ((BFloat16)single).Bits, $"seed {Seed}, float {single:R}");
            }
        }
    }

    [Fact]
    public void A_double_just_beside_a_tie_is_not_rounded_twice()
    {
        // 1 + 2^-8 is the tie between 1 and 1 + 2^-7. Its neighbours differ from it by less than a float can hold.
        Assert.Equal(0x3F80, ((BFloat16)(1 + Math.ScaleB(1, -8))).Bits);
        Assert.Equal(0x3F81, ((BFloat16)(1 + Math.ScaleB(1, -8) + Math.ScaleB(1, -50))).Bits);
        Assert.Equal(0x3F81, ((BFloat16)(1 + (3 * Math.ScaleB(1, -8)) - Math.ScaleB(1, -50))).Bits);
        Assert.Equal(0x3F82, ((BFloat16)(1 + (3 * Math.ScaleB(1, -8)))).Bits);
        Assert.Equal(0xBF81, ((BFloat16)(-1 - Math.ScaleB(1, -8) - Math.ScaleB(1, -50))).Bits);
    }

    [Theory]
    [InlineData(0x7F800001u)]
    [InlineData(0xFF800001u)]
    [InlineData(0x7F80FFFFu)]
    [InlineData(0x7FFFFFFFu)]
    public void A_NaN_whose_payload_is_cut_off_stays_a_NaN(uint bits)
    {
        var rounded = (BFloat16)BitConverter.UInt32BitsToSingle(bits);
        Assert.True(float.IsNaN((float)rounded));
        Assert.Equal(bits >> 31, (uint)rounded.Bits >> 15);
        Assert.True(double.IsNaN((double)(BFloat16)double.NaN));
    }

    [Fact]
    public void Extremes_round_to_infinity_zero_and_denormals()
    {
        Assert.Equal(0x7F80, ((BFloat16)float.MaxValue).Bits);
        Assert.Equal(0x7F80, ((BFloat16)1e300).Bits);
        Assert.Equal(0xFF80, ((BFloat16)double.NegativeInfinity).Bits);
        Assert.Equal(0x0000, ((BFloat16)double.Epsilon).Bits);
        Assert.Equal(0x8000, ((BFloat16)(-double.Epsilon)).Bits);
        Assert.Equal(0x8000, ((BFloat16)(-0.0)).Bits);
        Assert.Equal(0x0001, ((BFloat16)Math.ScaleB(1, -133)).Bits);
        Assert.Equal(0x0000, ((BFloat16)Math.ScaleB(1, -134)).Bits);
        Assert.Equal(0x0001, ((BFloat16)Math.BitIncrement(Math.ScaleB(1, -134))).Bits);
    }

    [Fact]
    public void Equality_follows_the_numbers()
    {
        var nan = (BFloat16)float.NaN;
        Assert.True(BFloat16.FromBits(0) == BFloat16.FromBits(0x8000));
        Assert.True(nan != BFloat16.FromBits(nan.Bits));
        Assert.True(nan.Equals(BFloat16.FromBits(0xFFFF)));
        Assert.Equal(BFloat16.FromBits(0).GetHashCode(), BFloat16.FromBits(0).GetHashCode());
        Assert.Equal("1.5", ((BFloat16)1.5f).ToString());
    }

    private static double Value(int bits) => BitConverter.UInt32BitsToSingle((uint)bits << 16);

    private static void AssertRounds(int expected, double value)
    {
        Assert.True(expected == ((BFloat16)value).Bits, $"{value:R} gives {((BFloat16)value).Bits:x4}, not {expected:x4}");
        Assert.Equal(expected | 0x8000, ((BFloat16)(-value)).Bits);
        if (value == (float)value)
        {
            Assert.Equal(expected, ((BFloat16)(float)value).Bits);
        }
    }

    /// <summary>
    /// Rounding by integers: the value is n·2^-1074; the spacing of bf16 at its magnitude is 2^s, and n·2^-1074 / 2^s is
    /// divided with remainder.
    /// </summary>
    private static ushort Expected(double value)
    {
        var sign = double.IsNegative(value) ? 0x8000 : 0;
        if (double.IsInfinity(value))
        {
            return (ushort)(sign | 0x7F80);
        }

        if (value == 0)
        {
            return (ushort)sign;
        }

        var raw = BitConverter.DoubleToInt64Bits(Math.Abs(value));
        var exponent = (int)(raw >> 52);
        var significand = exponent == 0 ? raw : (raw & ((1L << 52) - 1)) | (1L << 52);
        var units = new BigInteger(significand) << Math.Max(exponent - 1, 0); // in 2^-1074
        var magnitude = (int)units.GetBitLength() - 1 - 1074; // floor(log2 |value|)
        var spacing = Math.Max(magnitude, -126) - 7;
        var quotient = BigInteger.DivRem(units, BigInteger.One << (spacing + 1074), out var remainder);
        var twice = (remainder << 1).CompareTo(BigInteger.One << (spacing + 1074));
        var rounded = (long)quotient + (twice > 0 || (twice == 0 && !quotient.IsEven) ? 1 : 0);
        // Encodings of one sign are consecutive integers: a carry into the next binade is a plain addition.
        var encoded = ((Math.Max(magnitude, -126) + 126L) << 7) + rounded;
        return (ushort)(sign | (int)Math.Min(encoded, 0x7F80));
    }
}
