using MathNet.Numerics;

namespace Stof.Reference.Cpu.Oracle;

/// <summary>
/// The operators around attention in double precision, each a direct transcription of its formula. Matrices are row-major:
/// X is [rows, width]. Nothing here is shared with a kernel.
/// </summary>
public static class NaiveOperators
{
    /// <summary>Y = X·Wᵀ: X [rows, depth], W [width, depth] (one row a neuron, as checkpoints store it), Y [rows, width].</summary>
    public static double[] Gemm(double[] x, double[] w, int rows, int width, int depth)
    {
        var y = new double[rows * width];
        Parallel.For(0, rows, i =>
        {
            var a = x.AsSpan(i * depth, depth);
            for (var n = 0; n < width; n++)
            {
                var b = w.AsSpan(n * depth, depth);
                var sum = 0.0;
                for (var k = 0; k < depth; k++)
                {
                    sum += a[k] * b[k];
                }

                y[(i * width) + n] = sum;
            }
        });
        return y;
    }

    /// <summary>Y = X + b, b [width] added to every row.</summary>
    public static double[] Bias(double[] x, double[] bias)
    {
        var y = new double[x.Length];
        for (var i = 0; i < x.Length; i++)
        {
            y[i] = x[i] + bias[i % bias.Length];
        }

        return y;
    }

    /// <summary>Y = X + R.</summary>
    public static double[] Residual(double[] x, double[] residual)
    {
        var y = new double[x.Length];
        for (var i = 0; i < x.Length; i++)
        {
            y[i] = x[i] + residual[i];
        }

        return y;
    }

    /// <summary>GELU by the error function: x·Φ(x) = x/2·(1 + erf(x/√2)).</summary>
    public static double GeluErf(double x) => 0.5 * x * (1.0 + SpecialFunctions.Erf(x / Math.Sqrt(2.0)));

    /// <summary>GELU's tanh approximation: x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³))).</summary>
    public static double GeluTanh(double x) =>
        0.5 * x * (1.0 + Math.Tanh(Math.Sqrt(2.0 / Math.PI) * (x + (0.044715 * x * x * x))));

    /// <summary>max(x, 0); NaN stays NaN.</summary>
    public static double Relu(double x) => Math.Max(x, 0.0);

    /// <summary>SiLU: x·σ(x) = x / (1 + e⁻ˣ).</summary>
    public static double Silu(double x) => x / (1.0 + Math.Exp(-x));

    /// <summary>Applies a function to every element.</summary>
    public static double[] Map(double[] x, Func<double, double> function) => Array.ConvertAll(x, new Converter<double, double>(function));

    /// <summary>SwiGLU: silu(a)·b with a the first and b the second half of each row. X [rows, 2·width] gives [rows, width].</summary>
    public static double[] SwiGlu(double[] x, int width)
    {
        var y = new double[x.Length / 2];
        for (var i = 0; i < y.Length; i++)
        {
            var (row, column) = (i / width, i % width);
            y[i] = Silu(x[(row * 2 * width) + column]) * x[(row * 2 * width) + width + column];
        }

        return y;
    }

    /// <summary>LayerNorm over each row: (x − mean)/√(variance + eps)·gamma + beta, the variance biased (divided by width).</summary>
    public static double[] LayerNorm(double[] x, double[] gamma, double[] beta, double eps)
    {
        var width = gamma.Length;
        var y = new double[x.Length];
        for (var start = 0; start < x.Length; start += width)
        {
            var mean = 0.0;
            for (var i = 0; i < width; i++)
            {
                mean += x[start + i] / width;
            }

            var variance = 0.0;
            for (var i = 0; i < width; i++)
            {
                variance += (x[start + i] - mean) * (x[start + i] - mean) / width;
            }

            for (var i = 0; i < width; i++)
            {
                y[start + i] = ((x[start + i] - mean) / Math.Sqrt(variance + eps) * gamma[i]) + beta[i];
            }
        }

        return y;
    }

    /// <summary>RMSNorm over each row: x/√(mean(x²) + eps)·gamma.</summary>
    public static double[] RmsNorm(double[] x, double[] gamma, double eps)
    {
        var width = gamma.Length;
        var y = new double[x.Length];
        for (var start = 0; start < x.Length; start += width)
        {
            var meanSquare = 0.0;
            for (var i = 0; i < width; i++)
            {
                meanSquare += x[start + i] * x[start + i] / width;
            }

            for (var i = 0; i < width; i++)
            {
                y[start + i] = x[start + i] / Math.Sqrt(meanSquare + eps) * gamma[i];
            }
        }

        return y;
    }

    /// <summary>
    /// Rotary position embedding (Su et al. 2021), rotate-half form: the pair (x_i, x_{i+D/2}) turns by position·base^(−2i/D).
    /// Applied to <paramref name="heads"/> heads of <paramref name="size"/> elements from the start of each row; the rest of
    /// the row is copied. The position of a row is its index modulo <paramref name="length"/>.
    /// </summary>
    public static double[] Rope(double[] x, int rowWidth, int heads, int size, int length, double theta)
    {
        var y = (double[])x.Clone();
        for (var row = 0; row < x.Length / rowWidth; row++)
        {
            var position = row % length;
            for (var h = 0; h < heads; h++)
            {
                for (var i = 0; i < size / 2; i++)
                {
                    var angle = position * Math.Pow(theta, -2.0 * i / size);
                    var (a, b) = ((row * rowWidth) + (h * size) + i, (row * rowWidth) + (h * size) + i + (size / 2));
                    y[a] = (x[a] * Math.Cos(angle)) - (x[b] * Math.Sin(angle));
                    y[b] = (x[b] * Math.Cos(angle)) + (x[a] * Math.Sin(angle));
                }
            }
        }

        return y;
    }

    /// <summary>One table row an index: result [indices, width].</summary>
    public static double[] Embedding(double[] table, IReadOnlyList<int> indices, int width)
    {
        var y = new double[indices.Count * width];
        for (var i = 0; i < indices.Count; i++)
        {
            Array.Copy(table, indices[i] * width, y, i * width, width);
        }

        return y;
    }

    /// <summary>
    /// Cuts images [batch, channels, side·patch, side·patch] into rows of channels·patch·patch pixels, patches in reading
    /// order: a strided convolution is then one <see cref="Gemm"/>.
    /// </summary>
    public static double[] Patches(double[] pixels, int batch, int channels, int side, int patch)
    {
        var size = side * patch;
        var width = channels * patch * patch;
        var y = new double[batch * side * side * width];
        for (var i = 0; i < y.Length; i++)
        {
            var (row, column) = (i / width, i % width);
            var (b, py, px) = (row / (side * side), row / side % side, row % side);
            var (c, dy, dx) = (column / (patch * patch), column / patch % patch, column % patch);
            y[i] = pixels[(((((b * channels) + c) * size) + (py * patch) + dy) * size) + (px * patch) + dx];
        }

        return y;
    }
}
