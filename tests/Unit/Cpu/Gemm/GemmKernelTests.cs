using Stof.Reference.Cpu.Simd;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;
using static Stof.Reference.Unit.Tests.Cpu.Gemm.GemmReference;

namespace Stof.Reference.Unit.Tests.Cpu.Gemm;

public sealed class GemmKernelTests : IDisposable
{
    private readonly WorkerPool _pool = new(2);
    private readonly KernelWorkspace _workspace;

    public GemmKernelTests() => _workspace = new KernelWorkspace(_pool);

    public void Dispose() => _pool.Dispose();

    public static TheoryData<int, int, int> Shapes => new()
    {
        { 1, 1, 1 }, { 1, 32, 16 }, { 1, 33, 17 }, { 2, 31, 1 }, { 3, 64, 300 }, { 5, 7, 9 }, { 7, 100, 40 }, { 9, 95, 33 },
        { 11, 65, 31 }, { 12, 32, 256 }, { 13, 40, 257 }, { 24, 96, 512 }, { 25, 129, 515 }, { 61, 50, 48 }, { 130, 70, 65 },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Product_is_within_the_error_budget_for_every_dtype(int m, int n, int k)
    {
        foreach (var type in new[] { DType.F32, DType.F16, DType.BF16 })
        {
            var random = new Random(m + (100 * n) + (10_000 * k));
            var a = Random(random, type, m, k);
            var b = Random(random, type, n, k);
            var c = HostTensor.Zeros(type, m, n);
            new GemmKernel(PackedMatrix.FromOutputMajor(b), _workspace).Run(MatrixView.Of(a), MatrixView.Of(c));
            var (expected, magnitude) = Multiply(a.ToDoubles(), b.ToDoubles(), m, n, k);
            AssertWithin(c, expected, i => Budget(k, magnitude[i]), $"{type} {m}x{n}x{k}");
        }
    }

    [Fact]
    public void Every_activation_bias_and_residual_agrees_with_double_loops_on_random_shapes()
    {
        for (var seed = 0; seed < 60; seed++)
        {
            var random = new Random(seed);
            var activation = (Activation)(seed % 6);
            var type = new[] { DType.F32, DType.F16, DType.BF16 }[seed / 6 % 3];
            var gated = activation == Activation.SwiGlu;
            var (m, width, k) = (random.Next(1, 40), random.Next(1, 90), random.Next(1, 80));
            var n = gated ? 2 * width : width;
            var a = Random(random, type, m, k);
            var b = Random(random, type, n, k);
            var bias = seed % 2 == 0 ? RandomRow(random, n) : null;
            var residual = seed % 3 == 0 ? Random(random, type, m, width) : null;
            var c = HostTensor.Zeros(type, m, width);
            var weights = gated ? PackedMatrix.Gated(true, b) : PackedMatrix.FromOutputMajor(b);
            var kernel = new GemmKernel(weights, _workspace, null, new GemmEpilogue(bias, activation));
            kernel.Run(MatrixView.Of(a), MatrixView.Of(c), residual is null ? default : MatrixView.Of(residual));

            var (product, magnitude) = Multiply(a.ToDoubles(), b.ToDoubles(), m, n, k);
            var added = residual?.ToDoubles();
            var expected = new double[m * width];
            var budget = new double[m * width];
            for (var i = 0; i < m; i++)
            {
                for (var j = 0; j < width; j++)
                {
                    var first = product[(i * n) + j] + (bias?[j] ?? 0);
                    var second = gated ? product[(i * n) + width + j] + (bias?[width + j] ?? 0) : 0;
                    var index = (i * width) + j;
                    expected[index] = Activate(activation, first, second) + (added?[index] ?? 0);

                    // Every activation here has a slope of at most 1.13; a product passes on both factors' errors.
                    var error = 1.2 * Budget(k, magnitude[(i * n) + j]);
                    budget[index] = gated
                        ? (error * Math.Abs(second)) + (Math.Abs(first) * Budget(k, magnitude[(i * n) + width + j]))
                        : error;
                    budget[index] += 8 * DType.F32.UnitRoundoff()
                        * ((gated ? Math.Abs(first * second) : Math.Abs(first)) + Math.Abs(expected[index]) + Math.Abs(added?[index] ?? 0));
                }
            }

            AssertWithin(c, expected, i => budget[i], $"seed {seed}, {activation}, {type}, {m}x{n}x{k}");
        }
    }

    [Fact]
    public void Norm_epilogue_agrees_with_double_loops_and_stores_the_sum_before_it()
    {
        for (var seed = 0; seed < 24; seed++)
        {
            var random = new Random(1000 + seed);
            var type = new[] { DType.F32, DType.F16, DType.BF16 }[seed % 3];
            var (m, n, k) = (random.Next(1, 60), random.Next(1, 150), random.Next(1, 300));
            var a = Random(random, type, m, k);
            var b = Random(random, type, n, k);
            var bias = RandomRow(random, n);
            var residual = Random(random, type, m, n);
            var norm = seed % 2 == 0
                ? RowNorm.Layer(RandomRow(random, n), RandomRow(random, n))
                : RowNorm.Rms(RandomRow(random, n));
            var (c, preNorm) = (HostTensor.Zeros(type, m, n), HostTensor.Zeros(type, m, n));
            var kernel = new GemmKernel(
                PackedMatrix.FromOutputMajor(b), _workspace, null, new GemmEpilogue(bias, Activation.None, norm));
            kernel.Run(MatrixView.Of(a), MatrixView.Of(c), MatrixView.Of(residual), MatrixView.Of(preNorm));

            var (sum, magnitude) = Multiply(a.ToDoubles(), b.ToDoubles(), m, n, k);
            var added = residual.ToDoubles();
            for (var i = 0; i < sum.Length; i++)
            {
                sum[i] += bias[i % n] + added[i];
                magnitude[i] += Math.Abs(bias[i % n]) + Math.Abs(added[i]);
            }

            var label = $"seed {1000 + seed}, {norm.Kind}, {type}, {m}x{n}x{k}";
            AssertWithin(preNorm, sum, i => Budget(k, magnitude[i]), "pre-norm, " + label);
            AssertNorm(c, norm, sum, magnitude, k, label);
        }
    }

    [Fact]
    public void Norm_prologue_equals_normalising_first_bit_for_bit_in_float()
    {
        for (var seed = 0; seed < 12; seed++)
        {
            var random = new Random(2000 + seed);
            var (m, n, k) = (random.Next(1, 60), random.Next(1, 100), random.Next(1, 300));
            var a = Random(random, DType.F32, m, k);
            var weights = PackedMatrix.FromOutputMajor(Random(random, DType.F32, n, k));
            var norm = seed % 2 == 0
                ? RowNorm.Layer(RandomRow(random, k), RandomRow(random, k))
                : RowNorm.Rms(RandomRow(random, k));
            var normalized = HostTensor.Zeros(DType.F32, m, k);
            var (fused, detached) = (HostTensor.Zeros(DType.F32, m, n), HostTensor.Zeros(DType.F32, m, n));
            Reference.Cpu.Simd.Normalize.Run(_workspace, MatrixView.Of(a), norm, MatrixView.Of(normalized));
            new GemmKernel(weights, _workspace).Run(MatrixView.Of(normalized), MatrixView.Of(detached));
            new GemmKernel(weights, _workspace, norm).Run(MatrixView.Of(a), MatrixView.Of(fused));
            Assert.True(fused.Bytes.SequenceEqual(detached.Bytes), $"seed {2000 + seed}, {norm.Kind}, {m}x{n}x{k}");
        }
    }

    [Fact]
    public void Strided_views_read_and_write_only_their_rectangle()
    {
        var random = new Random(7);
        var a = Random(random, DType.F32, 20, 50);
        var b = Random(random, DType.F32, 40, 30);
        var c = HostTensor.Zeros(DType.F32, 20, 60);
        c.Span<float>().Fill(-7);
        var aView = MatrixView.Of(a).SliceColumns(5, 30).SliceRows(2, 15);
        var cView = MatrixView.Of(c).SliceColumns(11, 40).SliceRows(3, 15);
        new GemmKernel(PackedMatrix.FromOutputMajor(b), _workspace).Run(aView, cView);

        var dense = HostTensor.Zeros(DType.F32, 15, 30);
        for (var i = 0; i < 15; i++)
        {
            a.Span<float>().Slice(((i + 2) * 50) + 5, 30).CopyTo(dense.Span<float>()[(i * 30)..]);
        }

        var result = HostTensor.Zeros(DType.F32, 15, 40);
        new GemmKernel(PackedMatrix.FromOutputMajor(b), _workspace).Run(MatrixView.Of(dense), MatrixView.Of(result));
        for (var i = 0; i < 20; i++)
        {
            for (var j = 0; j < 60; j++)
            {
                var inside = i is >= 3 and < 18 && j is >= 11 and < 51;
                Assert.Equal(inside ? result.Span<float>()[((i - 3) * 40) + j - 11] : -7, c.Span<float>()[(i * 60) + j]);
            }
        }
    }

    [Fact]
    public void Both_storage_orders_and_joined_parts_pack_to_the_same_matrix()
    {
        var random = new Random(8);
        foreach (var type in new[] { DType.F32, DType.F16, DType.BF16 })
        {
            var whole = Random(random, type, 70, 33);
            var transposed = HostTensor.Zeros(type, 33, 70);
            var parts = new[] { HostTensor.Zeros(type, 50, 33), HostTensor.Zeros(type, 9, 33), HostTensor.Zeros(type, 11, 33) };
            var size = type.Size();
            var start = 0;
            foreach (var part in parts)
            {
                whole.Bytes.Slice(start, part.Bytes.Length).CopyTo(part.Bytes);
                start += part.Bytes.Length;
            }

            for (var j = 0; j < 70; j++)
            {
                for (var k = 0; k < 33; k++)
                {
                    whole.Bytes.Slice(((j * 33) + k) * size, size).CopyTo(transposed.Bytes[(((k * 70) + j) * size)..]);
                }
            }

            var a = Random(random, type, 13, 33);
            var expected = Product(PackedMatrix.FromOutputMajor(whole), a, 70);
            Assert.True(expected.Bytes.SequenceEqual(Product(PackedMatrix.FromInputMajor(transposed), a, 70).Bytes));
            Assert.True(expected.Bytes.SequenceEqual(Product(PackedMatrix.FromOutputMajor(parts), a, 70).Bytes));
        }

        HostTensor Product(PackedMatrix weights, HostTensor a, int n)
        {
            var c = HostTensor.Zeros(DType.F32, 13, n);
            new GemmKernel(weights, _workspace).Run(MatrixView.Of(a), MatrixView.Of(c));
            return c;
        }
    }

    [Fact]
    public void Infinities_nans_and_subnormals_stay_in_their_own_rows_and_columns()
    {
        var a = HostTensor.From([1f, 2f, float.NaN, 0f, float.PositiveInfinity, 1f, 1e-42f, 0f], 4, 2);
        var b = HostTensor.From([1f, 1f, 0f, 1f, -1f, 0f], 3, 2);
        var c = HostTensor.Zeros(DType.F32, 4, 3);
        new GemmKernel(PackedMatrix.FromOutputMajor(b), _workspace).Run(MatrixView.Of(a), MatrixView.Of(c));
        Assert.Equal(
            [3f, 2f, -1f, float.NaN, float.NaN, float.NaN, float.PositiveInfinity, float.NaN, float.NegativeInfinity, 1e-42f, 0f, -1e-42f],
            c.Span<float>().ToArray());
    }

    [Fact]
    public void No_rows_no_columns_and_no_depth_are_products_too()
    {
        var b = PackedMatrix.FromOutputMajor(HostTensor.Zeros(DType.F32, 40, 8));
        new GemmKernel(b, _workspace).Run(
            MatrixView.Of(HostTensor.Zeros(DType.F32, 0, 8)), MatrixView.Of(HostTensor.Zeros(DType.F32, 0, 40)));
        var none = PackedMatrix.FromOutputMajor(HostTensor.Zeros(DType.F32, 0, 8));
        new GemmKernel(none, _workspace).Run(
            MatrixView.Of(HostTensor.Zeros(DType.F32, 5, 8)), MatrixView.Of(HostTensor.Zeros(DType.F32, 5, 0)));
        var bias = Enumerable.Range(0, 40).Select(i => (float)i).ToArray();
        var c = HostTensor.Zeros(DType.F32, 14, 40);
        c.Span<float>().Fill(3);
        var flat = PackedMatrix.FromOutputMajor(HostTensor.Zeros(DType.F32, 40, 0));
        new GemmKernel(flat, _workspace, null, new GemmEpilogue(bias)).Run(
            MatrixView.Of(HostTensor.Zeros(DType.F32, 14, 0)), MatrixView.Of(c));
        Assert.Equal(bias, c.Span<float>()[(13 * 40)..].ToArray());
    }

    [Fact]
    public void Wrong_shapes_dtypes_and_options_are_named()
    {
        var weights = PackedMatrix.FromOutputMajor(HostTensor.Zeros(DType.F32, 40, 8));
        var a = MatrixView.Of(HostTensor.Zeros(DType.F32, 5, 8));
        var c = MatrixView.Of(HostTensor.Zeros(DType.F32, 5, 40));
        var half = MatrixView.Of(HostTensor.Zeros(DType.F16, 5, 40));
        var kernel = new GemmKernel(weights, _workspace);
        Assert.Equal("a", Argument(() => kernel.Run(c, c)));
        Assert.Equal("c", Argument(() => kernel.Run(a, a)));
        Assert.Equal("residual", Argument(() => kernel.Run(a, c, half)));
        Assert.Equal("preNorm", Argument(() => kernel.Run(a, c, default, c)));
        Assert.Equal("epilogue.Bias", Created(() => new GemmKernel(weights, _workspace, null, new GemmEpilogue(new float[39]))));
        Assert.Equal(
            "epilogue.Activation",
            Created(() => new GemmKernel(weights, _workspace, null, new GemmEpilogue(null, Activation.SwiGlu))));
        Assert.Equal("RowBlock", Created(() => new GemmKernel(weights, _workspace, tiling: new GemmTiling(0, 1, 1))));
        Assert.Equal("parts", Argument(() => PackedMatrix.Gated(true, HostTensor.Zeros(DType.F32, 3, 8))));
        Assert.Equal("tensor", Argument(() => MatrixView.Of(HostTensor.Zeros(DType.F64, 3, 8))));
    }

    internal static string Argument(Action action) => Assert.Throws<InvalidInputException>(action).Argument;

    private static string Created(Func<object> create) => Assert.Throws<InvalidInputException>(create).Argument;

    private static void AssertWithin(HostTensor actual, double[] expected, Func<int, double> budget, string label)
    {
        var values = actual.ToDoubles();
        for (var i = 0; i < expected.Length; i++)
        {
            var limit = budget(i) + StoreBudget(actual.Type, expected[i]);
            Assert.True(Math.Abs(values[i] - expected[i]) <= limit, $"{label}: [{i}] {values[i]:R} != {expected[i]:R} +- {limit:E2}");
        }
    }

    private static void AssertNorm(HostTensor actual, RowNorm norm, double[] sum, double[] magnitude, int k, string label)
    {
        var n = norm.Gamma.Length;
        var values = actual.ToDoubles();
        for (var i = 0; i < sum.Length / n; i++)
        {
            var row = Row(sum, i, n);
            var expected = GemmReference.Normalize(norm, row);
            var error = Budget(k, Row(magnitude, i, n).Max());
            for (var j = 0; j < n; j++)
            {
                var limit = NormBudget(norm, row, j, error) + StoreBudget(actual.Type, expected[j]);
                var value = values[(i * n) + j];
                Assert.True(Math.Abs(value - expected[j]) <= limit, $"{label}: [{i}, {j}] {value:R} != {expected[j]:R} +- {limit:E2}");
            }
        }
    }
}
