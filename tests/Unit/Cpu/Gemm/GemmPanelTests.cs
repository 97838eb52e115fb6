using Stof.Reference.Cpu.Simd;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;
using static Stof.Reference.Unit.Tests.Cpu.Gemm.GemmReference;

namespace Stof.Reference.Unit.Tests.Cpu.Gemm;

/// <summary>
/// Bit-exact checks of the panels: every output is the scalar chain of fused multiply-adds, whatever the weights' dtype, and
/// nothing outside C is written.
/// </summary>
public sealed class GemmPanelTests : IDisposable
{
    private const float Canary = -77;

    private static readonly DType[] Types = [DType.F32, DType.F16, DType.BF16];

    private readonly WorkerPool _pool = new(2);
    private readonly KernelWorkspace _workspace;

    public GemmPanelTests() => _workspace = new KernelWorkspace(_pool);

    public void Dispose() => _pool.Dispose();

    [Fact]
    public void Every_element_is_the_scalar_chain_for_every_small_shape_around_the_panel_edges()
    {
        int[] rows = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 18, 19, 24, 25, 49];
        int[] columns = [1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65];
        int[] depths = [0, 1, 2, 15, 16, 17, 32, 33, 49];
        foreach (var type in Types)
        {
            foreach (var k in depths)
            {
                var random = new Random(k);
                var a = Random(random, DType.F32, rows[^1], k);
                var all = Random(random, type, columns[^1], k);
                var chains = Chains(a, all);
                foreach (var n in columns)
                {
                    var b = HostTensor.Zeros(type, n, k);
                    all.Bytes[..b.Bytes.Length].CopyTo(b.Bytes);
                    var weights = PackedMatrix.FromOutputMajor(b);
                    Assert.Equal(type, weights.Type);
                    foreach (var tiling in new[] { null, new GemmTiling(12, 16, 32), new GemmTiling(36, 32, 64) })
                    {
                        var kernel = new GemmKernel(weights, _workspace, tiling: tiling);
                        foreach (var m in rows)
                        {
                            AssertChains(kernel, MatrixView.Of(a).SliceRows(0, m), n, chains, $"{type} {m}x{n}x{k} {tiling}");
                        }
                    }
                }
            }
        }
    }

    [Fact]
    public void Sixteen_bit_panels_give_the_bits_of_panels_widened_beforehand()
    {
        for (var seed = 0; seed < 48; seed++)
        {
            var random = new Random(seed);
            var type = Types[1 + (seed % 2)];
            var activation = (Activation)(seed / 2 % 6);
            var gated = activation == Activation.SwiGlu;
            var (m, width, k) = (random.Next(1, 70), random.Next(1, 150), random.Next(1, 600));
            var a = MatrixView.Of(Random(random, Types[seed % 3], m, k));
            var b = Random(random, type, gated ? 2 * width : width, k);
            var norm = seed % 4 == 0 ? RowNorm.Rms(RandomRow(random, width)) : null;
            var epilogue = new GemmEpilogue(seed % 3 == 0 ? null : RandomRow(random, b.Shape[0]), activation, norm);
            var output = Types[seed / 3 % 3];
            var label = $"seed {seed}, {type}, {activation}, {m}x{width}x{k} to {output}";
            var (narrow, wide) = (Product(b), Product(b.To(DType.F32)));
            Assert.True(narrow.Bytes.SequenceEqual(wide.Bytes), label);

            var second = Random(random, type, 50, width);
            Assert.True(Chain(b, second).Bytes.SequenceEqual(Chain(b.To(DType.F32), second.To(DType.F32)).Bytes), "chain, " + label);

            HostTensor Product(HostTensor weights)
            {
                var c = HostTensor.Zeros(output, m, width);
                new GemmKernel(Packed(weights), _workspace, null, epilogue).Run(a, MatrixView.Of(c));
                return c;
            }

            HostTensor Chain(HostTensor first, HostTensor last)
            {
                var c = HostTensor.Zeros(output, m, 50);
                new GemmChainKernel(
                    Packed(first), PackedMatrix.FromOutputMajor(last), _workspace, epilogue with { Norm = null })
                    .Run(a, MatrixView.Of(c));
                return c;
            }

            PackedMatrix Packed(HostTensor weights) =>
                gated ? PackedMatrix.Gated(true, weights) : PackedMatrix.FromOutputMajor(weights);
        }
    }

    [Theory]
    [InlineData(DType.F16, 0f, 63.97f, 1, DType.F16)] // widened in registers
    [InlineData(DType.F16, 0f, 63.97f, 60, DType.F16)] // widened in scratch
    [InlineData(DType.F16, 6.1e-5f, 65504f, 1, DType.F16)] // no subnormals
    [InlineData(DType.F16, 6.1e-5f, 65504f, 60, DType.F16)]
    [InlineData(DType.F16, 0f, 64f, 1, DType.F32)] // more binades than five bits of exponent
    [InlineData(DType.F16, 0f, float.PositiveInfinity, 1, DType.F32)]
    [InlineData(DType.BF16, 0f, float.PositiveInfinity, 1, DType.BF16)]
    [InlineData(DType.BF16, 0f, float.PositiveInfinity, 60, DType.BF16)]
    public void Every_pattern_of_sixteen_bits_widens_exactly(DType type, float smallest, float largest, int rows, DType packed)
    {
        var patterns = Enumerable.Range(0, 1 << 16)
            .Select(bits => (ushort)bits)
            .Where(bits => Value(bits) == 0 || (Math.Abs(Value(bits)) >= smallest && Math.Abs(Value(bits)) <= largest))
            .ToArray();
        var b = HostTensor.Zeros(type, patterns.Length, 1);
        System.Runtime.InteropServices.MemoryMarshal.AsBytes(patterns.AsSpan()).CopyTo(b.Bytes);
        var weights = PackedMatrix.FromOutputMajor(b);
        Assert.Equal(packed, weights.Type);
        var a = HostTensor.Zeros(DType.F32, rows, 1);
        a.Span<float>().Fill(1);
        var c = HostTensor.Zeros(DType.F32, rows, patterns.Length);
        new GemmKernel(weights, _workspace).Run(MatrixView.Of(a), MatrixView.Of(c));
        for (var i = 0; i < c.Count; i++)
        {
            var expected = Value(patterns[i % patterns.Length]) + 0f; // the chain starts at +0
            Assert.Equal(BitConverter.SingleToUInt32Bits(expected), BitConverter.SingleToUInt32Bits(c.Span<float>()[i]));
        }

        float Value(ushort bits) =>
            type == DType.F16 ? (float)BitConverter.UInt16BitsToHalf(bits) : BitConverter.UInt32BitsToSingle((uint)bits << 16);
    }

    [Fact]
    public void Infinities_and_nans_of_weights_keep_their_places_in_every_dtype()
    {
        foreach (var type in Types)
        {
            var b = HostTensor.From([1f, float.PositiveInfinity, float.NaN, float.NegativeInfinity, -2f], 5, 1).To(type);
            var weights = PackedMatrix.FromOutputMajor(b);
            Assert.Equal(type == DType.F16 ? DType.F32 : type, weights.Type);
            foreach (var m in new[] { 1, 60 })
            {
                var a = HostTensor.Zeros(DType.F32, m, 1);
                a.Span<float>().Fill(3);
                var c = HostTensor.Zeros(DType.F32, m, 5);
                new GemmKernel(weights, _workspace).Run(MatrixView.Of(a), MatrixView.Of(c));
                Assert.Equal(
                    [3f, float.PositiveInfinity, float.NaN, float.NegativeInfinity, -6f], c.Span<float>()[^5..].ToArray());
            }
        }
    }

    [Fact]
    public void Parts_of_different_dtypes_are_joined_as_floats()
    {
        var random = new Random(3);
        var (first, second) = (Random(random, DType.F16, 20, 30), Random(random, DType.BF16, 21, 30));
        var joined = PackedMatrix.FromOutputMajor(first, second);
        Assert.Equal(DType.F32, joined.Type);
        var wide = PackedMatrix.FromOutputMajor(first.To(DType.F32), second.To(DType.F32));
        var a = MatrixView.Of(Random(random, DType.F32, 14, 30));
        var (c, expected) = (HostTensor.Zeros(DType.F32, 14, 41), HostTensor.Zeros(DType.F32, 14, 41));
        new GemmKernel(joined, _workspace).Run(a, MatrixView.Of(c));
        new GemmKernel(wide, _workspace).Run(a, MatrixView.Of(expected));
        Assert.True(c.Bytes.SequenceEqual(expected.Bytes));
    }

    private static float[,] Chains(HostTensor a, HostTensor b)
    {
        var (rows, columns, depth) = (a.Shape[0], b.Shape[0], a.Shape[1]);
        var left = a.Span<float>();
        var right = b.To(DType.F32).Span<float>();
        var chains = new float[rows, columns];
        for (var i = 0; i < rows; i++)
        {
            for (var j = 0; j < columns; j++)
            {
                for (var k = 0; k < depth; k++)
                {
                    chains[i, j] = MathF.FusedMultiplyAdd(left[(i * depth) + k], right[(j * depth) + k], chains[i, j]);
                }
            }
        }

        return chains;
    }

    private static void AssertChains(GemmKernel kernel, MatrixView a, int n, float[,] chains, string label)
    {
        var (height, width) = (a.Rows + 3, n + 19);
        var c = HostTensor.Uninitialized(DType.F32, height, width);
        c.Span<float>().Fill(Canary);
        kernel.Run(a, MatrixView.Of(c).SliceRows(1, a.Rows).SliceColumns(3, n));
        var values = c.Span<float>();
        for (var i = 0; i < height; i++)
        {
            for (var j = 0; j < width; j++)
            {
                var inside = i >= 1 && i <= a.Rows && j >= 3 && j < 3 + n;
                var expected = inside ? chains[i - 1, j - 3] : Canary;
                if (BitConverter.SingleToInt32Bits(values[(i * width) + j]) != BitConverter.SingleToInt32Bits(expected))
                {
                    Assert.Fail($"{label}: [{i - 1}, {j - 3}] {values[(i * width) + j]:R} != {expected:R}");
                }
            }
        }
    }
}
