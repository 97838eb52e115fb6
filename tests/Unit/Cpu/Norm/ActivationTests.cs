using Stof.Reference.Cpu.Simd;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Unit.Tests.Cpu.Norm;

public sealed class ActivationTests : IDisposable
{
    private readonly WorkerPool _pool = new(1);
    private readonly KernelWorkspace _workspace;

    public ActivationTests() => _workspace = new KernelWorkspace(_pool);

    public void Dispose() => _pool.Dispose();

    [Theory]
    [InlineData(Activation.GeluErf, 2.1)]
    [InlineData(Activation.GeluTanh, 2.6)]
    [InlineData(Activation.Silu, 2.6)]
    public void Errors_relative_to_the_argument_are_a_few_half_units(Activation activation, double bound)
    {
        // The bend around zero densely, then every binade up to where the function is the identity or zero.
        var arguments = new List<float>();
        for (var i = -20_000; i <= 20_000; i++)
        {
            arguments.Add(i * 0.0007f);
        }

        for (var x = 1e-30f; x < 1e30f; x *= 1.01f)
        {
            arguments.AddRange([x, -x]);
        }

        var results = Apply(activation, [.. arguments]);
        var worst = (Error: 0.0, Argument: 0f);
        for (var i = 0; i < results.Length; i++)
        {
            var x = arguments[i];
            var error = Math.Abs(results[i] - Exact(activation, x)) / Math.Max(Math.Abs((double)x), double.Epsilon) * (1 << 24);
            worst = !(error <= worst.Error) ? (error, x) : worst;
        }

        Assert.True(worst.Error <= bound, $"{activation}({worst.Argument:R}): {worst.Error:F2} half units");
    }

    [Fact]
    public void Negative_tails_keep_their_leading_digits()
    {
        // Half · (1 + erf) would leave nothing of them; the power of two does.
        foreach (var activation in new[] { Activation.GeluErf, Activation.GeluTanh, Activation.Silu })
        {
            var arguments = Enumerable.Range(0, 500).Select(i => -0.01f * (i + 1)).ToArray();
            var results = Apply(activation, arguments);
            for (var i = 0; i < results.Length; i++)
            {
                var expected = Exact(activation, arguments[i]);
                Assert.True(Math.Abs(results[i] - expected) <= 2e-5 * -expected, $"{activation}({arguments[i]:R}): {results[i]:R}");
            }
        }
    }

    [Fact]
    public void Signed_zeros_infinity_and_nan_pass_and_large_negative_arguments_give_zero()
    {
        foreach (var activation in new[] { Activation.GeluErf, Activation.GeluTanh, Activation.Silu })
        {
            var results = Apply(activation, [0f, -0f, float.PositiveInfinity, float.NaN, -1e30f, float.MinValue, float.MaxValue]);
            Assert.True(results[0] == 0 && !float.IsNegative(results[0]), $"{activation}(0)");
            Assert.True(results[1] == 0 && float.IsNegative(results[1]), $"{activation}(-0)");
            Assert.Equal(float.PositiveInfinity, results[2]);
            Assert.True(float.IsNaN(results[3]), $"{activation}(NaN)");
            Assert.Equal(0f, results[4]);
            Assert.Equal(0f, results[5]);
            Assert.Equal(float.MaxValue, results[6]);
        }

        // Where the tail is cut: the largest |x| that keeps it, and the first that does not.
        var cut = Apply(Activation.GeluErf, [MathF.BitIncrement(-5.65f), -5.65f, float.NegativeInfinity]);
        Assert.InRange(cut[0], -5e-8f, -4e-8f);
        Assert.Equal(0f, cut[1]);
        Assert.Equal(0f, cut[2]);
    }

    private static double Exact(Activation activation, double x) => activation switch
    {
        Activation.GeluErf => x / 2 * MathNet.Numerics.SpecialFunctions.Erfc(-x / Math.Sqrt(2)),
        Activation.GeluTanh => x / (1 + Math.Exp(-2 * Math.Sqrt(2 / Math.PI) * (x + (0.044715 * x * x * x)))),
        _ => x / (1 + Math.Exp(-x)),
    };

    private float[] Apply(Activation activation, float[] arguments)
    {
        var y = HostTensor.Zeros(DType.F32, 1, arguments.Length);
        BiasActivation.Run(_workspace, MatrixView.Of(HostTensor.From(arguments, 1, arguments.Length)), null, activation, MatrixView.Of(y));
        return y.Span<float>().ToArray();
    }
}
