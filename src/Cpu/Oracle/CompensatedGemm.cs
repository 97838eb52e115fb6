namespace Stof.Reference.Cpu.Oracle;

/// <summary>How a weight matrix lies in memory.</summary>
public enum WeightOrder
{
    /// <summary>[N, K]: one row an output (PyTorch's Linear).</summary>
    OutputsByInputs,

    /// <summary>[K, N]: one row an input (GPT-2's Conv1D).</summary>
    InputsByOutputs,
}

/// <summary>Matrix products and sums, every output rounded once from double-double.</summary>
public static class CompensatedGemm
{
    /// <summary>C[M, N] = A[M, K]·W (+ bias).</summary>
    /// <param name="a">[M, K].</param>
    /// <param name="weight">[N, K] or [K, N].</param>
    /// <param name="order">Which of the two.</param>
    /// <param name="outputs">N.</param>
    /// <param name="inputs">K.</param>
    /// <param name="bias">[N], or empty for none.</param>
    /// <exception cref="InvalidInputException">The lengths do not fit.</exception>
    public static double[] Run(
        ReadOnlySpan<double> a,
        ReadOnlySpan<double> weight,
        WeightOrder order,
        int outputs,
        int inputs,
        ReadOnlySpan<double> bias = default)
    {
        Require(inputs >= 1 && a.Length % inputs == 0, nameof(a), a.Length, $"a multiple of {inputs}");
        Require(weight.Length == (long)outputs * inputs, nameof(weight), weight.Length, $"{outputs}x{inputs}");
        Require(bias.Length == outputs || bias.IsEmpty, nameof(bias), bias.Length, $"{outputs} or 0");
        var (nStride, kStride) = order == WeightOrder.OutputsByInputs ? (inputs, 1) : (1, outputs);
        var rows = a.Length / inputs;
        var result = new double[rows * outputs];
        for (var m = 0; m < rows; m++)
        {
            for (var n = 0; n < outputs; n++)
            {
                var sum = default(CompensatedSum);
                for (var k = 0; k < inputs; k++)
                {
                    sum.AddProduct(a[(m * inputs) + k], weight[(n * nStride) + (k * kStride)]);
                }

                result[(m * outputs) + n] = bias.IsEmpty ? sum.Value.Hi : (sum.Value + bias[n]).Hi;
            }
        }

        return result;
    }

    /// <summary>x[rows, N] + bias[N].</summary>
    /// <exception cref="InvalidInputException">The lengths do not fit.</exception>
    public static double[] AddBias(ReadOnlySpan<double> x, ReadOnlySpan<double> bias)
    {
        Require(bias.Length >= 1 && x.Length % bias.Length == 0, nameof(bias), bias.Length, $"a divisor of {x.Length}");
        var result = x.ToArray();
        for (var i = 0; i < result.Length; i++)
        {
            result[i] += bias[i % bias.Length];
        }

        return result;
    }

    /// <summary>x + y, element by element.</summary>
    /// <exception cref="InvalidInputException">The lengths differ.</exception>
    public static double[] Residual(ReadOnlySpan<double> x, ReadOnlySpan<double> y)
    {
        Require(x.Length == y.Length, nameof(y), y.Length, $"{x.Length}");
        var result = x.ToArray();
        for (var i = 0; i < result.Length; i++)
        {
            result[i] += y[i];
        }

        return result;
    }

    internal static void Require(bool condition, string name, int found, string expected)
    {
        if (!condition)
        {
            throw new InvalidInputException(name, $"{found} elements", expected);
        }
    }
}
