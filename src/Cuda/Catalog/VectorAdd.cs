using System.Runtime.InteropServices;
using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Simulator;

namespace Stof.Reference.Cuda.Catalog;

/// <summary>z = x + y on floats, one element a thread: the smallest kernel that shows everything a kernel has.</summary>
public static class VectorAdd
{
    /// <summary>The template.</summary>
    public static CudaKernelTemplate Template { get; } = new()
    {
        Name = "vector_add",
        Summary = "z[i] = x[i] + y[i], one element a thread",
        Parameters =
        [
            new TemplateParameter("n", 1000, 1, 1 << 24, "elements"),
            new TemplateParameter("threads", 128, 32, 1024, "threads of a block, a multiple of 32"),
        ],
        Build = (values, target) => Build(target, values["threads"]),
        MakeTrial = MakeTrial,
    };

    /// <summary>Builds the kernel: parameters x, y, z (addresses) and n.</summary>
    public static Kernel Build(Target target, int threads)
    {
        var k = new KernelBuilder("vector_add", target);
        var x = k.Parameter<B64>("x");
        var y = k.Parameter<B64>("y");
        var z = k.Parameter<B64>("z");
        var n = k.Parameter<B32>("n");
        var i = k.Mad(k.BlockX(), threads, k.ThreadX());
        k.If(k.CompareU32(Comparison.Less, i, n), () =>
        {
            var a = k.LoadGlobal<F32>(new GlobalPointer(k.MadWideU32(i, 4, x)));
            var b = k.LoadGlobal<F32>(new GlobalPointer(k.MadWideU32(i, 4, y)));
            k.StoreGlobal(new GlobalPointer(k.MadWideU32(i, 4, z)), k.Add(a, b));
        });
        return k.Build(threads);
    }

    private static KernelTrial MakeTrial(TemplateValues values, int seed)
    {
        var n = values["n"];
        var random = new Random(seed);
        var x = Floats(random, n);
        var y = Floats(random, n);
        return new KernelTrial
        {
            Grid = new Grid((n + values["threads"] - 1) / values["threads"]),
            Buffers =
            [
                new TrialBuffer("x", 4 * n, MemoryMarshal.AsBytes(x.AsSpan()).ToArray()),
                new TrialBuffer("y", 4 * n, MemoryMarshal.AsBytes(y.AsSpan()).ToArray()),
                new TrialBuffer("z", 4 * n, default),
            ],
            SetScalars = parameters => parameters.Set("n", n),
            Check = outputs =>
            {
                var z = MemoryMarshal.Cast<byte, float>(outputs["z"]);
                for (var i = 0; i < n; i++)
                {
                    if (z[i] != x[i] + y[i])
                    {
                        return $"z[{i}] is {z[i]:g9}; expected {x[i] + y[i]:g9}";
                    }
                }

                return null;
            },
        };
    }

    internal static float[] Floats(Random random, int count)
    {
        var values = new float[count];
        for (var i = 0; i < count; i++)
        {
            values[i] = (random.NextSingle() * 2) - 1;
        }

        return values;
    }
}
