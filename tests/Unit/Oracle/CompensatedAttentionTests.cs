using Stof.Reference.Cpu.Oracle;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;
using Stof.Reference.Tests;

namespace Stof.Reference.Unit.Tests.Oracle;

public class CompensatedAttentionTests
{
    private static readonly AttentionProblem Small = new()
    {
        Batch = 2,
        QueryHeads = 4,
        KvHeads = 2,
        QueryLength = 9,
        KvLength = 13,
        HeadSize = 5,
        ValueHeadSize = 3,
        Type = DType.F64,
    };

    [Fact]
    public void Zero_queries_give_the_mean_of_the_allowed_values()
    {
        var random = new Random(601);
        var problem = Small with { Mask = new CausalMask() };
        var (_, k, v) = Inputs(random, problem);
        var result = CompensatedAttention.Run(problem, HostTensor.Zeros(DType.F64, 2, 4, 9, 5), k, v);
        for (var query = 0; query < 9; query++)
        {
            var n = query + 5; // bottom-right: the last query sees all 13 keys
            for (var d = 0; d < 3; d++)
            {
                var sum = (DoubleDouble)0;
                for (var key = 0; key < n; key++)
                {
                    sum += v.Span<double>()[(((1 * 13) + key) * 3) + d]; // query head 2 reads KV head 1
                }

                Assert.Equal((sum / n).Hi, result.Output[(((2 * 9) + query) * 3) + d]);
            }

            Assert.Equal(Math.Log(n), result.LogSumExp[(2 * 9) + query], 1e-15);
            Assert.Equal(n, result.AllowedKeys[(2 * 9) + query]);
            Assert.Equal(Math.Log(n), result.Entropy[(2 * 9) + query], 1e-13);
        }
    }

    [Fact]
    public void One_allowed_key_returns_its_value_bit_for_bit()
    {
        // A causal mask and its mirror image meet on the diagonal.
        MaskPattern before = new PredicateMask("before", (_, _, query, key) => key < query);
        var random = new Random(602);
        for (var trial = 0; trial < 50; trial++)
        {
            var problem = Small with { Batch = 1, QueryLength = 6, KvLength = 6, Type = DType.F32, Mask = new CausalMask() & !before };
            var (q, k, v) = Inputs(random, problem);
            var result = CompensatedAttention.Run(problem, q, k, v);
            for (var row = 0; row < result.Rows; row++)
            {
                var (head, query) = (row / 6, row % 6);
                for (var d = 0; d < 3; d++)
                {
                    Assert.Equal((double)v.Span<float>()[((((head / 2) * 6) + query) * 3) + d], result.Output[(row * 3) + d]);
                }

                Assert.Equal(0, result.Entropy[row]);
            }
        }
    }

    [Fact]
    public void Equal_keys_and_small_integers_are_exact()
    {
        var problem = Small with { KvLength = 16, Batch = 1, QueryHeads = 1, KvHeads = 1 };
        var v = HostTensor.From(Enumerable.Range(0, 48).Select(i => (double)(i % 7)).ToArray(), 1, 1, 16, 3);
        var k = HostTensor.Zeros(DType.F64, 1, 1, 16, 5);
        k.Span<double>().Fill(0.25);
        var result = CompensatedAttention.Run(problem, Seeded.Tensor(new Random(603), DType.F64, 1, 1, 9, 5), k, v);
        for (var d = 0; d < 3; d++)
        {
            var mean = Enumerable.Range(0, 16).Sum(key => v.Span<double>()[(key * 3) + d]) / 16;
            Assert.All(Enumerable.Range(0, 9), query => Assert.Equal(mean, result.Output[(query * 3) + d]));
        }
    }

    [Fact]
    public void A_case_computed_by_hand_comes_out()
    {
        // Scores ln 1, ln 2, ln 5 (q = 1, scale 1): weights 1/8, 2/8, 5/8.
        var problem = Small with { Batch = 1, QueryHeads = 1, KvHeads = 1, QueryLength = 1, KvLength = 3, HeadSize = 1, ValueHeadSize = 1, Scale = 1 };
        var q = HostTensor.From([1.0], 1, 1, 1, 1);
        var k = HostTensor.From([0.0, Math.Log(2), Math.Log(5)], 1, 1, 3, 1);
        var v = HostTensor.From([8.0, -4.0, 16.0], 1, 1, 3, 1);
        var result = CompensatedAttention.Run(problem, q, k, v);
        Assert.Equal(10.0, result.Output[0], 1e-14);
        Assert.Equal(Math.Log(8), result.LogSumExp[0], 1e-15);
        Assert.Equal(12.0, result.AbsoluteOutput[0], 1e-14);
        Assert.Equal(28.0, result.ValueSum[0]);
        Assert.Equal(8 / 5.0, result.WeightSum[0], 1e-15);
        Assert.Equal(Math.Log(5), result.ScoreMagnitude[0]);

        // A sink of ln 8 doubles the sum and adds no value; a cap of 1 squeezes the scores through tanh.
        var sunk = CompensatedAttention.Run(problem with { Sinks = [Math.Log(8)] }, q, k, v);
        Assert.Equal(5.0, sunk.Output[0], 1e-14);
        Assert.Equal(Math.Log(16), sunk.LogSumExp[0], 1e-15);
        var capped = CompensatedAttention.Run(problem with { Softcap = 1 }, q, k, v);
        Assert.Equal(Math.Log(1 + Math.Exp(Math.Tanh(Math.Log(2))) + Math.Exp(Math.Tanh(Math.Log(5)))), capped.LogSumExp[0], 1e-15);
    }

    [Fact]
    public void Scale_bias_and_cap_apply_in_this_order()
    {
        var problem = Small with
        {
            Batch = 1,
            QueryHeads = 1,
            KvHeads = 1,
            QueryLength = 1,
            KvLength = 1,
            HeadSize = 1,
            ValueHeadSize = 1,
            Scale = 0.5,
            Softcap = 2,
            Bias = new DenseBias(HostTensor.From([3f], 1, 1, 1, 1)),
        };
        var one = HostTensor.From([4.0], 1, 1, 1, 1);
        var result = CompensatedAttention.Run(problem, one, one, one);
        Assert.Equal(2 * Math.Tanh(((0.5 * 16) + 3) / 2), result.LogSumExp[0], 1e-15);
    }

    [Fact]
    public void Every_kind_of_bias_is_added_where_its_definition_says()
    {
        var random = new Random(611);
        ScoreBias[] biases =
        [
            new DenseBias(Seeded.Tensor(random, DType.BF16, 2, 4, 9, 13)),
            new DenseBias(Seeded.Tensor(random, DType.F16, 1, 4, 9, 13)),
            new DenseBias(Seeded.Tensor(random, DType.F64, 2, 1, 9, 13)),
            AlibiBias.Standard(4),
            new RelativeBias(Seeded.Tensor(random, DType.F32, 8, 4), 6),
        ];
        foreach (var bias in biases)
        {
            // One key allowed and queries of zero: LSE is the bias itself.
            var problem = Small with { Mask = new PredicateMask("one key", (b, h, q, k) => k == (b + (3 * h) + q) % 13), Bias = bias };
            var (_, k, v) = Inputs(random, problem);
            var result = CompensatedAttention.Run(problem, HostTensor.Zeros(DType.F64, 2, 4, 9, 5), k, v);
            for (var row = 0; row < result.Rows; row++)
            {
                var (b, h, query) = (row / 36, row / 9 % 4, row % 9);
                Assert.Equal(bias.At(problem, b, h, query, (b + (3 * h) + query) % 13), result.LogSumExp[row], 1e-15);
            }
        }
    }

    [Fact]
    public void Rows_without_keys_are_zero_with_LSE_minus_infinity_or_that_of_the_sink()
    {
        var problem = Small with { QueryLength = 13, KvLength = 9, Mask = new CausalMask() };
        var (q, k, v) = Inputs(new Random(604), problem);
        var result = CompensatedAttention.Run(problem, q, k, v);
        Assert.Equal([0, 0, 0, 0, 1], result.AllowedKeys[..5]);
        Assert.All(result.Output[..12], value => Assert.Equal(0, value));
        Assert.All(result.LogSumExp[..4], value => Assert.Equal(double.NegativeInfinity, value));
        var sunk = CompensatedAttention.Run(problem with { Sinks = [0.5, 1, 2, 3] }, q, k, v);
        Assert.Equal(0.5, sunk.LogSumExp[0]);
        Assert.Equal(0, sunk.Output[0]);
        var none = CompensatedAttention.Run(Small with { KvLength = 0 }, Inputs(new Random(1), Small).Q, HostTensor.Zeros(DType.F64, 2, 2, 0, 5), HostTensor.Zeros(DType.F64, 2, 2, 0, 3));
        Assert.All(none.LogSumExp, value => Assert.Equal(double.NegativeInfinity, value));
        Assert.Equal(0, CompensatedAttention.Run(Small with { QueryLength = 0 }, HostTensor.Zeros(DType.F64, 2, 4, 0, 5), k: Inputs(new Random(1), Small).K, v: Inputs(new Random(1), Small).V).Rows);
    }

    [Fact]
    public void Keys_that_are_not_allowed_are_never_read_and_allowed_ones_show()
    {
        var problem = Small with { Mask = new CausalMask() };
        var (q, k, v) = Inputs(new Random(605), problem);
        var clean = CompensatedAttention.Run(problem, q, k, v);
        foreach (var poison in (double[])[double.NaN, double.PositiveInfinity])
        {
            var (badK, badV) = (k.Reshaped(k.Shape), v.Reshaped(v.Shape));
            badK.Span<double>()[(12 * 5) + 1] = poison; // batch 0, KV head 0, the last key: only the last query of heads 0 and 1 sees it
            badV.Span<double>()[(12 * 3) + 2] = poison;
            var keyResult = CompensatedAttention.Run(problem, q, badK, v);
            var valueResult = CompensatedAttention.Run(problem, q, k, badV);
            for (var row = 0; row < clean.Rows; row++)
            {
                var touched = row is 8 or 17;
                for (var d = 0; d < 3; d++)
                {
                    var at = (row * 3) + d;
                    Assert.Equal(!touched || double.IsFinite(poison), keyResult.Output[at].Equals(clean.Output[at]) || (touched && double.IsFinite(poison)));
                    Assert.Equal(touched && d == 2, !double.IsFinite(valueResult.Output[at]));
                    Assert.True((touched && d == 2) || valueResult.Output[at].Equals(clean.Output[at]));
                }
            }
        }
    }

    [Fact]
    public void Variable_lengths_equal_separate_problems()
    {
        var problem = Small with { Mask = new CausalMask(), Lengths = [new(7, 10), new(9, 4)], Bias = AlibiBias.Standard(4) };
        var (q, k, v) = Inputs(new Random(606), problem);
        var whole = CompensatedAttention.Run(problem, q, k, v);
        for (var batch = 0; batch < 2; batch++)
        {
            var (queries, keys) = problem.Lengths[batch];
            var part = problem with { Batch = 1, Lengths = null, QueryLength = queries, KvLength = keys };
            var result = CompensatedAttention.Run(part, Cut(q, batch, queries), Cut(k, batch, keys), Cut(v, batch, keys));
            for (var head = 0; head < 4; head++)
            {
                var start = (((batch * 4) + head) * 9) * 3;
                Assert.Equal(result.Output.AsSpan(head * queries * 3, queries * 3).ToArray(), whole.Output.AsSpan(start, queries * 3).ToArray());
                Assert.All(whole.Output[(start + (queries * 3))..(start + 27)], value => Assert.Equal(0, value));
            }
        }
    }

    [Fact]
    public void Layouts_differ_only_in_where_things_lie()
    {
        var problem = Small with { Mask = new CausalMask(), Sinks = [1, 2, 3, 4] };
        var (q, k, v) = Inputs(new Random(607), problem);
        var swapped = CompensatedAttention.Run(problem with { Layout = AttentionLayout.BatchLengthHeads }, Swap(q), Swap(k), Swap(v));
        Assert.Equal(CompensatedAttention.Run(problem, q, k, v).Output, swapped.Output);
    }

    [Fact]
    public void Threads_do_not_change_the_result()
    {
        var problem = Small with { Mask = new CausalMask() };
        var (q, k, v) = Inputs(new Random(608), problem);
        using var pool = new WorkerPool(3);
        var (one, three) = (CompensatedAttention.Run(problem, q, k, v), CompensatedAttention.Run(problem, q, k, v, pool));
        Assert.Equal(one.Output, three.Output);
        Assert.Equal(one.LogSumExp, three.LogSumExp);
    }

    [Fact]
    public void Metamorphic_laws_hold_on_random_problems()
    {
        const int Seed = 609;
        var random = new Random(Seed);
        for (var trial = 0; trial < 60; trial++)
        {
            var label = $"seed {Seed}, trial {trial}";
            var heads = random.Next(1, 3);
            var problem = new AttentionProblem
            {
                Batch = random.Next(1, 3),
                QueryHeads = heads * random.Next(1, 3),
                KvHeads = heads,
                QueryLength = Seeded.Length(random, 17),
                KvLength = Seeded.Length(random, 33),
                HeadSize = random.Next(1, 9),
                ValueHeadSize = random.Next(1, 6),
                Type = DType.F64,
                Alignment = random.Next(2) == 0 ? PositionAlignment.TopLeft : PositionAlignment.BottomRight,
                Softcap = random.Next(3) == 0 ? 5 : null,
            };
            var (q, k, v) = Inputs(random, problem, Seeded.Families[trial % 3]);
            var causal = CompensatedAttention.Run(problem with { Mask = new CausalMask() }, q, k, v);
            var full = CompensatedAttention.Run(problem, q, k, v);

            // Doubling the values doubles the output, bit for bit.
            var doubled = v.Reshaped(v.Shape);
            foreach (ref var value in doubled.Span<double>())
            {
                value *= 2;
            }

            Assert.True(CompensatedAttention.Run(problem, q, k, doubled).Output.SequenceEqual(full.Output.Select(x => 2 * x)), label);

            // A constant added to every score moves LSE by it and nothing else.
            if (problem.Softcap is null)
            {
                var bias = HostTensor.Zeros(DType.F64, 1, 1, problem.QueryLength, problem.KvLength);
                bias.Span<double>().Fill(3);
                var shifted = CompensatedAttention.Run(problem with { Bias = new DenseBias(bias) }, q, k, v);
                AssertClose(full, full.Output, shifted.Output, label);
                AssertAll(full.LogSumExp, shifted.LogSumExp, (a, b) => Math.Abs(a + 3 - b) <= 1e-13 * Math.Max(1, Math.Abs(a)), label);
            }

            // Keys seen before plus keys seen after give all keys, merged by their LSE.
            var after = CompensatedAttention.Run(problem with { Mask = !(MaskPattern)new CausalMask() }, q, k, v);
            var merged = new double[full.Output.Length];
            for (var row = 0; row < full.Rows; row++)
            {
                var (w1, w2) = (Math.Exp(causal.LogSumExp[row] - full.LogSumExp[row]), Math.Exp(after.LogSumExp[row] - full.LogSumExp[row]));
                for (var d = 0; d < full.ValueSize; d++)
                {
                    var at = (row * full.ValueSize) + d;
                    merged[at] = (w1 * causal.Output[at]) + (w2 * after.Output[at]);
                }

                Assert.True(Math.Abs(w1 + w2 - 1) < 1e-12, label);
                Assert.Equal(full.AllowedKeys[row], causal.AllowedKeys[row] + after.AllowedKeys[row]);
            }

            AssertClose(full, full.Output, merged, label);
        }
    }

    [Fact]
    public void Wrong_tensors_are_refused_by_name()
    {
        var (q, k, v) = Inputs(new Random(610), Small);
        Assert.Equal("q", Assert.Throws<InvalidInputException>(() => CompensatedAttention.Run(Small, k, k, v)).Argument);
        Assert.Equal("k", Assert.Throws<InvalidInputException>(() => CompensatedAttention.Run(Small, q, v, v)).Argument);
        Assert.Equal("v", Assert.Throws<InvalidInputException>(() => CompensatedAttention.Run(Small, q, k, HostTensor.Zeros(DType.I32, 2, 2, 13, 3))).Argument);
    }

    private static (HostTensor Q, HostTensor K, HostTensor V) Inputs(Random random, AttentionProblem p, InputFamily family = InputFamily.UnitNormal) =>
    (
        Seeded.Tensor(random, p.Type, family, p.Batch, p.QueryHeads, p.QueryLength, p.HeadSize),
        Seeded.Tensor(random, p.Type, family, p.Batch, p.KvHeads, p.KvLength, p.HeadSize),
        Seeded.Tensor(random, p.Type, family, p.Batch, p.KvHeads, p.KvLength, p.ValueSize));

    private static void AssertClose(AttentionReference terms, double[] expected, double[] actual, string label)
    {
        for (var i = 0; i < expected.Length; i++)
        {
            Assert.True(Math.Abs(expected[i] - actual[i]) <= 1e-12 * (terms.AbsoluteOutput[i] + 1e-300), $"{label}: {expected[i]:R} and {actual[i]:R}");
        }
    }

    private static void AssertAll(double[] a, double[] b, Func<double, double, bool> law, string label) =>
        Assert.All(Enumerable.Range(0, a.Length), i => Assert.True(a[i].Equals(b[i]) || law(a[i], b[i]), label));

    private static HostTensor Cut(HostTensor tensor, int batch, int length)
    {
        var (heads, full, size) = (tensor.Shape[1], tensor.Shape[2], tensor.Shape[3]);
        var result = HostTensor.Zeros(DType.F64, 1, heads, length, size);
        for (var head = 0; head < heads; head++)
        {
            tensor.Span<double>().Slice(((batch * heads) + head) * full * size, length * size).CopyTo(result.Span<double>()[(head * length * size)..]);
        }

        return result;
    }

    private static HostTensor Swap(HostTensor tensor)
    {
        var (batch, heads, length, size) = (tensor.Shape[0], tensor.Shape[1], tensor.Shape[2], tensor.Shape[3]);
        var result = HostTensor.Zeros(DType.F64, batch, length, heads, size);
        for (var row = 0; row < batch * heads * length; row++)
        {
            var (b, h, i) = (row / (heads * length), row / length % heads, row % length);
            tensor.Span<double>().Slice(row * size, size).CopyTo(result.Span<double>()[(((((b * length) + i) * heads) + h) * size)..]);
        }

        return result;
    }
}
