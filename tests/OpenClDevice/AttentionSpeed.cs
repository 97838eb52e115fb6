using System.Diagnostics;
using System.Text.Json.Nodes;
using Stof.Reference.Cpu.Execution;
using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.OpenCL.Execution;
using Stof.Reference.OpenCL.Execution.Attention;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;
using Stof.Reference.Tests;

namespace Stof.Reference.OpenClDevice;

/// <summary>Time of an attention on the device, tensors there already: the paper's shapes, 12 heads of 64.</summary>
internal static class AttentionSpeed
{
    private const int Heads = 12;
    private const int Size = 64;
    private const int Rounds = 7;
    private const double RoundSeconds = 0.02;

    public static JsonArray Run(IReadOnlyList<OpenCL.OpenClDevice> devices)
    {
        var results = new JsonArray();
        foreach (var device in devices)
        {
            var shapes = device.IsCpu ? new[] { (1, 1024) } : [(1, 1024), (1, 4096), (16, 512), (16, 1024), (16, 4096)];
            foreach (var (batch, length) in shapes)
            {
                var root = (int)Math.Sqrt(length);
                foreach (var mask in new[] { "full", "causal", $"sliding({root})", $"longformer(band={root},global={root})", $"bigbird(band={root},global={root},fill=0.1,seed=1)" })
                {
                    Measure(results, device, batch, length, MaskText.Parse(mask));
                }
            }
        }

        return results;
    }

    private static void Measure(JsonArray results, OpenCL.OpenClDevice device, int batch, int length, MaskPattern mask)
    {
        foreach (var (name, type, units) in new (string, DType, MatrixUnits?)[]
        {
            ("plain", DType.F32, MatrixUnits.None), ("plain", DType.F16, MatrixUnits.None), ("mma", DType.F16, null), ("mma", DType.BF16, null),
        })
        {
            if (units is null && !device.HasMatrixUnits)
            {
                continue;
            }

            var problem = new AttentionProblem
            {
                Batch = batch,
                QueryHeads = Heads,
                KvHeads = Heads,
                QueryLength = length,
                KvLength = length,
                HeadSize = Size,
                Type = type,
                Mask = mask,
            };
            using var kernels = new KernelDevice(device, new OpenClOptions { MatrixUnits = units });
            foreach (var choice in new[] { AttentionKernelChoice.Blockwise, AttentionKernelChoice.Rowwise })
            {
                if (choice == AttentionKernelChoice.Rowwise && (units is null || type == DType.F16))
                {
                    continue;
                }

                var seconds = Best(kernels, problem, AttentionChooser.Choose(kernels, problem, choice));
                var pairs = Pairs(problem);
                var rate = 4.0 * Size * pairs / seconds / 1e12;
                Console.WriteLine($"speed {device.Address} {batch,2}x{length,-5} {mask,-48} {type,-5} {name} {choice,-10} {seconds * 1e6,10:f1} us {rate,8:f2} TFLOP/s of allowed pairs");
                results.Add(new JsonObject
                {
                    ["device"] = device.Address,
                    ["batch"] = batch,
                    ["length"] = length,
                    ["mask"] = mask.ToString(),
                    ["dtype"] = type.ToString(),
                    ["kernels"] = $"{name} {choice}",
                    ["microseconds"] = seconds * 1e6,
                });
            }
        }

        if (device.IsCpu)
        {
            Cpu(results, batch, length, mask);
        }
    }

    // The SIMD backend beside it, copies included, which are small.
    private static void Cpu(JsonArray results, int batch, int length, MaskPattern mask)
    {
        using var cpu = new CpuBackend();
        var problem = new AttentionProblem
        {
            Batch = batch,
            QueryHeads = Heads,
            KvHeads = Heads,
            QueryLength = length,
            KvLength = length,
            HeadSize = Size,
            Mask = mask,
        };
        var tensors = Enumerable.Range(1, 3).Select(seed => Seeded.Tensor(new Random(seed), DType.F32, InputFamily.UnitNormal, batch, Heads, length, Size)).ToArray();
        var output = HostTensor.Zeros(DType.F32, batch, Heads, length, Size);
        var best = double.MaxValue;
        for (var i = 0; i < Rounds; i++)
        {
            best = Math.Min(best, Backends.Timing.Seconds(() => cpu.Attend(problem, tensors[0], tensors[1], tensors[2], output, null)));
        }

        Console.WriteLine($"speed cpu        {batch,2}x{length,-5} {mask,-48} F32   SIMD             {best * 1e6,10:f1} us");
        results.Add(new JsonObject { ["device"] = "cpu", ["batch"] = batch, ["length"] = length, ["mask"] = mask.ToString(), ["dtype"] = "F32", ["microseconds"] = best * 1e6 });
    }

    /// <summary>Seconds of one attention among many, with inputs of its own.</summary>
    public static double Best(KernelDevice device, AttentionProblem problem, AttentionLayoutPlan plan)
    {
        using var attention = new OpenClAttention(device, problem, problem, plan);
        HostTensor Input(int seed, int heads, int length, int size) =>
            Seeded.Tensor(new Random(seed), problem.Type, InputFamily.UnitNormal, problem.Batch, heads, length, size);
        attention.SetInputs(
            Input(1, problem.QueryHeads, problem.QueryLength, problem.HeadSize),
            Input(2, problem.KvHeads, problem.KvLength, problem.HeadSize),
            Input(3, problem.KvHeads, problem.KvLength, problem.ValueSize));
        return Best(device, attention.Run);
    }

    /// <summary>Seconds of one run among many that are started back to back; the best of some rounds.</summary>
    public static double Best(KernelDevice device, Action start)
    {
        start();
        device.Context.Finish();
        var once = Backends.Timing.Seconds(() =>
        {
            start();
            device.Context.Finish();
        });
        var repeats = (int)Math.Clamp(RoundSeconds / once, 1, 200);
        var best = double.MaxValue;
        for (var round = 0; round < Rounds; round++)
        {
            var watch = Stopwatch.StartNew();
            for (var i = 0; i < repeats; i++)
            {
                start();
            }

            device.Context.Finish();
            best = Math.Min(best, watch.Elapsed.TotalSeconds / repeats);
        }

        return best;
    }

    private static double Pairs(AttentionProblem problem)
    {
        var mask = Formats.BlockMaskBuilder.Build(problem.BindMask(), Formats.TileShape.Default);
        var repeat = (mask.BatchSlices == 1 ? problem.Batch : 1.0) * (mask.HeadSlices == 1 ? problem.QueryHeads : 1.0);
        return Formats.TileCounts.Of(mask).Allowed * repeat;
    }
}
