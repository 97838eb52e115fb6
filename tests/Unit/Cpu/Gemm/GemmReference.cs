using Stof.Reference.Cpu.Simd;
using Stof.Reference.Graphs;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Unit.Tests.Cpu.Gemm;

/// <summary>Plain double loops for products, epilogues and norms, and the error budget that the kernels have to keep.</summary>
internal static class GemmReference
{
    public static HostTensor Random(System.Random random, DType type, params ReadOnlySpan<int> shape)
    {
        var tensor = HostTensor.Uninitialized(DType.F32, shape);
        foreach (ref var value in tensor.Span<float>())
        {
            // Unit-normal with a few outliers: narrow inputs hide bugs.
            var normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
            value = (float)(random.Next(100) == 0 ? 20 * normal : normal);
        }

        return tensor.To(type);
    }

    public static float[] RandomRow(System.Random random, int length) =>
        Random(random, DType.F32, length).Span<float>().ToArray();

    /// <summary>A·B and, per element, Σ|a||b| with B stored as [N, K].</summary>
    public static (double[] Product, double[] Magnitude) Multiply(double[] a, double[] b, int m, int n, int k)
    {
        var product = new double[m * n];
        var magnitude = new double[m * n];
        for (var i = 0; i < m; i++)
        {
            for (var j = 0; j < n; j++)
            {
                for (var l = 0; l < k; l++)
                {
                    var term = a[(i * k) + l] * b[(j * k) + l];
                    product[(i * n) + j] += term;
                    magnitude[(i * n) + j] += Math.Abs(term);
                }
            }
        }

        return (product, magnitude);
    }

    /// <summary>4·u·√K·Σ|a||b|, the budget of one product before its store.</summary>
    public static double Budget(int k, double magnitude) => 4 * DType.F32.UnitRoundoff() * Math.Sqrt(k) * magnitude;

    /// <summary>Budget of one rounding at the store.</summary>
    public static double StoreBudget(DType type, double value) =>
        (3 * type.UnitRoundoff() * Math.Abs(value)) + (2 * type.HalfSubnormal());

    public static double Activate(Activation activation, double x, double second = 0) => activation switch
    {
        Activation.Relu => Math.Max(x, 0),
        Activation.GeluErf => x / 2 * (1 + MathNet.Numerics.SpecialFunctions.Erf(x / Math.Sqrt(2))),
        Activation.GeluTanh => x / 2 * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + (0.044715 * x * x * x)))),
        Activation.Silu => x / (1 + Math.Exp(-x)),
        Activation.SwiGlu => x / (1 + Math.Exp(-x)) * second,
        _ => x,
    };

    /// <summary>Normalises one row.</summary>
    public static double[] Normalize(RowNorm norm, double[] row)
    {
        var mean = norm.Kind == NormKind.Layer ? row.Average() : 0;
        var variance = row.Select(x => (x - mean) * (x - mean)).Average();
        var scale = 1 / Math.Sqrt(variance + norm.Epsilon);
        return [.. row.Select((x, j) => ((x - mean) * scale * norm.Gamma[j]) + (norm.Beta?[j] ?? 0))];
    }

    /// <summary>How much an error of size e in every element of a row may change the row's norm: e · scale · |gamma| · 3.</summary>
    public static double NormBudget(RowNorm norm, double[] row, int j, double error)
    {
        var mean = norm.Kind == NormKind.Layer ? row.Average() : 0;
        var scale = 1 / Math.Sqrt(row.Select(x => (x - mean) * (x - mean)).Average() + norm.Epsilon);
        var largest = row.Max(x => Math.Abs(x - mean));
        var amplified = 3 * error * scale * (1 + (largest * scale));
        var rounding = 16 * DType.F32.UnitRoundoff() * scale * (largest + Math.Abs(mean));
        return (Math.Abs(norm.Gamma[j]) * (amplified + rounding)) + (4 * DType.F32.UnitRoundoff() * Math.Abs(norm.Beta?[j] ?? 0));
    }

    public static double[] Row(double[] matrix, int row, int columns) => matrix[(row * columns)..((row + 1) * columns)];
}
