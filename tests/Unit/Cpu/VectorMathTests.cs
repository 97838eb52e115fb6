using System.Runtime.Intrinsics;
using Stof.Reference.Cpu.Simd;

namespace Stof.Reference.Unit.Tests.Cpu;

/// <summary>
/// Errors are measured against the double-precision library functions (their own error, about 1e-16, is far below a float's
/// ULP). Set STOF_EVERY_FLOAT=1 to visit all 2³² arguments instead of a sample; that takes minutes.
/// </summary>
public sealed class VectorMathTests
{
    private static readonly bool EveryFloat = Environment.GetEnvironmentVariable("STOF_EVERY_FLOAT") == "1";

    private static readonly float[] Edges =
    [
        0f, -0f, float.Epsilon, -float.Epsilon, 1.17549435e-38f, -1.17549435e-38f, 1f, -1f, MathF.BitIncrement(1f),
        MathF.BitDecrement(1f), 0.625f, MathF.BitDecrement(0.625f), 4f, 88.72283f, 88.72284f, 89.5f, -87.33654f, -103.2789f,
        -103.97208f, -103.97209f, -104.5f, 1e30f, -1e30f, float.MaxValue, float.MinValue, float.PositiveInfinity,
        float.NegativeInfinity, float.NaN,
    ];

    [Fact]
    public void Exp_is_within_0_55_ulp_over_all_exponents_and_0_80_where_the_result_is_subnormal() =>
        RequireUlp(0.55, VectorMath.Exp, Math.Exp);

    [Fact]
    public void Tanh_is_within_1_5_ulp_over_all_exponents() =>
        RequireUlp(1.5, VectorMath.Tanh, Math.Tanh);

    [Fact]
    public void Log_is_within_1_ulp_over_all_exponents() =>
        RequireUlp(1.0, VectorMath.Log, Math.Log);

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

    private static void RequireUlp(double bound, Func<Vector512<float>, Vector512<float>> function, Func<double, double> exact)
    {
        const int Seed = 3;
        var random = new Random(Seed);
        var worst = (Error: 0.0, Argument: 0f);
        void Visit(Vector512<float> x)
        {
            var y = function(x);
            for (var i = 0; i < 16; i++)
            {
                // A subnormal result is rounded twice: once to 24 bits, once to the bits that are left.
                var reference = exact(x[i]);
                var allowance = Math.Abs(reference) < 1.17549435e-38 ? 0.25 : 0;
                var error = UlpError(y[i], reference) - allowance;
                if (!(error <= worst.Error))
                {
                    worst = (error, x[i]);
                }
            }
        }

        foreach (var edge in Edges)
        {
            Visit(Vector512.Create(edge));
        }

        if (EveryFloat)
        {
            var lanes = Vector512.Create(0u, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
            for (var bits = 0L; bits < 1L << 32; bits += 16)
            {
                Visit((lanes + Vector512.Create((uint)bits)).AsSingle());
            }
        }
        else
        {
            // Every exponent and sign with random significands; more where the function is neither flat nor overflowing.
            for (var head = 0; head < 512; head++)
            {
                for (var round = (head & 255) is > 100 and < 136 ? 600 : 20; round > 0; round--)
                {
                    var lanes = new uint[16];
                    for (var i = 0; i < lanes.Length; i++)
                    {
                        lanes[i] = ((uint)head << 23) | (uint)random.Next(1 << 23);
                    }

                    Visit(Vector512.Create(lanes).AsSingle());
                }
            }
        }

        Assert.True(worst.Error <= bound, $"{worst.Error:F4} ULP at {worst.Argument:R} (seed {Seed}), allowed {bound}");
    }

    /// <summary>Distance in units of the last place of a float of the exact result's size; 0 where both are the same special value.</summary>
    private static double UlpError(float found, double exact)
    {
        if (double.IsNaN(exact) || float.IsNaN(found))
        {
            return double.IsNaN(exact) && float.IsNaN(found) ? 0 : double.PositiveInfinity;
        }

        // Beyond half a step above the largest float the rounded result is infinite.
        if (float.IsInfinity((float)exact) || float.IsInfinity(found))
        {
            return found == (float)exact ? 0 : double.PositiveInfinity;
        }

        var exponent = exact == 0 ? -126 : Math.Max(-126, Math.ILogB(exact));
        return Math.Abs(found - exact) / Math.ScaleB(1.0, exponent - 23);
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
