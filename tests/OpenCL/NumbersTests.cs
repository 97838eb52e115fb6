using System.Runtime.InteropServices;
using Stof.Reference.Conformance.Tests.OpenCL;
using Stof.Reference.Numerics;
using Stof.Reference.OpenCL.Execution;
using Stof.Reference.OpenCL.Execution.Attention;
using Stof.Reference.OpenCL.Execution.Models;

namespace Stof.Reference.OpenCL.Tests;

/// <summary>Conversions and functions of the kernel files, on a device, over whole ranges.</summary>
public sealed class NumbersTests
{
    private const string Probe =
        """
        #include "activations.cl"
        kernel void widen(const global element *x, global float *y)
        {
            const int i = get_global_id(0);
            for (int lane = 0; lane < LANES; lane++) { y[LANES * i + lane] = load_one(x, LANES * i + lane); }
        }
        kernel void widen_vector(const global element *x, global float *y)
        {
            const int i = get_global_id(0);
            VSTORE(load_reals(x, LANES * i), i, y);
        }
        kernel void narrow(const global float *x, global element *y)
        {
            const int i = get_global_id(0);
            store_some(y, LANES * i, VLOAD(i, x), i % 2 == 0 ? LANES : LANES - 1);
            store_one(y, LANES * i + LANES - 1, x[LANES * i + LANES - 1]);
        }
        kernel void power(const global float *x, global float *y) { const int i = get_global_id(0); VSTORE(exp2_of(VLOAD(i, x)), i, y); }
        kernel void gelu(const global float *x, global float *y) { const int i = get_global_id(0); VSTORE(gelu_erf(VLOAD(i, x)), i, y); }
        kernel void sizes(global int *y) { y[0] = sizeof(attention_shape); y[1] = sizeof(product_shape); }
        """;

    // What cl_khr_fp16 gives, on devices that lack it.
    private const string EmulatedFp16 =
        """
        float widened(ushort x) { return vload_half(0, (const half *)&x); }
        ushort narrowed_rte(float x) { ushort y; vstore_half_rte(x, 0, (half *)&y); return y; }
        CAT(float, LANES) CAT(widened, LANES)(CAT(ushort, LANES) x)
        {
            CAT(float, LANES) y;
            for (int i = 0; i < LANES; i++) { ((float *)&y)[i] = widened(((ushort *)&x)[i]); }
            return y;
        }
        CAT(ushort, LANES) CAT(CAT(narrowed, LANES), _rte)(CAT(float, LANES) x)
        {
            CAT(ushort, LANES) y;
            for (int i = 0; i < LANES; i++) { ((ushort *)&y)[i] = narrowed_rte(((float *)&x)[i]); }
            return y;
        }
        #define half ushort
        #undef convert_float
        #define convert_float widened
        #undef convert_half
        #define convert_half narrowed
        #undef convert_half_rte
        #define convert_half_rte narrowed_rte

        """;

    [Theory]
    [InlineData(DType.F16, 16, false)]
    [InlineData(DType.F16, 8, false)]
    [InlineData(DType.F16, 16, true)]
    [InlineData(DType.F16, 8, true)]
    [InlineData(DType.BF16, 16, false)]
    public void Every_16_bit_number_widens_exactly(DType type, int lanes, bool hasFp16)
    {
        var bits = Enumerable.Range(0, 1 << 16).Select(i => (ushort)i).ToArray();
        foreach (var kernel in new[] { "widen", "widen_vector" })
        {
            var floats = Run<ushort, float>(type, lanes, kernel, bits, bits.Length, hasFp16);
            for (var i = 0; i < bits.Length; i++)
            {
                var expected = type == DType.F16 ? (float)BitConverter.UInt16BitsToHalf(bits[i]) : BitConverter.UInt32BitsToSingle((uint)bits[i] << 16);
                Assert.True(expected.Equals(floats[i]), $"{kernel}, {type} 0x{i:x4}: {floats[i]}, expected {expected}");
            }
        }
    }

    [Theory]
    [InlineData(DType.F16, false)]
    [InlineData(DType.F16, true)]
    [InlineData(DType.BF16, false)]
    public void Floats_narrow_to_the_nearest_even(DType type, bool hasFp16)
    {
        const int Count = 1 << 16;
        var random = new Random(5);
        var floats = Enumerable.Range(0, Count).Select(_ => BitConverter.UInt32BitsToSingle((uint)random.NextInt64(1L << 32))).ToArray();
        for (var i = 0; i < Count / 2; i++)
        {
            // Halves between two neighbours, and values near them.
            var exact = type == DType.F16 ? (float)BitConverter.UInt16BitsToHalf((ushort)i) : BitConverter.UInt32BitsToSingle((uint)i << 16);
            floats[i] = BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits(exact) + (uint)random.Next(3) + (type == DType.F16 ? 0xfffu : 0x7fffu));
        }

        var narrow = Run<float, ushort>(type, 16, "narrow", floats, Count, hasFp16);
        for (var i = 0; i < Count; i++)
        {
            if (float.IsNaN(floats[i]))
            {
                Assert.True(type == DType.F16 ? Half.IsNaN(BitConverter.UInt16BitsToHalf(narrow[i])) : (narrow[i] & 0x7fff) > 0x7f80, $"{i}");
                continue;
            }

            var expected = type == DType.F16 ? BitConverter.HalfToUInt16Bits((Half)floats[i]) : ((BFloat16)floats[i]).Bits;
            Assert.True(expected == narrow[i], $"{floats[i]:r}: 0x{narrow[i]:x4}, expected 0x{expected:x4}");
        }
    }

    [Fact]
    public void Powers_of_two_err_by_two_units_at_most()
    {
        var random = new Random(6);
        float[] x = [.. Enumerable.Range(0, (1 << 16) - 16).Select(_ => (float)((random.NextDouble() * 252) - 126)), 0, 1, -1, -126, -127, -1000, float.NegativeInfinity, float.NaN, 126, 0.5f, -0.5f, 1e-30f, -1e-30f, 10, -10, 125.99f];
        var y = Run<float, float>(DType.F32, 16, "power", x, x.Length);
        for (var i = 0; i < x.Length; i++)
        {
            var expected = x[i] < -126 ? 0 : Math.Pow(2, x[i]);
            Assert.True(
                float.IsNaN(x[i]) ? float.IsNaN(y[i]) : Math.Abs(y[i] - expected) <= 2.4e-7 * expected, $"2^{x[i]:r}: {y[i]:r}, expected {expected:r}");
        }
    }

    [Fact]
    public void Gelu_errs_by_two_tenths_of_a_millionth()
    {
        float[] x = [.. Enumerable.Range(0, 1 << 12).Select(i => (i - 2048) / 256f)];
        var y = Run<float, float>(DType.F32, 16, "gelu", x, x.Length);
        for (var i = 0; i < x.Length; i++)
        {
            var expected = 0.5 * x[i] * (1 + MathNetErf(x[i] / Math.Sqrt(2)));
            Assert.True(Math.Abs(y[i] - expected) <= 2e-7 * Math.Max(1, Math.Abs(x[i])), $"gelu({x[i]}): {y[i]:r}, expected {expected:r}");
        }
    }

    [Fact]
    public void Structures_have_the_same_size_on_both_sides()
    {
        using var context = new OpenClContext(OpenClHere.Device);
        var source = KernelSource.Expand(
            "probe.cl",
            ParameterHeader.Of(new NumberParameters { Lanes = 1 }, new AttentionParameters()),
            name => name == "probe.cl" ? "#include \"attention.cl\"\n#include \"product.cl\"\n" + Probe[Probe.IndexOf("kernel void sizes", StringComparison.Ordinal)..] : KernelFiles.Read(name));
        using var program = OpenClProgram.Build(context, source, null);
        using var kernel = program.Kernel("sizes");
        using var buffer = context.Allocate(8);
        context.Launch(kernel.Begin().Add(buffer), WorkSize.One, WorkSize.One);
        var sizes = new int[2];
        context.Read(buffer, MemoryMarshal.AsBytes(sizes.AsSpan()));

        Assert.Equal([Marshal.SizeOf<AttentionShape>(), Marshal.SizeOf<ProductArguments>()], sizes);
    }

    [Fact]
    public void A_real_compilers_errors_lead_to_our_files()
    {
        using var context = new OpenClContext(OpenClHere.Device);
        var source = KernelSource.Expand("a.cl", "#define N 1\n", name => name == "a.cl" ? "#include \"b.cl\"\nkernel void k() { }\n" : "int f() { return nothing; }\n");

        var exception = Assert.Throws<OpenClBuildException>(() => OpenClProgram.Build(context, source, null));

        Assert.Contains(exception.Messages, message => message is { File: "b.cl", Line: 1, IsError: true } && message.Message.Contains("nothing", StringComparison.Ordinal));
    }

    // The error function by its series, good to double precision on the range above.
    private static double MathNetErf(double x)
    {
        if (Math.Abs(x) > 5)
        {
            return Math.Sign(x);
        }

        var (sum, term) = (x, x);
        for (var n = 1; n < 200; n++)
        {
            term *= -x * x / n;
            sum += term / ((2 * n) + 1);
        }

        return 2 / Math.Sqrt(Math.PI) * sum;
    }

    private static TResult[] Run<T, TResult>(DType type, int lanes, string name, T[] input, int count, bool hasFp16 = false)
        where T : unmanaged
        where TResult : unmanaged
    {
        using var context = new OpenClContext(OpenClHere.Device);
        var text = Probe[..Probe.IndexOf("kernel void sizes", StringComparison.Ordinal)];
        var header = ParameterHeader.Of(new NumberParameters { Type = type, Lanes = lanes, HasFp16 = hasFp16 });
        if (hasFp16 && !OpenClHere.Device.HasHalf)
        {
            header += "#define CAT_(a, b) a##b\n#define CAT(a, b) CAT_(a, b)\n" + EmulatedFp16;
        }

        var source = KernelSource.Expand("probe.cl", header, file => file == "probe.cl" ? text : KernelFiles.Read(file));
        using var program = OpenClProgram.Build(context, source, null);
        using var kernel = program.Kernel(name);
        using var from = context.Upload<T>(input);
        var result = new TResult[count];
        using var to = context.Allocate((long)count * Marshal.SizeOf<TResult>());
        context.Launch(kernel.Begin().Add(from).Add(to), new WorkSize(count / lanes), WorkSize.One);
        context.Read(to, MemoryMarshal.AsBytes(result.AsSpan()));
        return result;
    }
}
