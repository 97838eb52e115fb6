using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Tests.Ptx;

/// <summary>Small kernels whose text is kept in files.</summary>
internal static class SampleKernels
{
    /// <summary>sum[i] = a[i] + b[i], one element a thread, as many threads as it takes.</summary>
    public static Kernel VectorAdd(Target target)
    {
        var k = new KernelBuilder("vector_add", target);
        var a = k.Parameter<B64>("a");
        var b = k.Parameter<B64>("b");
        var sum = k.Parameter<B64>("sum");
        var count = k.Parameter<B32>("count");
        var index = k.Mad(k.BlockX(), k.BlockSizeX(), k.ThreadX());
        k.If(k.CompareU32(Comparison.Less, index, count), () =>
        {
            var left = k.LoadGlobal<F32>(new GlobalPointer(k.MadWideU32(index, 4, a)));
            var right = k.LoadGlobal<F32>(new GlobalPointer(k.MadWideU32(index, 4, b)));
            k.StoreGlobal(new GlobalPointer(k.MadWideU32(index, 4, sum)), k.Add(left, right));
        });
        return k.Build(128);
    }

    /// <summary>Products of two arrays of packed pairs, summed in floats: <c>fma.rn.bf16x2</c> is there from sm_80 on.</summary>
    public static Kernel PackedScale(Target target)
    {
        var k = new KernelBuilder("packed_scale", target);
        var data = k.Parameter<B64>("data");
        var scale = k.Parameter<F32>("scale");
        var at = new GlobalPointer(k.MadWideU32(k.ThreadX(), 4, data));
        var factor = k.PackBF16x2(scale, scale);
        var pair = k.LoadGlobal<BF16x2>(at);
        k.StoreGlobal(at, k.Fma(pair, factor, pair));
        return k.Build(32);
    }

    /// <summary>Sums of packed bfloat16: sm_90 only.</summary>
    public static Kernel PackedAdd(Target target)
    {
        var k = new KernelBuilder("packed_add", target);
        var at = new GlobalPointer(k.MadWideU32(k.ThreadX(), 4, k.Parameter<B64>("data")));
        var pair = k.LoadGlobal<BF16x2>(at);
        k.StoreGlobal(at, k.Add(pair, pair));
        return k.Build(32, minimumBlocks: 2);
    }

    /// <summary>Constants of each type, guards, a loop, moves in braces.</summary>
    public static Kernel Constants(Target target)
    {
        var k = new KernelBuilder("constants", target);
        var result = k.Parameter<B64>("result");
        var total = k.Copy<F32>(0.1f);
        var step = k.Copy<B32>(0);
        k.While(() => k.CompareU32(Comparison.Less, step, 10), () =>
        {
            k.Assign(total, k.Fma(total, -1.5f, float.PositiveInfinity));
            k.Assign(step, k.Add(step, 1));
        });
        using (k.When(k.Compare(Comparison.NotEqual, total, total, orNaN: true)))
        {
            k.Assign(total, -0.0f);
        }

        var (low, high) = k.Unpack(k.Bits(total));
        var both = k.Pack64(k.Pack(high, low), k.Prmt(step, -1, 0x3210));
        var wide = k.Add(k.Xor(both, long.MinValue), k.ExtendU32(k.Lop3(step, 0xf, step, 0xca)));
        k.StoreGlobal(new GlobalPointer(result) + 8, wide);
        k.StoreGlobal(new GlobalPointer(result) + 16, k.Mul(k.ConvertF32ToF64(total), 0.1));
        k.StoreGlobal(new GlobalPointer(result) + 24, k.Min(F16x2.Constant((Half)1, (Half)(-2)), k.PackF16x2(total, total)));
        return k.Build(32);
    }
}
