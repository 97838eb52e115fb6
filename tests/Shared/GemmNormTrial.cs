using System.Numerics.Tensors;
using Stof.Reference.Cpu.Oracle;
using Stof.Reference.Graphs;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Tests;

/// <summary>One product whose rows are normalised: rounded inputs, and what double precision makes of them.</summary>
internal sealed class GemmNormTrial
{
    /// <summary>Added to the variance or the mean square.</summary>
    public const float Epsilon = 1e-5f;

    private const double FloatRoundings = 16; // half units in the last place that a norm in floats may cost, of a row's scale

    private readonly DType _type;
    private readonly double[] _expected;
    private readonly double[] _gamma;
    private readonly double[] _beta;

    /// <summary>Draws inputs.</summary>
    public GemmNormTrial(Random random, DType type, int rows, int columns, int depth, NormKind kind, bool hasBias, bool hasResidual, double biasShift = 0)
    {
        (_type, Kind) = (type, kind);
        Product = new GemmTrial(random, type, rows, columns, depth, hasBias, activation: null, hasResidual, biasShift: biasShift);
        Gamma = Seeded.Tensor(random, type, columns);
        Beta = kind == NormKind.Layer ? Seeded.Tensor(random, type, columns) : null;
        (_gamma, _beta) = (Gamma.ToDoubles(), Beta?.ToDoubles() ?? new double[columns]);
        double[] sums = [.. Product.Expected];
        _expected = kind == NormKind.Layer ? NaiveOperators.LayerNorm(sums, _gamma, _beta, Epsilon) : NaiveOperators.RmsNorm(sums, _gamma, Epsilon);
    }

    /// <summary>What is normalised.</summary>
    public GemmTrial Product { get; }

    /// <summary>How.</summary>
    public NormKind Kind { get; }

    /// <summary>[columns].</summary>
    public HostTensor Gamma { get; }

    /// <summary>[columns], or null.</summary>
    public HostTensor? Beta { get; }

    /// <summary>
    /// Requires every element within one rounding of the output and what errors of the sums do to it: an element's own, those of the mean and of the
    /// deviation, all divided by the row's deviation.
    /// </summary>
    public void Require(HostTensor y, HostTensor? sum, string label)
    {
        if (sum is not null)
        {
            Product.Require(sum, label + ", sum");
        }

        var columns = _gamma.Length;
        var actual = y.ToDoubles();
        Assert.True(actual.Length == _expected.Length, $"{label}: {actual.Length} elements, expected {_expected.Length}");
        for (var start = 0; start < actual.Length; start += columns)
        {
            var row = Product.Expected.Slice(start, columns);
            var errors = Product.Errors.Slice(start, columns);
            var mean = Kind == NormKind.Layer ? TensorPrimitives.Sum(row) / columns : 0;
            var variance = 0.0;
            foreach (var value in row)
            {
                variance += (value - mean) * (value - mean) / columns;
            }

            var deviation = Math.Sqrt(variance + Epsilon);
            var (meanError, rootError) = (TensorPrimitives.Sum(errors) / columns, Math.Sqrt(TensorPrimitives.SumOfSquares(errors) / columns));
            var amplified = TensorPrimitives.MaxMagnitude(row) is var largest ? Math.Abs(largest) / deviation : 0;
            for (var i = 0; i < columns; i++)
            {
                var expected = _expected[start + i];
                var moved = Math.Abs(_gamma[i]) / deviation * (errors[i] + meanError + (Math.Abs(row[i] - mean) / deviation * rootError));
                var limit = moved + (_type.UnitRoundoff() * Math.Abs(expected) * 1.01) + _type.HalfSubnormal()
                    + (FloatRoundings * DType.F32.UnitRoundoff() * ((Math.Abs(_gamma[i]) * (1 + amplified)) + Math.Abs(_beta[i]) + Math.Abs(expected)));
                var error = Math.Abs(actual[start + i] - expected);
                Assert.True(error <= limit, $"{label}: row {start / columns}, column {i}: {actual[start + i]:g9} is {error:g3} from {expected:g9}, allowed {limit:g3}");
            }
        }
    }
}
