using Stof.Reference.Cpu.Oracle;
using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Simulator;
using Stof.Reference.Cuda.Templates;
using Stof.Reference.Graphs;
using Stof.Reference.Numerics;

namespace Stof.Reference.Cuda.Tests.Templates;

/// <summary>Activations on registers beside double precision, over all arguments that matter.</summary>
public class ActivationTests
{
    private const double SmallestNormalHalf = 6.103515625e-5;

    [Theory]
    [InlineData(ActivationKind.GeluErf, DType.F16, 9e-5)]
    [InlineData(ActivationKind.GeluTanh, DType.F16, 7e-5)]
    [InlineData(ActivationKind.SwiGlu, DType.F16, 3e-6)]
    [InlineData(ActivationKind.GeluErf, DType.BF16, 9e-5)]
    [InlineData(ActivationKind.GeluTanh, DType.BF16, 7e-5)]
    [InlineData(ActivationKind.GeluErf, DType.F32, 1e-6)]
    [InlineData(ActivationKind.GeluTanh, DType.F32, 3e-6)]
    [InlineData(ActivationKind.SwiGlu, DType.F32, 3e-6)]
    public void Errors_are_a_fraction_of_a_rounding(ActivationKind kind, DType type, double limit)
    {
        float[] arguments = [.. Enumerable.Range(-9000, 18_001).Select(i => i * 0.001f), .. Enumerable.Range(0, 200).SelectMany(i => (float[])[MathF.Pow(1.5f, i - 100), -MathF.Pow(1.5f, i - 100)])];
        var results = Run(kind, type, arguments);
        for (var i = 0; i < arguments.Length; i++)
        {
            var expected = Exact(kind, arguments[i]);
            var allowed = type == DType.F32
                ? (limit * Math.Abs(expected)) + (4e-7 * Math.Abs(arguments[i]) * (arguments[i] < 0 ? 0 : 1)) + 1e-10
                : limit * Math.Max(Math.Abs(expected), SmallestNormalHalf);
            Assert.True(Math.Abs(results[i] - expected) <= allowed, $"{kind}({arguments[i]:g9}) in {type} is {results[i]:g9}, expected {expected:g9}, {(results[i] - expected) / expected:e2} off");
        }
    }

    [Fact]
    public void Arguments_of_any_size_give_themselves_or_zero()
    {
        foreach (var kind in new[] { ActivationKind.GeluErf, ActivationKind.GeluTanh, ActivationKind.SwiGlu, ActivationKind.Relu })
        {
            foreach (var type in new[] { DType.F16, DType.F32 })
            {
                var results = Run(kind, type, [1e4f, -1e4f, 1e30f, -1e30f, float.NaN]);
                Assert.Equal([1e4f, 0f, 1e30f, 0f], results[..4].Select(value => value + 0f));
                Assert.Equal(kind != ActivationKind.Relu, float.IsNaN(results[4]));
            }
        }
    }

    private static double Exact(ActivationKind kind, double x) => kind switch
    {
        ActivationKind.GeluErf => NaiveOperators.GeluErf(x),
        ActivationKind.GeluTanh => NaiveOperators.GeluTanh(x),
        _ => NaiveOperators.Silu(x),
    };

    private static float[] Run(ActivationKind kind, DType type, float[] arguments)
    {
        var k = new KernelBuilder("activation", Target.Sm80);
        var (x, y) = (k.Parameter<B64>("x"), k.Parameter<B64>("y"));
        var count = k.Parameter<B32>("count");
        var index = k.Mad(k.BlockX(), 32, k.ThreadX());
        k.If(k.CompareU32(Comparison.Less, index, count), () => k.StoreGlobal(k.Element(y, index, 4), k.Activate(kind, k.LoadGlobal<F32>(k.Element(x, index, 4)), type)));
        var kernel = k.Build(32);
        var device = new SimulatedDevice(Target.Sm80);
        var output = device.Allocate(4 * arguments.Length);
        var parameters = new ParameterBlock(kernel).Set("x", device.Allocate<float>(arguments)).Set("y", output).Set("count", arguments.Length);
        device.Launch(kernel, new Grid((arguments.Length + 31) / 32), parameters.Bytes).ThrowIfFound();
        return device.Read<float>(output, arguments.Length);
    }
}
