using Stof.Reference.Cuda.Execution;
using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Cuda.Catalog;

/// <summary>bias + residual + LayerNorm in F32 on a few rows.</summary>
internal static class NormTemplate
{
    private const float Epsilon = 1e-5f;

    /// <summary>The template.</summary>
    public static CudaKernelTemplate Template { get; } = new()
    {
        Name = "bias_residual_norm",
        Summary = "y = LayerNorm(x + bias + residual)·gamma + beta, a block a row",
        Parameters =
        [
            new TemplateParameter("rows", 3, 1, 4096, "rows"),
            new TemplateParameter("columns", 256, 1, 65_536, "elements of a row"),
        ],
        Build = (values, target) => Record(values, 1, target).Launch.Kernel,
        MakeTrial = (values, seed) =>
        {
            var (launch, operands) = Record(values, seed, Target.Sm80);
            return launch.ToTrial(outputs => Check(operands, outputs["y"]));
        },
    };

    private static (RecordedLaunch Launch, HostTensor[] Operands) Record(TemplateValues values, int seed, Target target)
    {
        var (rows, columns) = (values["rows"], values["columns"]);
        var random = new Random(seed);
        HostTensor Draw(params ReadOnlySpan<int> shape)
        {
            var tensor = HostTensor.Uninitialized(DType.F32, shape);
            VectorAdd.Floats(random, tensor.Count).CopyTo(tensor.Span<float>());
            return tensor;
        }

        HostTensor[] operands = [Draw(rows, columns), Draw(columns), Draw(rows, columns), Draw(columns), Draw(columns)];
        var launch = new RecordedLaunch(target);
        NormRun.BiasResidualLayerNorm(launch, operands[0], operands[1], operands[2], operands[3], operands[4], Epsilon);
        return (launch, operands);
    }

    private static string? Check(HostTensor[] operands, byte[] output)
    {
        var (x, bias, residual) = (operands[0].ToDoubles(), operands[1].ToDoubles(), operands[2].ToDoubles());
        var (gamma, beta) = (operands[3].ToDoubles(), operands[4].ToDoubles());
        var columns = gamma.Length;
        for (var start = 0; start < x.Length; start += columns)
        {
            double[] row = [.. Enumerable.Range(0, columns).Select(i => x[start + i] + bias[i] + residual[start + i])];
            var mean = row.Average();
            var deviation = Math.Sqrt(row.Average(value => (value - mean) * (value - mean)) + Epsilon);
            for (var i = 0; i < columns; i++)
            {
                var expected = ((row[i] - mean) / deviation * gamma[i]) + beta[i];
                var found = BitConverter.ToSingle(output, (start + i) * sizeof(float));
                var limit = 2e-6 * ((Math.Abs(gamma[i]) * (1 + (row.Max(Math.Abs) / deviation))) + Math.Abs(beta[i]));
                if (!(Math.Abs(found - expected) <= limit))
                {
                    return $"y[{start / columns}, {i}] is {found:g7}; expected {expected:g7}";
                }
            }
        }

        return null;
    }
}
