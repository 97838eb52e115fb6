using Stof.Reference.Cpu.Simd;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;
using Stof.Reference.Unit.Tests.Cpu.Gemm;
using static Stof.Reference.Unit.Tests.Cpu.Gemm.GemmReference;

namespace Stof.Reference.Unit.Tests.Cpu.Norm;

public sealed class NormRowOperatorTests : IDisposable
{
    private static readonly DType[] Types = [DType.F32, DType.F16, DType.BF16];

    private readonly WorkerPool _pool = new(2);
    private readonly KernelWorkspace _workspace;

    public NormRowOperatorTests() => _workspace = new KernelWorkspace(_pool);

    public void Dispose() => _pool.Dispose();

    [Fact]
    public void Norms_alone_and_fused_agree_with_double_loops_and_return_the_sum()
    {
        for (var seed = 0; seed < 60; seed++)
        {
            var random = new Random(seed);
            var type = Types[seed % 3];
            var (rows, columns) = (random.Next(1, 40), random.Next(1, 200));
            var x = Random(random, type, rows, columns);
            var residual = seed % 2 == 0 ? Random(random, type, rows, columns) : null;
            var bias = seed % 5 == 0 ? RandomRow(random, columns) : null;
            var norm = seed % 4 < 2
                ? RowNorm.Layer(RandomRow(random, columns), seed % 8 == 0 ? null : RandomRow(random, columns))
                : RowNorm.Rms(RandomRow(random, columns));
            var (y, preNorm) = (HostTensor.Zeros(type, rows, columns), HostTensor.Zeros(type, rows, columns));
            Reference.Cpu.Simd.Normalize.Run(
                _workspace, MatrixView.Of(x), bias, Optional(residual), norm, MatrixView.Of(y), MatrixView.Of(preNorm));

            var sum = x.ToDoubles();
            var magnitude = new double[sum.Length];
            var added = residual?.ToDoubles();
            for (var i = 0; i < sum.Length; i++)
            {
                magnitude[i] = Math.Abs(sum[i]) + Math.Abs(bias?[i % columns] ?? 0) + Math.Abs(added?[i] ?? 0);
                sum[i] += (bias?[i % columns] ?? 0) + (added?[i] ?? 0);
            }

            var (values, before) = (y.ToDoubles(), preNorm.ToDoubles());
            for (var i = 0; i < rows; i++)
            {
                var row = Row(sum, i, columns);
                var expected = GemmReference.Normalize(norm, row);
                var error = 2 * DType.F32.UnitRoundoff() * Row(magnitude, i, columns).Max();
                for (var j = 0; j < columns; j++)
                {
                    var at = (i * columns) + j;
                    var limit = NormBudget(norm, row, j, error) + StoreBudget(type, expected[j]);
                    Assert.True(Math.Abs(values[at] - expected[j]) <= limit, $"seed {seed} {type} {norm.Kind}: {values[at]:R} != {expected[j]:R}");
                    Assert.True(Math.Abs(before[at] - row[j]) <= error + StoreBudget(type, row[j]), $"seed {seed} {type}: {before[at]:R} != {row[j]:R}");
                }
            }
        }
    }

    [Fact]
    public void Bias_activation_and_residual_agree_with_double_functions()
    {
        for (var seed = 0; seed < 60; seed++)
        {
            var random = new Random(100 + seed);
            var type = Types[seed % 3];
            var activation = (Activation)(seed / 3 % 6);
            var gated = activation == Activation.SwiGlu;
            var (rows, width) = (random.Next(1, 50), random.Next(1, 150));
            var columns = gated ? 2 * width : width;
            var x = Random(random, type, rows, columns);
            var bias = seed % 2 == 0 ? RandomRow(random, columns) : null;
            var y = HostTensor.Zeros(type, rows, width);
            BiasActivation.Run(_workspace, MatrixView.Of(x), bias, activation, MatrixView.Of(y));

            var (input, values) = (x.ToDoubles(), y.ToDoubles());
            for (var i = 0; i < values.Length; i++)
            {
                var at = (i / width * columns) + (i % width);
                var first = (float)(input[at] + (bias?[i % width] ?? 0));
                var second = gated ? (float)(input[at + width] + (bias?[width + (i % width)] ?? 0)) : 0;
                var expected = Activate(activation, first, second);
                var scale = Math.Abs(first) * (gated ? Math.Abs(second) : 1);
                var limit = (8 * DType.F32.UnitRoundoff() * scale) + StoreBudget(type, expected);
                Assert.True(Math.Abs(values[i] - expected) <= limit, $"seed {100 + seed} {type} {activation}({first:R}): {values[i]:R} != {expected:R}");
            }
        }
    }

    [Fact]
    public void Bias_and_residual_additions_are_exact_float_sums_and_may_be_in_place()
    {
        var random = new Random(3);
        foreach (var columns in new[] { 1, 15, 16, 17, 64, 100 })
        {
            var x = Random(random, DType.F32, 21, columns);
            var residual = Random(random, DType.F32, 21, columns);
            var bias = RandomRow(random, columns);
            var expected = x.Span<float>().ToArray().Select((v, i) => v + bias[i % columns]).ToArray();
            BiasAdd.Run(_workspace, MatrixView.Of(x), bias, MatrixView.Of(x));
            Assert.Equal(expected, x.Span<float>().ToArray());
            var sums = expected.Zip(residual.Span<float>().ToArray(), (v, r) => v + r).ToArray();
            ResidualAdd.Run(_workspace, MatrixView.Of(x), null, MatrixView.Of(residual), MatrixView.Of(residual));
            Assert.Equal(sums, residual.Span<float>().ToArray());
        }
    }

    [Theory]
    [InlineData(DType.F16)]
    [InlineData(DType.BF16)]
    public void Widening_is_exact_and_narrowing_rounds_to_nearest_even_for_every_pattern(DType type)
    {
        // All 65,536 stored values; then each with its float neighbours, the ties between values, and their neighbours.
        var stored = HostTensor.Zeros(type, 256, 256);
        var bits = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, ushort>(stored.Bytes);
        for (var i = 0; i < bits.Length; i++)
        {
            bits[i] = (ushort)i;
        }

        var wide = HostTensor.Zeros(DType.F32, 256, 256);
        BiasActivation.Run(_workspace, MatrixView.Of(stored), null, Activation.None, MatrixView.Of(wide));
        var exact = stored.To(DType.F32);
        var candidates = new List<float>();
        for (var i = 0; i < wide.Count; i++)
        {
            var (value, expected) = (wide.Span<float>()[i], exact.Span<float>()[i]);
            Assert.True(value.Equals(expected) && float.IsNegative(value) == float.IsNegative(expected), $"0x{i:X4}: {value:R}");
            var unit = type == DType.F16 ? 13 : 16;
            var word = BitConverter.SingleToUInt32Bits(expected);
            foreach (var offset in new[] { 0u, 1u, (1u << (unit - 1)) - 1, 1u << (unit - 1), (1u << (unit - 1)) + 1, (1u << unit) - 1 })
            {
                candidates.Add(BitConverter.UInt32BitsToSingle(word + offset));
            }

            var tie = (float)(((double)expected + (type == DType.F16 ? 1.0 / (1 << 25) : 0)));
            candidates.AddRange([tie, MathF.BitIncrement(tie), MathF.BitDecrement(tie), expected * 1e6f, expected * 1e-6f]);
        }

        var source = HostTensor.From(candidates.ToArray(), candidates.Count / 16, 16);
        var narrowed = HostTensor.Zeros(type, candidates.Count / 16, 16);
        BiasActivation.Run(_workspace, MatrixView.Of(source), null, Activation.None, MatrixView.Of(narrowed));
        for (var i = 0; i < candidates.Count; i++)
        {
            var (value, expected) = type == DType.F16
                ? ((float)narrowed.Span<Half>()[i], (float)(Half)candidates[i])
                : ((float)narrowed.Span<BFloat16>()[i], (float)(BFloat16)candidates[i]);
            var agrees = value.Equals(expected) && (float.IsNaN(value) || float.IsNegative(value) == float.IsNegative(expected));
            Assert.True(agrees, $"{candidates[i]:R}: {value:R} != {expected:R}");
        }
    }

    [Fact]
    public void Rotary_rotates_queries_and_keys_in_half_split_pairs_and_passes_values_on()
    {
        for (var seed = 0; seed < 24; seed++)
        {
            var random = new Random(seed);
            var type = Types[seed % 3];
            var (rows, size, queryHeads, keyHeads) = (random.Next(1, 40), 2 * random.Next(1, 50), random.Next(1, 5), random.Next(1, 3));
            var columns = (queryHeads + (2 * keyHeads)) * size;
            var x = Random(random, type, rows, columns);
            var positions = Enumerable.Range(0, rows).Select(_ => random.Next(2048)).ToArray();
            var y = HostTensor.Zeros(type, rows, columns);
            var table = new RotaryTable(2048, size);
            RotaryEmbedding.Run(_workspace, MatrixView.Of(x), table, queryHeads, keyHeads, positions, MatrixView.Of(y));
            var (input, output) = (x.ToDoubles(), y.ToDoubles());
            for (var row = 0; row < rows; row++)
            {
                for (var column = 0; column < columns; column++)
                {
                    var (head, i) = (column / size, column % size);
                    var at = (row * columns) + column;
                    var pair = i % (size / 2);
                    var angle = positions[row] * Math.Pow(10_000, -2.0 * pair / size);
                    var (low, high) = (input[(row * columns) + (head * size) + pair], input[(row * columns) + (head * size) + pair + (size / 2)]);
                    var expected = head >= queryHeads + keyHeads ? input[at]
                        : i < size / 2 ? (low * Math.Cos(angle)) - (high * Math.Sin(angle))
                        : (high * Math.Cos(angle)) + (low * Math.Sin(angle));
                    var limit = (4 * DType.F32.UnitRoundoff() * (Math.Abs(low) + Math.Abs(high))) + StoreBudget(type, expected);
                    Assert.True(Math.Abs(output[at] - expected) <= limit, $"seed {seed} [{row}, {column}]: {output[at]:R} != {expected:R}");
                }
            }

            RotaryEmbedding.Run(_workspace, MatrixView.Of(x), table, queryHeads, keyHeads, positions, MatrixView.Of(x));
            Assert.True(x.Bytes.SequenceEqual(y.Bytes), $"seed {seed}: in place");
        }
    }

    [Fact]
    public void Embedding_sums_one_to_three_table_rows_with_one_rounding()
    {
        for (var seed = 0; seed < 18; seed++)
        {
            var random = new Random(seed);
            var type = Types[seed % 3];
            var (rows, columns) = (random.Next(0, 50), random.Next(1, 80));
            var lookups = new EmbeddingLookup[1 + (seed % 3)];
            var expected = new float[rows * columns];
            for (var t = 0; t < lookups.Length; t++)
            {
                var table = Random(random, Types[(seed + t) % 3], 30, columns);
                var ids = Enumerable.Range(0, rows).Select(_ => random.Next(30)).ToArray();
                lookups[t] = new EmbeddingLookup(MatrixView.Of(table), ids);
                var wide = table.To(DType.F32).Span<float>();
                for (var i = 0; i < expected.Length; i++)
                {
                    expected[i] += wide[(ids[i / columns] * columns) + (i % columns)];
                }
            }

            var y = HostTensor.Zeros(type, rows, columns);
            EmbeddingGather.Run(_workspace, MatrixView.Of(y), lookups);
            Assert.True(HostTensor.From(expected, rows, columns).To(type).Bytes.SequenceEqual(y.Bytes), $"seed {seed} {type}");
        }
    }

    [Fact]
    public void A_row_with_an_infinity_or_nan_spoils_no_other_row()
    {
        var x = HostTensor.Zeros(DType.F32, 3, 20);
        x.Span<float>().Fill(1);
        x.Span<float>()[3] = float.PositiveInfinity;
        x.Span<float>()[45] = float.NaN;
        x.Span<float>()[25] = 3;
        var y = HostTensor.Zeros(DType.F32, 3, 20);
        var gamma = Enumerable.Repeat(1f, 20).ToArray();
        Reference.Cpu.Simd.Normalize.Run(_workspace, MatrixView.Of(x), RowNorm.Layer(gamma, null), MatrixView.Of(y));
        Assert.All(y.Span<float>()[..20].ToArray(), value => Assert.True(float.IsNaN(value)));
        Assert.All(y.Span<float>()[20..40].ToArray(), value => Assert.True(float.IsFinite(value)));
        Assert.All(y.Span<float>()[40..].ToArray(), value => Assert.True(float.IsNaN(value)));
    }

    [Fact]
    public void Wrong_shapes_and_indices_are_named()
    {
        var x = MatrixView.Of(HostTensor.Zeros(DType.F32, 4, 10));
        var y = MatrixView.Of(HostTensor.Zeros(DType.F32, 4, 9));
        Assert.Equal("y", GemmKernelTests.Argument(() => BiasAdd.Run(_workspace, x, new float[10], y)));
        Assert.Equal("bias", GemmKernelTests.Argument(() => BiasAdd.Run(_workspace, x, new float[9], x)));
        Assert.Equal("residual", GemmKernelTests.Argument(() => ResidualAdd.Run(_workspace, x, null, y, x)));
        Assert.Equal(
            "norm.Gamma",
            GemmKernelTests.Argument(() => Reference.Cpu.Simd.Normalize.Run(_workspace, x, RowNorm.Rms(new float[9]), x)));
        Assert.Equal(
            "positions",
            GemmKernelTests.Argument(() => RotaryEmbedding.Run(_workspace, x, new RotaryTable(4, 2), 3, 1, [0, 1, 2, 4], x)));
        Assert.Equal("Rows", GemmKernelTests.Argument(() => EmbeddingGather.Run(_workspace, x, new EmbeddingLookup(x, [0, 1, 2, 4]))));
    }

    private static MatrixView Optional(HostTensor? tensor) => tensor is null ? default : MatrixView.Of(tensor);
}
