using Stof.Reference.Cuda.Execution;
using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Templates;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Cuda.Catalog;

/// <summary>A product in F16 with bias, on few rows.</summary>
internal static class GemmCatalogTemplate
{
    private const double Tolerance = 1e-3; // of Σ|a·w| + |bias|: a rounding of F16 and more

    /// <summary>The template.</summary>
    public static CudaKernelTemplate Template { get; } = new()
    {
        Name = "gemm",
        Summary = "c = a·wᵀ + bias on tensor cores: staged copies, swizzled rows, a tile of c a block",
        Parameters =
        [
            new TemplateParameter("rows", 40, 1, 8192, "rows of a"),
            new TemplateParameter("columns", 80, 1, 8192, "columns of c"),
            new TemplateParameter("depth", 200, 1, 8192, "columns of a"),
            new TemplateParameter("tile_rows", 32, 16, 256, "rows of a block's tile, a multiple of 16"),
            new TemplateParameter("tile_columns", 64, 32, 256, "columns of a block's tile, a multiple of 32"),
            new TemplateParameter("stages", 3, 2, 4, "steps of the depth in shared memory at a time"),
        ],
        Build = (values, target) => Record(values, 1, target).Launch.Kernel,
        MakeTrial = (values, seed) =>
        {
            var (launch, operands) = Record(values, seed, Target.Sm80);
            return launch.ToTrial(outputs => Check(operands, outputs["c"]));
        },
    };

    private static (RecordedLaunch Launch, HostTensor[] Operands) Record(TemplateValues values, int seed, Target target)
    {
        var (rows, columns, depth) = (values["rows"], values["columns"], values["depth"]);
        var random = new Random(seed);
        HostTensor Draw(params ReadOnlySpan<int> shape)
        {
            var tensor = HostTensor.Uninitialized(DType.F32, shape);
            VectorAdd.Floats(random, tensor.Count).CopyTo(tensor.Span<float>());
            return tensor.To(DType.F16);
        }

        HostTensor[] operands = [Draw(rows, depth), Draw(columns, depth), Draw(columns)];
        var launch = new RecordedLaunch(target);
        var tile = new GemmTile(values["tile_rows"], values["tile_columns"], 64, values["stages"], 1, 2);
        GemmRun.Multiply(launch, new GemmChoice(tile, 1), operands[0], operands[1], operands[2]);
        return (launch, operands);
    }

    private static string? Check(HostTensor[] operands, byte[] output)
    {
        var (a, w, bias) = (operands[0].ToDoubles(), operands[1].ToDoubles(), operands[2].ToDoubles());
        var (rows, columns, depth) = (operands[0].Shape[0], bias.Length, operands[0].Shape[1]);
        var pitch = RowPitch.Of(DType.F16, columns);
        for (var row = 0; row < rows; row++)
        {
            for (var column = 0; column < columns; column++)
            {
                var (expected, magnitude) = (bias[column], Math.Abs(bias[column]));
                for (var i = 0; i < depth; i++)
                {
                    var term = a[(row * depth) + i] * w[(column * depth) + i];
                    (expected, magnitude) = (expected + term, magnitude + Math.Abs(term));
                }

                var found = (double)BitConverter.ToHalf(output, ((row * pitch) + column) * DType.F16.Size());
                if (!(Math.Abs(found - expected) <= Tolerance * magnitude))
                {
                    return $"c[{row}, {column}] is {found:g5}; expected {expected:g7}";
                }
            }
        }

        return null;
    }
}
