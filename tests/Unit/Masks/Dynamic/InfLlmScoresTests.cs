using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;
using Stof.Reference.Tests;

namespace Stof.Reference.Unit.Tests.Masks.Dynamic;

public sealed class InfLlmScoresTests
{
    /// <summary>
    /// The public reference with its own formulas: visibility j &lt; max(0, ⌊(i − 15)/16⌋) and a pooling of kernel 5, stride 4, padding 1 over the
    /// probabilities of a group.
    /// </summary>
    [Theory]
    [InlineData(2, 4, 2, 200, 200)]
    [InlineData(1, 4, 1, 333, 333)]
    [InlineData(1, 2, 2, 20, 450)]
    [InlineData(1, 1, 1, 70, 70)]
    [InlineData(1, 1, 1, 31, 31)]
    public void Scores_are_those_of_the_published_constants(int batch, int queryHeads, int kvHeads, int queries, int keys)
    {
        const int Seed = 61;
        const int Size = 8;
        var random = new Random(Seed);
        var (q, k) = (Seeded.Tensor(random, DType.F32, batch, queryHeads, queries, Size), Seeded.Tensor(random, DType.F32, batch, kvHeads, keys, Size));
        var scores = InfLlmScores.Of(q, k);
        var blocks = (keys + 63) / 64;
        Assert.True(scores.HasShape(batch, kvHeads, queries, blocks));
        var (qs, ks) = (q.ToDoubles(), k.ToDoubles());
        var semanticKeys = keys < 32 ? 0 : ((keys - 32) / 16) + 1;
        var group = queryHeads / kvHeads;
        for (var row = 0; row < batch * kvHeads * queries; row++)
        {
            var (slice, query) = Math.DivRem(row, queries);
            var i = query + keys - queries;
            var visible = Math.Min(Math.Max(0, (int)Math.Floor((i - 15) / 16.0)), semanticKeys);
            var sums = new double[semanticKeys];
            for (var g = 0; g < group; g++)
            {
                var head = (slice / kvHeads * queryHeads) + (slice % kvHeads * group) + g;
                var weights = Enumerable.Range(0, visible).Select(j => Math.Exp(Enumerable.Range(0, Size).Sum(d =>
                    qs[(((head * queries) + query) * Size) + d]
                    * Enumerable.Range(16 * j, 32).Average(t => ks[(((slice * keys) + t) * Size) + d])) / Math.Sqrt(Size))).ToArray();
                for (var j = 0; j < visible; j++)
                {
                    sums[j] += weights[j] / weights.Sum();
                }
            }

            for (var b = 0; b < blocks; b++)
            {
                var expected = Enumerable.Range((4 * b) - 1, 5).Where(j => j >= 0 && j < visible)
                    .Select(j => sums[j]).DefaultIfEmpty(double.NegativeInfinity).Max();
                var actual = scores.Span<float>()[(row * blocks) + b];
                Assert.True(
                    double.IsNegativeInfinity(expected) ? float.IsNegativeInfinity(actual) : Math.Abs(actual - expected) <= 1e-6 * expected,
                    $"row {row}, block {b}: {actual} and {expected}, seed {Seed}");
            }
        }
    }

    [Theory]
    [InlineData(6, 2, 5)]
    [InlineData(3, 3, 7)]
    [InlineData(4, 3, 2)]
    [InlineData(1, 1, 1)]
    public void Other_sizes_follow_the_same_sentences(int pool, int stride, int block)
    {
        const int Seed = 62;
        const int Keys = 40;
        var random = new Random(Seed);
        var (q, k) = (Seeded.Tensor(random, DType.F64, 1, 1, Keys, 2), Seeded.Tensor(random, DType.F64, 1, 1, Keys, 2));
        var scores = InfLlmScores.Of(q, k, pool, stride, block, scale: 0.7).Span<float>();
        var blocks = (Keys + block - 1) / block;
        var starts = Enumerable.Range(0, Keys).Where(t => t % stride == 0 && t + pool <= Keys).ToArray();
        for (var p = 0; p < Keys; p++)
        {
            var visible = starts.Where(t => t + pool - 1 <= p).ToArray();
            var weights = visible.ToDictionary(t => t, t => Math.Exp(0.7 * Enumerable.Range(0, 2).Sum(d =>
                q.Span<double>()[(2 * p) + d] * Enumerable.Range(t, pool).Average(i => k.Span<double>()[(2 * i) + d]))));
            for (var b = 0; b < blocks; b++)
            {
                var touching = visible.Where(t => Enumerable.Range(t, pool).Any(i => i / block == b)).ToArray();
                var expected = touching.Length == 0 ? double.NegativeInfinity : touching.Max(t => weights[t]) / weights.Values.Sum();
                var actual = scores[(p * blocks) + b];
                Assert.True(actual == (float)expected || Math.Abs(actual - expected) <= 1e-6 * expected, $"position {p}, block {b}, seed {Seed}");
            }
        }
    }

    [Fact]
    public void As_many_blocks_as_there_are_give_dense_causal_attention_and_fewer_give_fewer()
    {
        var random = new Random(63);
        var extent = new MaskExtent(300, 300, 1, 4);
        var (q, k) = (Seeded.Tensor(random, DType.F32, 1, 4, 300, 8), Seeded.Tensor(random, DType.F32, 1, 2, 300, 8));
        var scores = InfLlmScores.Of(q, k);
        var causal = new CausalMask().Bind(extent);
        var all = BlockTopKMask.Select(scores, extent, 64, 1, 1, 5).Bind(extent);
        var one = BlockTopKMask.Select(scores, extent, 64, 1, 1, 1).Bind(extent);
        Assert.True(all.VariesByHead);
        for (var head = 0; head < 4; head++)
        {
            Assert.Equal(PackedBits.Rows(causal, 0, head), PackedBits.Rows(all, 0, head));
            Assert.NotEqual(PackedBits.Rows(causal, 0, head), PackedBits.Rows(one, 0, head));
            Assert.Equal(PackedBits.Rows(one, 0, head / 2 * 2), PackedBits.Rows(one, 0, head));
        }

        // Init, one selected and the local block of 64, of which the last query sees 300 − 256 keys.
        Assert.Equal(64 + 64 + 44, Enumerable.Range(0, 300).Count(key => one.Allows(0, 0, 299, key)));
    }

    [Fact]
    public void What_does_not_fit_is_refused()
    {
        var (q, k) = (HostTensor.Zeros(DType.F32, 1, 4, 3, 8), HostTensor.Zeros(DType.F32, 1, 2, 3, 8));
        Assert.Equal("pool: 0; expected 1 or more", Refusal(() => InfLlmScores.Of(q, k, pool: 0)));
        Assert.Equal("stride: 33; expected 1 to the pool of 32", Refusal(() => InfLlmScores.Of(q, k, stride: 33)));
        Assert.Equal("block: -64; expected 1 or more", Refusal(() => InfLlmScores.Of(q, k, block: -64)));
        Assert.Equal("scale: NaN; expected a finite number", Refusal(() => InfLlmScores.Of(q, k, scale: double.NaN)));
        Assert.Throws<InvalidInputException>(() => InfLlmScores.Of(q, HostTensor.Zeros(DType.F32, 1, 3, 3, 8)));
        Assert.Throws<InvalidInputException>(() => InfLlmScores.Of(q, HostTensor.Zeros(DType.F32, 2, 2, 3, 8)));
        Assert.Throws<InvalidInputException>(() => InfLlmScores.Of(q, HostTensor.Zeros(DType.F32, 1, 2, 3, 4)));
        Assert.Throws<InvalidInputException>(() => InfLlmScores.Of(q, HostTensor.Zeros(DType.F32, 2, 3, 8)));
        Assert.Throws<InvalidInputException>(() => InfLlmScores.Of(q, HostTensor.Zeros(DType.I32, 1, 2, 3, 8)));
    }

    private static string Refusal(Action action) => Assert.Throws<InvalidInputException>(action).Message;
}
