using Stof.Reference.Cpu.Oracle;
using Stof.Reference.Cpu.Simd.Attention;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Formats;
using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;

namespace Stof.Reference.Unit.Tests.Cpu.Attention;

public sealed class AttentionKernelTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1000)]
    [InlineData(2000)]
    [InlineData(3000)]
    public void Random_problems_over_all_options_stay_within_the_element_budget(int firstSeed)
    {
        using var pool = new WorkerPool(2);
        for (var seed = firstSeed; seed < firstSeed + 60; seed++)
        {
            var item = AttentionCases.Random(seed);
            var (output, logSumExp) = CpuAttention.Run(item.Problem, item.Q, item.K, item.V, item.Choice, pool);
            AttentionBudget.Check(item, output, logSumExp, $"seed {seed} {item}");
        }
    }

    [Fact]
    public void The_oracle_agrees_with_the_reference_that_budgets_are_taken_from()
    {
        for (var seed = 0; seed < 40; seed++)
        {
            var item = AttentionCases.Random(seed);
            var p = item.Problem;
            var oracle = NaiveAttention.Run(p, item.Q, item.K, item.V);

            // The oracle's output is [B, Hq, Sq, Dv] whatever the layout of the operands.
            var output = HostTensor.Zeros(DType.F64, p.Layout.Shape(p.Batch, p.QueryHeads, p.QueryLength, p.ValueSize));
            for (var row = 0; row < p.Batch * p.QueryHeads * p.QueryLength; row++)
            {
                var (b, h, q) = (row / (p.QueryHeads * p.QueryLength), row / p.QueryLength % p.QueryHeads, row % p.QueryLength);
                var target = p.Layout.RowOffset(p.QueryHeads, p.QueryLength, p.ValueSize, b, h, q);
                oracle.Output.AsSpan(row * p.ValueSize, p.ValueSize).CopyTo(output.Span<double>()[target..]);
            }

            AttentionBudget.Check(item, output, null, $"oracle, seed {seed} {item}");
        }
    }

    [Theory]
    [InlineData(DType.F32, 1e-6)]
    [InlineData(DType.F16, 3.5e-4)]
    [InlineData(DType.BF16, 2.8e-3)]
    public void Relative_frobenius_error_on_unit_normals_is_within_the_contract(DType type, double bound)
    {
        foreach (var algorithm in new[] { AttentionAlgorithm.Blockwise, AttentionAlgorithm.Rowwise })
        {
            var problem = new AttentionProblem
            {
                Batch = 1,
                QueryHeads = 4,
                KvHeads = 2,
                QueryLength = 200,
                KvLength = 200,
                HeadSize = 64,
                Type = type,
                Mask = new CausalMask(),
                LogSumExp = LogSumExpOutput.Natural,
            };
            var item = AttentionCases.WithInputs(problem, new AttentionChoice(algorithm, TileShape.Default), new Random(5), 0);
            var (output, logSumExp) = CpuAttention.Run(problem, item.Q, item.K, item.V, item.Choice);
            var (error, norm) = AttentionBudget.Check(item, output, logSumExp, item.ToString());
            Assert.True(Math.Sqrt(error / norm) <= bound, $"{algorithm} {type}: {Math.Sqrt(error / norm):E2}, allowed {bound:E1}");
        }
    }

    [Theory]
    [InlineData(AttentionAlgorithm.Blockwise)]
    [InlineData(AttentionAlgorithm.Rowwise)]
    public void The_number_of_threads_and_repetition_do_not_change_a_bit(AttentionAlgorithm algorithm)
    {
        for (var seed = 0; seed < 40; seed++)
        {
            var item = AttentionCases.Random(seed);
            item = item with { Choice = item.Choice with { Algorithm = algorithm } };
            var results = new List<byte[]>();
            foreach (var threads in new[] { 1, 2, 3, 2 })
            {
                using var pool = new WorkerPool(threads);
                var (output, logSumExp) = CpuAttention.Run(item.Problem, item.Q, item.K, item.V, item.Choice, pool);
                results.Add([.. output.Bytes, .. logSumExp!.Bytes]);
            }

            Assert.All(results, bytes => Assert.True(bytes.AsSpan().SequenceEqual(results[0]), $"seed {seed} {item}"));
        }
    }

    [Theory]
    [InlineData(AttentionAlgorithm.Blockwise, 1)]
    [InlineData(AttentionAlgorithm.Blockwise, 3)]
    [InlineData(AttentionAlgorithm.Rowwise, 1)]
    [InlineData(AttentionAlgorithm.Rowwise, 2)]
    public void What_masked_keys_and_values_hold_never_matters(AttentionAlgorithm algorithm, int splits)
    {
        var random = new Random(7);
        foreach (var mask in new MaskPattern[] { new HashedMask(3, 0.3, false, false), new EveryThirdKey(), new FirstKeys(70) })
        {
            var problem = new AttentionProblem
            {
                Batch = 2,
                QueryHeads = 4,
                KvHeads = 2,
                QueryLength = 100,
                KvLength = 150,
                HeadSize = 40,
                ValueHeadSize = 24,
                Mask = mask,
                LogSumExp = LogSumExpOutput.Natural,
                KvSplits = splits,
                Softcap = 10,
            };
            var item = AttentionCases.WithInputs(problem, new AttentionChoice(algorithm, new TileShape(32, 64)), random, 0);
            var (clean, cleanLse) = CpuAttention.Run(problem, item.Q, item.K, item.V, item.Choice);
            AttentionBudget.Check(item, clean, cleanLse, item.ToString());
            foreach (var poison in new[] { float.NaN, float.PositiveInfinity, float.NegativeInfinity, 1000f })
            {
                // Poison one masked key at a time for the rows that mask it; rows that attend to it are left out.
                for (var key = 0; key < 150; key += 7)
                {
                    var (k, v) = (Copy(item.K), Copy(item.V));
                    Fill(problem, k, problem.HeadSize, key, poison);
                    Fill(problem, v, problem.ValueSize, key, poison);
                    var (output, logSumExp) = CpuAttention.Run(problem, item.Q, k, v, item.Choice);
                    RequireEqualRowsThatMask(problem, key, clean, output, cleanLse!, logSumExp!, $"{mask} key {key} poison {poison}");
                }
            }
        }
    }

    [Theory]
    [InlineData(AttentionAlgorithm.Blockwise)]
    [InlineData(AttentionAlgorithm.Rowwise)]
    public void What_is_not_finite_in_an_attended_key_or_value_shows_in_the_row(AttentionAlgorithm algorithm)
    {
        foreach (var mask in new MaskPattern[] { new FullMask(), new CausalMask(), new HashedMask(3, 0.3, false, false) })
        {
            var problem = new AttentionProblem
            {
                Batch = 1,
                QueryHeads = 2,
                KvHeads = 1,
                QueryLength = 70,
                KvLength = 70,
                HeadSize = 16,
                Mask = mask,
                LogSumExp = LogSumExpOutput.Natural,
            };
            var item = AttentionCases.WithInputs(problem, new AttentionChoice(algorithm, new TileShape(16, 32)), new Random(1), 0);
            var bound = problem.BindMask();
            foreach (var inKey in new[] { true, false })
            {
                foreach (var poison in inKey ? [float.NaN] : new[] { float.NaN, float.PositiveInfinity, float.NegativeInfinity })
                {
                    var (k, v) = (Copy(item.K), Copy(item.V));
                    Fill(problem, inKey ? k : v, 16, 20, poison);
                    var (output, logSumExp) = CpuAttention.Run(problem, item.Q, k, v, item.Choice);
                    for (var row = 0; row < 140; row++)
                    {
                        var attends = bound.Allows(0, row / 70, row % 70, 20);
                        var context = $"{mask} {(inKey ? "key" : "value")} {poison} row {row}";
                        foreach (var x in output.Span<float>().Slice(row * 16, 16))
                        {
                            Assert.True(float.IsFinite(x) != attends, $"{context}: {x}");
                        }

                        Assert.True(float.IsNaN(logSumExp!.Span<float>()[row]) == (attends && inKey), $"{context}: LSE");
                    }
                }
            }
        }
    }

    [Theory]
    [InlineData(AttentionAlgorithm.Blockwise)]
    [InlineData(AttentionAlgorithm.Rowwise)]
    public void A_row_whose_only_keys_score_minus_infinity_is_nan_and_a_row_without_keys_is_zero(AttentionAlgorithm algorithm)
    {
        var problem = new AttentionProblem
        {
            Batch = 1,
            QueryHeads = 1,
            KvHeads = 1,
            QueryLength = 3,
            KvLength = 3,
            HeadSize = 1,
            Mask = !new CausalMask(),
            LogSumExp = LogSumExpOutput.Natural,
        };
        var q = HostTensor.From([1f, 1f, 1f], 1, 1, 3, 1);
        var k = HostTensor.From([0f, 0f, float.NegativeInfinity], 1, 1, 3, 1);
        var v = HostTensor.From([1f, 2f, 3f], 1, 1, 3, 1);
        var (output, lse) = CpuAttention.Run(problem, q, k, v, new AttentionChoice(algorithm, new TileShape(8, 8)));
        Assert.Equal([2f, float.NaN, 0f], output.Span<float>().ToArray());
        Assert.Equal([0f, float.NaN, float.NegativeInfinity], lse!.Span<float>().ToArray());
    }

    [Fact]
    public void Empty_sides_give_empty_or_zero_output()
    {
        foreach (var algorithm in new[] { AttentionAlgorithm.Blockwise, AttentionAlgorithm.Rowwise })
        {
            foreach (var (queries, keys, splits) in new[] { (0, 5, 1), (5, 0, 1), (0, 0, 2), (5, 0, 3) })
            {
                var problem = new AttentionProblem
                {
                    Batch = 2,
                    QueryHeads = 2,
                    KvHeads = 1,
                    QueryLength = queries,
                    KvLength = keys,
                    HeadSize = 8,
                    LogSumExp = LogSumExpOutput.Natural,
                    KvSplits = splits,
                };
                var item = AttentionCases.WithInputs(problem, new AttentionChoice(algorithm, new TileShape(16, 16)), new Random(1), 0);
                var (output, logSumExp) = CpuAttention.Run(problem, item.Q, item.K, item.V, item.Choice);
                Assert.Equal(2 * 2 * queries * 8, output.Count);
                Assert.All(output.Span<float>().ToArray(), x => Assert.Equal(0f, x));
                Assert.All(logSumExp!.Span<float>().ToArray(), x => Assert.Equal(float.NegativeInfinity, x));
            }
        }
    }

    [Theory]
    [InlineData(DType.F32)]
    [InlineData(DType.F16)]
    [InlineData(DType.BF16)]
    public void Column_slices_of_one_qkv_buffer_give_the_bits_of_separate_tensors(DType type)
    {
        const int B = 2, S = 50, Hq = 4, Hkv = 2, D = 24;
        var problem = new AttentionProblem
        {
            Batch = B,
            QueryHeads = Hq,
            KvHeads = Hkv,
            QueryLength = S,
            KvLength = S,
            HeadSize = D,
            Type = type,
            Mask = new CausalMask(),
            Layout = AttentionLayout.BatchLengthHeads,
        };
        const int Width = (Hq + (2 * Hkv)) * D;
        var qkv = AttentionCases.Normal(new Random(9), 0, type, B * S, Width);
        var output = HostTensor.Zeros(type, B * S, Hq * D);
        using var pool = new WorkerPool(2);
        var choice = new AttentionChoice(AttentionAlgorithm.Blockwise, new TileShape(16, 32));
        new AttentionKernel(problem, choice).Run(
            new AttentionOperands(
                AttentionView.Columns(qkv, S, 0, D),
                AttentionView.Columns(qkv, S, Hq * D, D),
                AttentionView.Columns(qkv, S, (Hq + Hkv) * D, D),
                AttentionView.Columns(output, S, 0, D)),
            pool);
        var wide = qkv.ToDoubles();
        HostTensor Slice(int column, int heads)
        {
            var values = new double[B * S * heads * D];
            for (var i = 0; i < values.Length; i++)
            {
                values[i] = wide[(i / (heads * D) * Width) + column + (i % (heads * D))];
            }

            return HostTensor.From(values, B, S, heads, D).To(type);
        }

        var (expected, _) = CpuAttention.Run(
            problem, Slice(0, Hq), Slice(Hq * D, Hkv), Slice((Hq + Hkv) * D, Hkv), choice, pool);
        Assert.True(expected.Bytes.SequenceEqual(output.Bytes));
    }

    [Fact]
    public void A_shared_workspace_and_a_second_run_change_nothing()
    {
        var workspace = new AttentionWorkspace();
        using var pool = new WorkerPool(2);
        for (var seed = 100; seed < 130; seed++)
        {
            var item = AttentionCases.Random(seed);
            var p = item.Problem;
            var (expected, expectedLse) = CpuAttention.Run(p, item.Q, item.K, item.V, item.Choice, pool);
            var kernel = new AttentionKernel(p, item.Choice, workspace);
            for (var run = 0; run < 2; run++)
            {
                var (output, lse) = (HostTensor.Zeros(p.Type, expected.Shape), HostTensor.Zeros(DType.F32, expectedLse!.Shape));
                kernel.Run(AttentionOperands.Of(p, item.Q, item.K, item.V, output, lse), pool);
                Assert.True(output.Bytes.SequenceEqual(expected.Bytes) && lse.Bytes.SequenceEqual(expectedLse.Bytes), $"seed {seed}");
            }
        }
    }

    [Fact]
    public void Wrong_operands_are_refused_by_name()
    {
        var problem = new AttentionProblem { Batch = 1, QueryHeads = 2, KvHeads = 2, QueryLength = 4, KvLength = 4, HeadSize = 8 };
        var x = HostTensor.Zeros(DType.F32, 1, 2, 4, 8);
        using var pool = new WorkerPool(1);
        string Argument(Action action) => Assert.Throws<InvalidInputException>(action).Argument;
        var kernel = new AttentionKernel(problem, AttentionChoice.Default);
        var good = AttentionOperands.Of(problem, x, x, x, HostTensor.Zeros(DType.F32, 1, 2, 4, 8));
        Assert.Equal("k", Argument(() => AttentionOperands.Of(problem, x, HostTensor.Zeros(DType.F32, 1, 2, 5, 8), x, x)));
        Assert.Equal("q", Argument(() => kernel.Run(good with { Query = good.Query with { Offset = 1 } }, pool)));
        Assert.Equal("v", Argument(() => kernel.Run(good with { Value = good.Value with { Tensor = x.To(DType.F16) } }, pool)));
        Assert.Equal("output", Argument(() => kernel.Run(good with { Output = good.Output with { RowStride = -8 } }, pool)));
        Assert.Equal("logSumExp", Argument(() => kernel.Run(good with { LogSumExp = x }, pool)));
        var asked = new AttentionKernel(problem with { LogSumExp = LogSumExpOutput.Natural }, AttentionChoice.Default);
        Assert.Equal("logSumExp", Argument(() => asked.Run(good, pool)));
        Assert.Equal("Type", Argument(() => _ = new AttentionKernel(problem with { Type = DType.F64 }, AttentionChoice.Default)));
        Assert.Equal("tile", Argument(() => _ = new AttentionKernel(
            problem, new AttentionChoice(AttentionAlgorithm.Blockwise, new TileShape(12, 16)))));
        var other = BlockMaskBuilder.Build(new FullMask(), new MaskExtent(4, 5, 1, 2), TileShape.Default);
        Assert.Equal("mask", Argument(() => _ = new AttentionKernel(problem, other, AttentionAlgorithm.Blockwise)));
    }

    private static HostTensor Copy(HostTensor tensor) => tensor.Reshaped(tensor.Shape);

    private static void Fill(AttentionProblem p, HostTensor tensor, int size, int key, float value)
    {
        for (var b = 0; b < p.Batch; b++)
        {
            for (var h = 0; h < p.KvHeads; h++)
            {
                tensor.Span<float>().Slice(p.Layout.RowOffset(p.KvHeads, p.KvLength, size, b, h, key), size).Fill(value);
            }
        }
    }

    private static void RequireEqualRowsThatMask(
        AttentionProblem p, int key, HostTensor a, HostTensor b, HostTensor lseA, HostTensor lseB, string context)
    {
        var mask = p.BindMask();
        for (var row = 0; row < p.Batch * p.QueryHeads * p.QueryLength; row++)
        {
            var (batch, head, query) = (row / (p.QueryHeads * p.QueryLength), row / p.QueryLength % p.QueryHeads, row % p.QueryLength);
            if (mask.Allows(batch, head, query, key))
            {
                continue;
            }

            var x = a.Span<float>().Slice(row * p.ValueSize, p.ValueSize);
            var y = b.Span<float>().Slice(row * p.ValueSize, p.ValueSize);
            Assert.True(x.SequenceEqual(y), $"{context}: row {row}");
            Assert.True(lseA.Span<float>()[row].Equals(lseB.Span<float>()[row]), $"{context}: LSE of row {row}");
        }
    }

    /// <summary>Every tile is part and holds masked keys.</summary>
    private sealed record EveryThirdKey : MaskPattern
    {
        public override BoundMask Bind(MaskExtent extent) => new Bound(extent);

        protected override string ToText() => "every-third-key";

        private sealed class Bound(MaskExtent extent) : BoundMask(extent)
        {
            public override bool Allows(int batch, int head, int query, int key) => key % 3 == 0;

            public override TileClass Classify(int batch, int head, MaskRect rect) => TileClass.Part;
        }
    }

    /// <summary>Tiles beyond the first keys are never loaded.</summary>
    private sealed record FirstKeys(int Count) : MaskPattern
    {
        public override BoundMask Bind(MaskExtent extent) => new Bound(Count, extent);

        protected override string ToText() => $"first-keys({Count})";

        private sealed class Bound(int count, MaskExtent extent) : BoundMask(extent)
        {
            public override bool Allows(int batch, int head, int query, int key) => key < count;

            public override TileClass Classify(int batch, int head, MaskRect rect) =>
                rect.KeyEnd <= count ? TileClass.Full : rect.KeyStart >= count ? TileClass.Empty : TileClass.Part;
        }
    }
}
