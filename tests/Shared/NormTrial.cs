using System.Numerics.Tensors;
using Stof.Reference.Cpu.Oracle;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Tests;

/// <summary>One bias+residual+LayerNorm: rounded inputs, and what double precision makes of them.</summary>
internal sealed class NormTrial
{
    /// <summary>Added to the variance.</summary>
    public const float Epsilon = 1e-5f;

    private const double FloatRoundings = 16; // half units in the last place that float arithmetic may cost, of a row's scale

    private readonly double[] _sum;
    private readonly double[] _addends; // |x| + |bias| + |residual|: what a float sum's error counts in
    private readonly double[] _expected;
    private readonly double[] _gamma;
    private readonly double[] _beta;

    /// <summary>Draws inputs.</summary>
    public NormTrial(Random random, DType type, int rows, int columns, InputFamily family)
    {
        X = Seeded.Tensor(random, type, family, rows, columns);
        Residual = Seeded.Tensor(random, type, family, rows, columns);
        Bias = Seeded.Tensor(random, type, columns);
        Gamma = Seeded.Tensor(random, type, columns);
        Beta = Seeded.Tensor(random, type, columns);
        (_gamma, _beta) = (Gamma.ToDoubles(), Beta.ToDoubles());
        var (x, bias, residual) = (X.ToDoubles(), Bias.ToDoubles(), Residual.ToDoubles());
        _addends = NaiveOperators.Residual(
            NaiveOperators.Bias(Array.ConvertAll(x, Math.Abs), Array.ConvertAll(bias, Math.Abs)), Array.ConvertAll(residual, Math.Abs));
        _sum = NaiveOperators.Residual(NaiveOperators.Bias(x, bias), residual);
        _expected = NaiveOperators.LayerNorm(_sum, _gamma, _beta, Epsilon);
    }

    /// <summary>x [rows, columns].</summary>
    public HostTensor X { get; }

    /// <summary>residual [rows, columns].</summary>
    public HostTensor Residual { get; }

    /// <summary>bias [columns].</summary>
    public HostTensor Bias { get; }

    /// <summary>gamma [columns].</summary>
    public HostTensor Gamma { get; }

    /// <summary>beta [columns].</summary>
    public HostTensor Beta { get; }

    /// <summary>
    /// Requires every element within one rounding of the output and float's roundings of what it was made from: a float's error in
    /// (v − mean) counts in units of the row's largest addends, divided by its deviation.
    /// </summary>
    public void Require(HostTensor y, HostTensor? sum, string label)
    {
        var columns = _gamma.Length;
        var actual = y.ToDoubles();
        var stored = sum?.ToDoubles();
        var unit = X.Type.UnitRoundoff();
        var floatUnit = DType.F32.UnitRoundoff();
        for (var start = 0; start < actual.Length; start += columns)
        {
            var row = _sum.AsSpan(start, columns);
            var largest = TensorPrimitives.Max<double>(_addends.AsSpan(start, columns));
            var mean = TensorPrimitives.Sum<double>(row) / columns;
            var variance = 0.0;
            foreach (var value in row)
            {
                variance += (value - mean) * (value - mean) / columns;
            }

            var amplified = largest / Math.Sqrt(variance + Epsilon);
            for (var i = 0; i < columns; i++)
            {
                var expected = _expected[start + i];
                var limit = (unit * Math.Abs(expected) * 1.01) + X.Type.HalfSubnormal()
                    + (FloatRoundings * floatUnit * ((Math.Abs(_gamma[i]) * (1 + amplified)) + Math.Abs(_beta[i]) + Math.Abs(expected)));
                var error = Math.Abs(actual[start + i] - expected);
                Assert.True(error <= limit, $"{label}: row {start / columns}, column {i}: {actual[start + i]:g9} is {error:g3} from {expected:g9}, allowed {limit:g3}");
                if (stored is not null)
                {
                    var sumLimit = (unit * Math.Abs(row[i]) * 1.01) + (2.02 * floatUnit * _addends[start + i]) + X.Type.HalfSubnormal();
                    Assert.True(Math.Abs(stored[start + i] - row[i]) <= sumLimit, $"{label}: row {start / columns}, column {i}: sum {stored[start + i]:g9} is not {row[i]:g9}");
                }
            }
        }
    }
}
