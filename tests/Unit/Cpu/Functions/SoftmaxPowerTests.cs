using Stof.Reference.Cpu.Simd;
using Stof.Reference.Cpu.Simd.Attention;
using Vector = System.Runtime.Intrinsics.Vector128<float>;

namespace Stof.Reference.Unit.Tests.Cpu.Functions;

/// <summary>The three forms of the softmax's power of two: the same mantissa, whatever the reference.</summary>
public sealed class SoftmaxPowerTests
{
    private static readonly PowerOfTwo<Lanes128, Vector> Power = new();

    [Fact]
    public void Another_reference_moves_the_exponent_alone()
    {
        var random = new Random(3);
        for (var i = 0; i < 200_000; i++)
        {
            var score = (float)((random.NextDouble() * 120) - 60);
            var reference = random.Next(-60, 61);
            var expected = One(BaseTwo.Power<Lanes128, Vector>(Of(score)));
            var scaled = (float)(expected * Math.Pow(2, -reference));
            var context = $"2^({score:R} - {reference})";
            Assert.True(expected == One(Power.OfBounded(Of(score))), context);
            Assert.True(scaled == One(Power.Of(Of(score), Of(reference))), context);
            var (a, b, c, d) = Power.OfBounded(Of(0), Of(score), Of(1), Of(score));
            Assert.True((One(a), One(b), One(c), One(d)) == (1f, expected, 2f, expected), context);
            (a, b, c, d) = Power.Of(Of(score), Of(reference), Of(score), Of(reference + 1), Of(reference));
            Assert.True((One(a), One(b), One(c), One(d)) == (scaled, 1f, scaled, 2f), context);
        }
    }

    [Theory]
    [InlineData(float.NegativeInfinity, 0f, 0f)]
    [InlineData(float.NegativeInfinity, -1e30f, 0f)]
    [InlineData(float.MinValue, 3f, 0f)]
    [InlineData(-1e30f, 1e30f, 0f)]
    [InlineData(1e30f, 1e30f, 1f)]
    [InlineData(123456792f, 123456784f, 256f)]
    [InlineData(-125.5f, 0f, 0f)]
    [InlineData(-100.25f, 25f, 1.976938E-38f)]
    [InlineData(float.NaN, 0f, float.NaN)]
    [InlineData(float.PositiveInfinity, float.PositiveInfinity, float.NaN)]
    public void Scores_far_from_zero_keep_their_distance_from_the_reference(float score, float reference, float expected)
    {
        Assert.Equal(expected, One(Power.Of(Of(score), Of(reference))));
        var (a, b, c, d) = Power.Of(Of(score), Of(score), Of(score), Of(score), Of(reference));
        Assert.Equal([expected, expected, expected, expected], [One(a), One(b), One(c), One(d)]);
    }

    private static Vector Of(float value) => Lanes128.Create(value);

    private static float One(Vector vector) => vector[0];
}
