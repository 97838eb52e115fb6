using System.Diagnostics;
using System.Globalization;
using System.Runtime.Intrinsics;
using Stof.Reference.Cpu.Simd;

namespace Stof.Reference.Unit.Tests.Cpu.Functions;

/// <summary>
/// Errors against the double-precision library functions, and double-double where those cannot tell which float is nearest. Set
/// STOF_EVERY_FLOAT=1 to visit all 2³² arguments instead of a sample: some minutes.
/// </summary>
public sealed class VectorMathTests(ITestOutputHelper output)
{
    private const int Seed = 3;

    private static readonly bool EveryFloat = Environment.GetEnvironmentVariable("STOF_EVERY_FLOAT") == "1";

    private static readonly float[] Edges =
    [
        0f, -0f, float.Epsilon, -float.Epsilon, 1.17549435e-38f, -1.17549435e-38f, 1f, -1f, MathF.BitIncrement(1f),
        MathF.BitDecrement(1f), 0.625f, MathF.BitDecrement(0.625f), 4f, 88.72283f, 88.72284f, 89.5f, -87.33654f, -103.2789f,
        -103.97208f, -103.97209f, -104.5f, 1e30f, -1e30f, float.MaxValue, float.MinValue, float.PositiveInfinity,
        float.NegativeInfinity, float.NaN,
    ];

    [Fact]
    public void Exp_is_within_0_57_ulp_over_all_exponents_and_0_80_where_the_result_is_subnormal() =>
        RequireUlp<ExpFunction>(0.57, 0.80);

    [Fact]
    public void Tanh_is_within_1_5_ulp_over_all_exponents() => RequireUlp<TanhFunction>(1.5, 0.5);

    [Fact]
    public void Log_is_within_1_ulp_over_all_exponents() => RequireUlp<LogFunction>(1.0, 0);

    [Fact]
    public void The_power_of_two_of_the_activations_is_within_2_ulp() => RequireUlp<Exp2Function>(2.0, 0);

    [Fact]
    public void The_power_of_two_of_the_softmax_is_within_1_ulp_and_never_subnormal() => RequireUlp<SoftmaxPowerFunction>(1.0, 0);

    [Fact]
    public void Scalar_and_256_bit_forms_give_the_bits_of_the_512_bit_form()
    {
        var random = new Random(11);
        var block = new float[16];
        for (var round = 0; round < 4000; round++)
        {
            for (var i = 0; i < block.Length; i++)
            {
                block[i] = round < Edges.Length ? Edges[round] : BitConverter.Int32BitsToSingle((int)random.NextInt64(1L << 32));
            }

            RequireSameBits(block, VectorMath.Exp, VectorMath.Exp, VectorMath.Exp);
            RequireSameBits(block, VectorMath.Tanh, VectorMath.Tanh, VectorMath.Tanh);
            RequireSameBits(block, VectorMath.Log, VectorMath.Log, VectorMath.Log);
        }
    }

    [Fact]
    public void Exp_keeps_its_edges()
    {
        Assert.Equal(1f, VectorMath.Exp(0f));
        Assert.Equal(1f, VectorMath.Exp(-0f));
        Assert.Equal(1f, VectorMath.Exp(1e-30f));
        Assert.Equal(0f, VectorMath.Exp(float.NegativeInfinity));
        Assert.Equal(0f, VectorMath.Exp(-104f));
        Assert.Equal(float.Epsilon, VectorMath.Exp(-103.9f));
        Assert.Equal(float.PositiveInfinity, VectorMath.Exp(float.PositiveInfinity));
        Assert.Equal(float.PositiveInfinity, VectorMath.Exp(88.72284f));
        Assert.True(float.IsFinite(VectorMath.Exp(88.72283f)));
        Assert.True(float.IsNaN(VectorMath.Exp(float.NaN)));
    }

    [Fact]
    public void Tanh_is_odd_saturates_and_keeps_the_sign_of_zero()
    {
        Assert.Equal(1f, VectorMath.Tanh(float.PositiveInfinity));
        Assert.Equal(-1f, VectorMath.Tanh(float.NegativeInfinity));
        Assert.Equal(1f, VectorMath.Tanh(40f));
        Assert.True(float.IsNegative(VectorMath.Tanh(-0f)) && VectorMath.Tanh(-0f) == 0f);
        Assert.False(float.IsNegative(VectorMath.Tanh(0f)));
        Assert.True(float.IsNaN(VectorMath.Tanh(float.NaN)));
        for (var x = 0.01f; x < 6f; x *= 1.3f)
        {
            Assert.Equal(-VectorMath.Tanh(x), VectorMath.Tanh(-x));
        }
    }

    [Fact]
    public void Log_keeps_its_edges()
    {
        Assert.Equal(0f, VectorMath.Log(1f));
        Assert.False(float.IsNegative(VectorMath.Log(1f)));
        Assert.Equal(float.NegativeInfinity, VectorMath.Log(0f));
        Assert.Equal(float.NegativeInfinity, VectorMath.Log(-0f));
        Assert.True(float.IsNaN(VectorMath.Log(-float.Epsilon)));
        Assert.True(float.IsNaN(VectorMath.Log(float.NegativeInfinity)));
        Assert.True(float.IsNaN(VectorMath.Log(float.NaN)));
        Assert.Equal(float.PositiveInfinity, VectorMath.Log(float.PositiveInfinity));
    }

    private void RequireUlp<TFunction>(double bound, double subnormalBound)
        where TFunction : struct, IFloatFunction
    {
        var clock = Stopwatch.StartNew();
        var errors = EveryFloat ? FloatErrors.OfEveryFloat<TFunction>() : OfSample<TFunction>();
        var line = string.Create(
            CultureInfo.InvariantCulture,
            $"{typeof(TFunction).Name}: {errors.Arguments} arguments, {errors.Misrounded} misrounded, {errors.Ties} near ties; "
            + $"{errors.Normal.Ulp:F4} ULP at {errors.Normal.Argument:R}, subnormal results {errors.Subnormal.Ulp:F4} at "
            + $"{errors.Subnormal.Argument:R}; {clock.Elapsed.TotalSeconds:F0} s");
        output.WriteLine(line);
        Assert.True(errors.Normal.Ulp <= bound && errors.Subnormal.Ulp <= subnormalBound, $"{line} (seed {Seed})");
    }

    private static FloatErrors OfSample<TFunction>()
        where TFunction : struct, IFloatFunction
    {
        var random = new Random(Seed);
        var errors = new FloatErrors();
        var block = new float[16];
        foreach (var edge in Edges)
        {
            Array.Fill(block, edge);
            errors.Visit<TFunction>(block);
        }

        // Every exponent and sign with random significands; more where the function is neither flat nor overflowing.
        for (var head = 0; head < 512; head++)
        {
            for (var round = (head & 255) is > 100 and < 136 ? 600 : 20; round > 0; round--)
            {
                for (var i = 0; i < block.Length; i++)
                {
                    block[i] = BitConverter.UInt32BitsToSingle(((uint)head << 23) | (uint)random.Next(1 << 23));
                }

                errors.Visit<TFunction>(block);
            }
        }

        return errors;
    }

    private static void RequireSameBits(
        float[] block,
        Func<Vector512<float>, Vector512<float>> wide,
        Func<Vector256<float>, Vector256<float>> half,
        Func<float, float> scalar)
    {
        var a = wide(Vector512.Create(block));
        var b = half(Vector256.Create(block));
        for (var i = 0; i < 16; i++)
        {
            var expected = BitConverter.SingleToInt32Bits(a[i]);
            Assert.True(expected == BitConverter.SingleToInt32Bits(scalar(block[i])), $"scalar form at {block[i]:R}");
            Assert.True(i >= 8 || expected == BitConverter.SingleToInt32Bits(b[i]), $"256-bit form at {block[i]:R}");
        }
    }
}
