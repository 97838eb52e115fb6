using System.Numerics;
using System.Runtime.InteropServices;
using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Simulator;

namespace Stof.Reference.Cuda.Catalog;

/// <summary>
/// The sum of each block's part of x: by shuffles within a warp, by shared memory between warps. Shows a loop, a barrier and divergence.
/// </summary>
public static class BlockSum
{
    /// <summary>The template.</summary>
    public static CudaKernelTemplate Template { get; } = new()
    {
        Name = "block_sum",
        Summary = "sums[b] = sum of x over block b's part: shuffles in a warp, shared memory between warps",
        Parameters =
        [
            new TemplateParameter("n", 1000, 1, 1 << 24, "elements"),
            new TemplateParameter("threads", 128, 32, 1024, "threads of a block, a power of two"),
        ],
        Build = (values, target) => Build(target, values["threads"]),
        MakeTrial = MakeTrial,
    };

    /// <summary>Builds the kernel: parameters x, sums (addresses), n; a block takes two elements a thread.</summary>
    /// <exception cref="InvalidInputException">The threads are no power of two from 32 to 1024.</exception>
    public static Kernel Build(Target target, int threads)
    {
        if (threads is < 32 or > 1024 || !BitOperations.IsPow2(threads))
        {
            throw new InvalidInputException(nameof(threads), $"{threads}", "a power of two from 32 to 1024");
        }

        var warps = threads / 32;
        var k = new KernelBuilder("block_sum", target);
        var x = k.Parameter<B64>("x");
        var sums = k.Parameter<B64>("sums");
        var n = k.Parameter<B32>("n");
        var partial = k.Shared("partial", 4 * warps);
        var thread = k.ThreadX();
        var lane = k.And(thread, 31);
        var warp = k.ShrU32(thread, 5);

        var sum = k.Copy<F32>(0f);
        var i = k.Mad(k.BlockX(), 2 * threads, thread);
        var end = k.MinU32(n, k.Mad(k.BlockX(), 2 * threads, 2 * threads));
        k.While(() => k.CompareU32(Comparison.Less, i, end), () =>
        {
            k.Assign(sum, k.Add(sum, k.LoadGlobal<F32>(new GlobalPointer(k.MadWideU32(i, 4, x)))));
            k.Assign(i, k.Add(i, threads));
        });

        // Lanes leave the loop apart; the shuffle waits for all of them.
        SumLanes(k, sum, 32);
        using (k.When(k.CompareU32(Comparison.Equal, lane, 0)))
        {
            k.StoreShared(new SharedPointer(k.Mad(warp, 4, k.AddressOf(partial).Base)), sum);
        }

        k.Barrier();
        k.If(k.CompareU32(Comparison.Less, thread, warps), () =>
        {
            var mask = warps == 32 ? uint.MaxValue : (1u << warps) - 1;
            var total = k.LoadShared<F32>(new SharedPointer(k.Mad(thread, 4, k.AddressOf(partial).Base)));
            for (var distance = warps / 2; distance > 0; distance /= 2)
            {
                k.Assign(total, k.Add(total, k.ShuffleXor(total, distance, mask)));
            }

            using (k.When(k.CompareU32(Comparison.Equal, thread, 0)))
            {
                k.StoreGlobal(new GlobalPointer(k.MadWideU32(k.BlockX(), 4, sums)), total);
            }
        });
        return k.Build(threads);
    }

    private static void SumLanes(KernelBuilder k, F32 sum, int lanes)
    {
        for (var distance = lanes / 2; distance > 0; distance /= 2)
        {
            k.Assign(sum, k.Add(sum, k.ShuffleXor(sum, distance)));
        }
    }

    private static KernelTrial MakeTrial(TemplateValues values, int seed)
    {
        var n = values["n"];
        var part = 2 * values["threads"];
        var blocks = (n + part - 1) / part;
        var x = VectorAdd.Floats(new Random(seed), n);
        return new KernelTrial
        {
            Grid = new Grid(blocks),
            Buffers =
            [
                new TrialBuffer("x", 4 * n, MemoryMarshal.AsBytes(x.AsSpan()).ToArray()),
                new TrialBuffer("sums", 4 * blocks, default),
            ],
            SetScalars = parameters => parameters.Set("n", n),
            Check = outputs =>
            {
                var sums = MemoryMarshal.Cast<byte, float>(outputs["sums"]);
                for (var block = 0; block < blocks; block++)
                {
                    double exact = 0;
                    double magnitude = 0;
                    foreach (var value in x.AsSpan(block * part, Math.Min(part, n - (block * part))))
                    {
                        exact += value;
                        magnitude += Math.Abs(value);
                    }

                    // Additions on the longest way of an element to the sum: one a loop round, five in a warp, five between warps.
                    if (!(Math.Abs(sums[block] - exact) <= 12 * Math.ScaleB(1, -24) * magnitude))
                    {
                        return $"sums[{block}] is {sums[block]:g9}; expected {exact:g9}";
                    }
                }

                return null;
            },
        };
    }
}
