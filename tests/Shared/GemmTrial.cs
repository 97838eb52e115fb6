using Stof.Reference.Cpu.Oracle;
using Stof.Reference.Graphs;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Tests;

/// <summary>One product with an epilogue: rounded inputs, and what double precision makes of them.</summary>
internal sealed class GemmTrial
{
    private const double Steepest = 1.13; // largest slope of GELU and SiLU
    private const double CoarseActivation = 9e-5; // what a 16-bit result's activation may lack
    private const double FineActivation = 4e-6;

    private readonly double[] _expected;
    private readonly double[] _limits;
    private readonly double[] _errors; // of floats, before the store

    /// <summary>Draws inputs; W is scaled so that sums of any depth are of one size.</summary>
    public GemmTrial(
        Random random, DType type, int rows, int width, int depth, bool hasBias = false, ActivationKind? activation = null, bool hasResidual = false, InputFamily family = InputFamily.UnitNormal, double biasShift = 0)
    {
        Activation = activation;
        var isGated = activation == ActivationKind.SwiGlu;
        var columns = isGated ? width / 2 : width;
        A = Seeded.Tensor(random, type, family, rows, depth);
        Weight = Scaled(Seeded.Tensor(random, DType.F64, width, depth), 1 / Math.Sqrt(depth)).To(type);
        Bias = hasBias ? Shifted(Seeded.Tensor(random, DType.F64, width), biasShift).To(type) : null;
        Residual = hasResidual ? Seeded.Tensor(random, type, rows, columns) : null;

        var (a, w) = (A.ToDoubles(), Weight.ToDoubles());
        var product = NaiveOperators.Gemm(a, w, rows, width, depth);
        var magnitude = NaiveOperators.Gemm(Array.ConvertAll(a, Math.Abs), Array.ConvertAll(w, Math.Abs), rows, width, depth);
        var (bias, residual) = (Bias?.ToDoubles(), Residual?.ToDoubles());
        _expected = new double[rows * columns];
        _limits = new double[rows * columns];
        _errors = new double[rows * columns];
        var floatUnit = DType.F32.UnitRoundoff();
        for (var i = 0; i < _expected.Length; i++)
        {
            var (row, column) = Math.DivRem(i, columns);
            (double Value, double Error) At(int c)
            {
                var shift = bias?[c] ?? 0;
                var value = product[(row * width) + c] + shift;
                return (value, floatUnit * ((4 * Math.Sqrt(depth) * magnitude[(row * width) + c]) + (2 * Math.Abs(value))));
            }

            var (x, error) = At(column);
            var result = x;
            if (activation is { } kind)
            {
                result = kind switch
                {
                    ActivationKind.Relu => NaiveOperators.Relu(x),
                    ActivationKind.GeluErf => NaiveOperators.GeluErf(x),
                    ActivationKind.GeluTanh => NaiveOperators.GeluTanh(x),
                    _ => NaiveOperators.Silu(x),
                };
                error = (Steepest * error) + ((type == DType.F32 ? FineActivation : CoarseActivation) * Math.Abs(result));
                if (isGated)
                {
                    var (value, valueError) = At(column + columns);
                    error = (error * Math.Abs(value)) + (valueError * Math.Abs(result));
                    result *= value;
                }
            }

            result += residual?[i] ?? 0;
            _expected[i] = result;
            _errors[i] = error + (2 * floatUnit * Math.Abs(result));
            _limits[i] = _errors[i] + (type.UnitRoundoff() * 1.01 * Math.Abs(result)) + type.HalfSubnormal();
        }
    }

    /// <summary>A [rows, depth].</summary>
    public HostTensor A { get; }

    /// <summary>W [width, depth].</summary>
    public HostTensor Weight { get; }

    /// <summary>[width], or null.</summary>
    public HostTensor? Bias { get; }

    /// <summary>[rows, columns of C], or null.</summary>
    public HostTensor? Residual { get; }

    /// <summary>Function behind the bias, or null.</summary>
    public ActivationKind? Activation { get; }

    /// <summary>What double precision makes of it.</summary>
    public ReadOnlySpan<double> Expected => _expected;

    /// <summary>How far floats may be from it before they are stored.</summary>
    public ReadOnlySpan<double> Errors => _errors;

    /// <summary>Requires every element within the roundings of float sums, of the activation and of one store.</summary>
    public void Require(HostTensor c, string label)
    {
        var actual = c.ToDoubles();
        Assert.True(actual.Length == _expected.Length, $"{label}: {actual.Length} elements, expected {_expected.Length}");
        var columns = c.Shape[^1];
        for (var i = 0; i < actual.Length; i++)
        {
            var error = Math.Abs(actual[i] - _expected[i]);
            Assert.True(error <= _limits[i], $"{label}: row {i / columns}, column {i % columns}: {actual[i]:g9} is {error:g3} from {_expected[i]:g9}, allowed {_limits[i]:g3}");
        }
    }

    private static HostTensor Shifted(HostTensor tensor, double shift)
    {
        foreach (ref var value in tensor.Span<double>())
        {
            value += shift;
        }

        return tensor;
    }

    private static HostTensor Scaled(HostTensor tensor, double factor)
    {
        foreach (ref var value in tensor.Span<double>())
        {
            value *= factor;
        }

        return tensor;
    }
}
