using Stof.Reference.Cuda.Execution;
using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;

namespace Stof.Reference.Cuda.Catalog;

/// <summary>The attention kernels on a small problem: one batch item, a causal or a sliding mask.</summary>
internal static class AttentionTemplates
{
    /// <summary>The row-wise kernel.</summary>
    public static CudaKernelTemplate Rowwise { get; } = Define(
        "rowwise_attention", "STOF's row-wise attention: a warp a query, allowed keys only", isRowwise: true, defaultType: DType.F32);

    /// <summary>The block-wise kernel.</summary>
    public static CudaKernelTemplate Blockwise { get; } = Define(
        "blockwise_attention", "STOF's block-wise attention on tensor cores: tiles, online softmax, bits in fragment order", isRowwise: false, defaultType: DType.F16);

    private static CudaKernelTemplate Define(string name, string summary, bool isRowwise, DType defaultType) => new()
    {
        Name = name,
        Summary = summary,
        Parameters =
        [
            new TemplateParameter("bits", defaultType == DType.F32 ? 32 : 16, 16, 32, isRowwise ? "32 for F32, 16 for F16" : "16: F16"),
            new TemplateParameter("d", 64, 8, 256, "head size, a multiple of 8"),
            new TemplateParameter("queries", 70, 1, 4096, "queries"),
            new TemplateParameter("keys", 130, 1, 4096, "keys"),
            new TemplateParameter("window", 0, 0, 4096, "sliding window; 0 for causal"),
        ],
        Build = (values, target) => Record(values, 1, target, isRowwise).Launch.Kernel,
        MakeTrial = (values, seed) =>
        {
            var (launch, problem, q, k, v) = Record(values, seed, Target.Sm80, isRowwise);
            return launch.ToTrial(outputs => Check(problem, q, k, v, outputs["o"]));
        },
    };

    private static (RecordedLaunch Launch, AttentionProblem Problem, HostTensor Q, HostTensor K, HostTensor V) Record(
        TemplateValues values, int seed, Target target, bool isRowwise)
    {
        var bits = values["bits"];
        if (bits is not (16 or 32) || (!isRowwise && bits != 16))
        {
            throw new InvalidInputException("bits", $"{bits}", isRowwise ? "16 or 32" : "16");
        }

        if (values["d"] % 8 != 0)
        {
            throw new InvalidInputException("d", $"{values["d"]}", "a multiple of 8");
        }

        var problem = new AttentionProblem
        {
            Batch = 1,
            QueryHeads = 1,
            KvHeads = 1,
            QueryLength = values["queries"],
            KvLength = values["keys"],
            HeadSize = values["d"],
            Type = bits == 32 ? DType.F32 : DType.F16,
            Mask = values["window"] == 0 ? new CausalMask() : MaskText.Parse($"sliding({values["window"]})"),
        };
        var random = new Random(seed);
        HostTensor Draw(int length)
        {
            var tensor = HostTensor.Uninitialized(DType.F64, 1, 1, length, problem.HeadSize);
            foreach (ref var value in tensor.Span<double>())
            {
                value = (2 * random.NextDouble()) - 1;
            }

            return tensor.To(problem.Type);
        }

        var (q, k, v) = (Draw(problem.QueryLength), Draw(problem.KvLength), Draw(problem.KvLength));
        var launch = new RecordedLaunch(target);
        using var backend = new CudaBackend(launch, isRowwise);
        backend.Attend(problem, q, k, v, HostTensor.Uninitialized(problem.Type, q.Shape), null);
        return (launch, problem, q, k, v);
    }

    // The definition, in double.
    private static string? Check(AttentionProblem problem, HostTensor q, HostTensor k, HostTensor v, byte[] output)
    {
        var mask = problem.BindMask();
        var size = problem.HeadSize;
        var (queries, keys, values) = (q.ToDoubles(), k.ToDoubles(), v.ToDoubles());
        var found = HostTensor.Uninitialized(problem.Type, q.Shape);
        output.CopyTo(found.Bytes);
        var actual = found.ToDoubles();
        var share = problem.Type == DType.F32 ? 2e-6 : 2e-3; // of Σ p·|v|
        for (var row = 0; row < problem.QueryLength; row++)
        {
            var scores = new Dictionary<int, double>();
            for (var key = 0; key < problem.KvLength; key++)
            {
                if (mask.Allows(0, 0, row, key))
                {
                    var product = System.Numerics.Tensors.TensorPrimitives.Dot<double>(queries.AsSpan(row * size, size), keys.AsSpan(key * size, size));
                    scores[key] = product * problem.EffectiveScale;
                }
            }

            var largest = scores.Values.DefaultIfEmpty().Max();
            var total = scores.Values.Sum(score => Math.Exp(score - largest));
            for (var d = 0; d < size; d++)
            {
                var (expected, magnitude) = (0.0, 0.0);
                foreach (var (key, score) in scores)
                {
                    var weight = Math.Exp(score - largest) / total;
                    expected += weight * values[(key * size) + d];
                    magnitude += weight * Math.Abs(values[(key * size) + d]);
                }

                if (!(Math.Abs(actual[(row * size) + d] - expected) <= share * magnitude))
                {
                    return $"o[{row}, {d}] is {actual[(row * size) + d]:g7}; expected {expected:g7}";
                }
            }
        }

        return null;
    }
}
