using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Tests.Ptx;

/// <summary>The kernel that docs/ptx-builder.md walks through; the document holds the method below word for word.</summary>
internal static class MaskedRowSum
{
    public static Kernel Build(Target target)
    {
        const int Warps = 2;
        var k = new KernelBuilder("masked_row_sum", target);
        var values = k.Parameter<B64>("values");
        var keep = k.Parameter<B64>("keep");
        var sums = k.Parameter<B64>("sums");
        var columns = k.Parameter<B32>("columns");
        var partial = k.AddressOf(k.Shared("partial", Warps * sizeof(float)));

        // Each thread adds every 64th kept value of the block's row.
        var row = k.BlockX();
        var thread = k.ThreadX();
        var first = k.MulLo(row, columns);
        var total = k.Copy<F32>(0);
        var column = k.Copy(thread);
        k.While(() => k.CompareU32(Comparison.Less, column, columns), () =>
        {
            var element = k.Add(first, column);
            var kept = k.CompareU32(Comparison.NotEqual, k.LoadGlobalU8(new GlobalPointer(k.Add(keep, k.ExtendU32(element)))), 0);
            using (k.When(kept))
            {
                var value = k.LoadGlobal<F32>(new GlobalPointer(k.MadWideU32(element, sizeof(float), values)));
                k.Assign(total, k.Add(total, value));
            }

            k.Assign(column, k.Add(column, Warps * 32));
        });

        // C# runs this loop: five exchanges stand in the kernel.
        for (var distance = 16; distance > 0; distance /= 2)
        {
            total = k.Add(total, k.ShuffleXor(total, distance));
        }

        using (k.When(k.CompareU32(Comparison.Equal, k.LaneId(), 0)))
        {
            var warp = k.ShrU32(thread, 5);
            k.StoreShared(new SharedPointer(k.Mad(warp, sizeof(float), partial.Base)), total);
        }

        k.Barrier();
        k.If(k.CompareU32(Comparison.Equal, thread, 0), () =>
        {
            var sum = k.Add(k.LoadShared<F32>(partial), k.LoadShared<F32>(partial + sizeof(float)));
            k.StoreGlobal(new GlobalPointer(k.MadWideU32(row, sizeof(float), sums)), sum);
        });
        return k.Build(threads: Warps * 32);
    }
}
