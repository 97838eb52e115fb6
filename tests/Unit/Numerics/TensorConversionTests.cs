using Stof.Reference.Numerics;
using Stof.Reference.Tensors;
using Stof.Reference.Tests;

namespace Stof.Reference.Unit.Tests.Numerics;

public class TensorConversionTests
{
    private static readonly DType[] Floats = [DType.F64, DType.F32, DType.F16, DType.BF16];

    [Theory]
    [InlineData(DType.F16)]
    [InlineData(DType.BF16)]
    public void Every_sixteen_bit_value_widens_exactly_and_comes_back(DType type)
    {
        var source = HostTensor.Zeros(type, 1 << 16);
        var words = new ushort[1 << 16];
        for (var i = 0; i < words.Length; i++)
        {
            words[i] = (ushort)i;
        }

        System.Runtime.InteropServices.MemoryMarshal.AsBytes<ushort>(words).CopyTo(source.Bytes);
        var singles = source.To(DType.F32);
        var doubles = source.To(DType.F64);
        var back = doubles.To(type);
        var backFromSingle = singles.To(type);
        for (var i = 0; i < words.Length; i++)
        {
            var exact = Decode(type, (ushort)i);
            Assert.Equal(exact, doubles.Span<double>()[i]);
            Assert.Equal(exact, (double)singles.Span<float>()[i]);
            if (!double.IsNaN(exact))
            {
                Assert.Equal((ushort)i, BitConverter.ToUInt16(back.Bytes[(2 * i)..]));
                Assert.Equal((ushort)i, BitConverter.ToUInt16(backFromSingle.Bytes[(2 * i)..]));
            }
            else
            {
                Assert.True(double.IsNaN(Decode(type, BitConverter.ToUInt16(back.Bytes[(2 * i)..]))));
            }
        }
    }

    [Fact]
    public void Half_ties_go_to_even_on_both_sides_of_every_value()
    {
        var values = new List<double>();
        var expected = new List<ushort>();
        for (var bits = 0; bits < 0x7C00; bits++)
        {
            var low = Decode(DType.F16, (ushort)bits);
            var high = bits == 0x7BFF ? 65536 : Decode(DType.F16, (ushort)(bits + 1));
            var middle = (low + high) / 2;
            values.AddRange([Math.BitDecrement(middle), middle, Math.BitIncrement(middle)]);
            expected.AddRange([(ushort)bits, (ushort)((bits & 1) == 0 ? bits : bits + 1), (ushort)(bits + 1)]);
        }

        var rounded = HostTensor.From(values.ToArray(), values.Count).To(DType.F16);
        for (var i = 0; i < values.Count; i++)
        {
            Assert.True(expected[i] == BitConverter.ToUInt16(rounded.Bytes[(2 * i)..]), $"{values[i]:R}");
        }
    }

    [Fact]
    public void A_double_beside_a_tie_is_rounded_once_to_half()
    {
        // 1 + 2^-11 is the tie between 1 and 1 + 2^-10; a float in between would lose the 2^-40.
        var near = HostTensor.From([1 + Math.ScaleB(1, -11) + Math.ScaleB(1, -40)], 1);
        Assert.Equal((Half)(1 + Math.ScaleB(1, -10)), near.To(DType.F16).Span<Half>()[0]);
        Assert.Equal((Half)1, near.To(DType.F32).To(DType.F16).Span<Half>()[0]);
    }

    [Fact]
    public void Doubles_round_to_nearest_even_floats()
    {
        const int Seed = 302;
        var random = new Random(Seed);
        var values = Enumerable.Range(0, 1000).Select(_ => Math.ScaleB(Seeded.Normal(random), random.Next(-150, 128)))
            .Concat([1 + Math.ScaleB(1, -24), 1 + (3 * Math.ScaleB(1, -24)), 3.5e38, 1e-46, double.NaN, double.PositiveInfinity, -0.0])
            .ToArray();
        var rounded = HostTensor.From(values, values.Length).To(DType.F32).Span<float>();
        for (var i = 0; i < values.Length; i++)
        {
            Assert.True(rounded[i].Equals((float)values[i]), $"seed {Seed}, {values[i]:R}");
            if (float.IsFinite(rounded[i]))
            {
                var error = Math.Abs(rounded[i] - values[i]);
                Assert.True(error <= Math.Abs(MathF.BitIncrement(rounded[i]) - values[i]), $"seed {Seed}, {values[i]:R}");
                Assert.True(error <= Math.Abs(MathF.BitDecrement(rounded[i]) - values[i]), $"seed {Seed}, {values[i]:R}");
            }
        }

        Assert.Equal(1f, rounded[1000]);
        Assert.Equal(1f + MathF.ScaleB(1, -22), rounded[1001]);
    }

    [Fact]
    public void A_tensor_of_the_same_dtype_is_returned_as_it_is()
    {
        foreach (var type in Floats)
        {
            var tensor = HostTensor.Zeros(type, 3);
            Assert.Same(tensor, tensor.To(type));
        }
    }

    [Theory]
    [InlineData(DType.I32)]
    [InlineData(DType.Bool)]
    [InlineData(DType.U64)]
    public void Integers_are_not_converted(DType type)
    {
        Assert.Throws<InvalidInputException>(() => HostTensor.Zeros(type, 1).To(DType.F32));
        Assert.Throws<InvalidInputException>(() => HostTensor.Zeros(DType.F32, 1).To(type));
        Assert.Throws<InvalidInputException>(() => HostTensor.Zeros(type, 1).ToDoubles());
        Assert.Throws<InvalidInputException>(() => HostTensor.Zeros(DType.F64, 1).CopyTo(new float[1]));
    }

    /// <summary>Sign, exponent and significand by the definition of the format.</summary>
    private static double Decode(DType type, ushort bits)
    {
        var fraction = type == DType.F16 ? 10 : 7;
        var exponentBits = 15 - fraction;
        var exponent = (bits >> fraction) & ((1 << exponentBits) - 1);
        var significand = bits & ((1 << fraction) - 1);
        var sign = (bits & 0x8000) == 0 ? 1.0 : -1.0;
        var bias = (1 << (exponentBits - 1)) - 1;
        if (exponent == (1 << exponentBits) - 1)
        {
            return significand == 0 ? sign * double.PositiveInfinity : double.NaN;
        }

        return exponent == 0
            ? sign * Math.ScaleB(significand, 1 - bias - fraction)
            : sign * Math.ScaleB(significand + (1 << fraction), exponent - bias - fraction);
    }
}
