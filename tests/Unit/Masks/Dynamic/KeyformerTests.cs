using Stof.Reference.Cpu.Oracle;
using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;
using Stof.Reference.Tests;

namespace Stof.Reference.Unit.Tests.Masks.Dynamic;

public sealed class KeyformerTests
{
    private const int Never = Keyformer.Never;

    private static readonly KeyformerOptions Half = new() { CacheShare = 0.5, RecentShare = 0.5, TemperatureStep = 0 };

    [Fact]
    public void A_case_worked_out_by_hand_comes_out()
    {
        // Prompt of 4, weights in tenths. Sums: key 0 1 + 0.5 + 0.2 + 0.1 = 1.8, key 1 0.5 + 0.6 + 0.4 = 1.5, key 2 0.2 + 0.3, key 3 0.2.
        var policy = new Keyformer(Half, 1, 1);
        policy.Observe(Logits(1, 1, 4, 4, 10, 0, 0, 0, 5, 5, 0, 0, 2, 6, 2, 0, 1, 4, 3, 2));
        Assert.Equal((2, 1), (policy.Budget, policy.Recent));
        AssertScores([1.8, 1.5, 0.5, 0.2], policy);

        // Budget 2, of which 1 recent: key 3 stays as the latest, key 0 as the best of the others.
        Assert.Equal([Never, 4, 4, Never], policy.Mask().Until.ToArray());

        // The token at 4 sees 0, 3 and itself; what the logits say of 1 and 2 is not read. Then key 4 is the latest, and 3 beats nobody.
        policy.Observe(Logits(1, 1, 1, 5, 2, 900, 900, 1, 7));
        AssertScores([2.0, 1.5, 0.5, 0.3, 0.7], policy);
        Assert.Equal([Never, 4, 4, 5, Never], policy.Mask().Until.ToArray());

        // The token at 5 gives key 4 its whole weight, which is not enough to outdo key 0.
        policy.Observe(Logits(1, 1, 1, 6, 0, 900, 900, 900, 20, 0));
        AssertScores([2.0, 1.5, 0.5, 0.3, 1.7, 0], policy);
        Assert.Equal([Never, 4, 4, 5, 6, Never], policy.Mask().Until.ToArray());
        policy.Observe(Logits(1, 1, 1, 7, 0, 900, 900, 900, 900, 0, 1));
        policy.Observe(Logits(1, 1, 1, 8, 1, 900, 900, 900, 900, 900, 0, 0));
        Assert.Equal([Never, 4, 4, 5, 6, 7, 8, Never], policy.Mask().Until.ToArray());
        var mask = policy.Mask().Bind(new MaskExtent(8, 8));
        Assert.Equal([0, 6, 7], Enumerable.Range(0, 8).Where(k => mask.Allows(0, 0, 7, k)));
        Assert.Equal([0, 3, 4], Enumerable.Range(0, 8).Where(k => mask.Allows(0, 0, 4, k)));
    }

    [Fact]
    public void Of_equal_scores_the_earliest_key_stays()
    {
        // All rows alike but for normalisation: keys 1 … 3 get 1/4 from the last row alone.
        var policy = new Keyformer(Half with { CacheShare = 0.75, RecentShare = 0.34 }, 1, 1);
        policy.Observe(Logits(1, 1, 4, 4, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 1));
        Assert.Equal((3, 1), (policy.Budget, policy.Recent));
        Assert.Equal([Never, Never, 4, Never], policy.Mask().Until.ToArray());
    }

    [Fact]
    public void The_best_score_stays_early_or_late()
    {
        var policy = new Keyformer(Half with { CacheShare = 0.5, RecentShare = 0 }, 1, 1);
        policy.Observe(Logits(1, 1, 4, 4, 1, 0, 0, 0, 0, 1, 0, 0, 0, 1, 9, 0, 0, 0, 1, 9));
        AssertScores([1, 1.1, 1.0, 0.9], policy);
        Assert.Equal((2, 0), (policy.Budget, policy.Recent));
        Assert.Equal([Never, Never, 4, 4], policy.Mask().Until.ToArray());
        policy.Observe(Logits(1, 1, 1, 5, 0, 1, 900, 900, 0));
        policy.Observe(Logits(1, 1, 1, 6, 0, 0, 900, 900, 900, 1));
        AssertScores([1, 2.1, 1.0, 0.9, 0, 1], policy);
        policy.Observe(Logits(1, 1, 1, 7, 0, 0, 900, 900, 900, 900, 1));
        Assert.Equal([Never, Never, 4, 4, 5, 6, 7], policy.Mask().Until.ToArray());
        var late = new Keyformer(Half with { CacheShare = 0.34, RecentShare = 0 }, 1, 1);
        late.Observe(Logits(1, 1, 3, 3, 1, 0, 0, 0, 1, 0, 0, 1, 0));
        Assert.Equal([3, Never, 3], late.Mask().Until.ToArray());
    }

    [Fact]
    public void Without_noise_and_at_temperature_one_the_score_is_the_accumulated_softmax()
    {
        const int Seed = 81;
        var random = new Random(Seed);
        var logits = Seeded.Tensor(random, DType.F32, 2, 3, 20, 20);
        var policy = new Keyformer(Half, 2, 3);
        policy.Observe(logits);
        var scores = policy.Scores();
        Assert.True(scores.HasShape(2, 3, 20));
        for (var slice = 0; slice < 6; slice++)
        {
            var expected = new double[20];
            for (var q = 0; q < 20; q++)
            {
                var weights = Enumerable.Range(0, q + 1).Select(k => Math.Exp(logits.Span<float>()[(((slice * 20) + q) * 20) + k])).ToArray();
                for (var k = 0; k <= q; k++)
                {
                    expected[k] += weights[k] / weights.Sum();
                }
            }

            Assert.All(Enumerable.Range(0, 20), k => Assert.Equal(expected[k], scores.Span<double>()[(slice * 20) + k], 1e-12));
        }
    }

    [Fact]
    public void Temperature_grows_by_a_step_per_token_and_noise_is_added_before_it()
    {
        var policy = new Keyformer(Half with { CacheShare = 1, InitialTemperature = 2, TemperatureStep = 0.5, Seed = 9 }, 1, 1);
        policy.Observe(HostTensor.From([3.0], 1, 1, 1, 1));
        policy.Observe(HostTensor.From([1.0, -2.0], 1, 1, 1, 2));
        var noise = new double[2];
        GumbelNoise.Fill(9, 0, 0, 1, noise);
        var (a, b) = (Math.Exp((1 + noise[0]) / 2.5), Math.Exp((-2 + noise[1]) / 2.5));
        AssertScores([1 + (a / (a + b)), b / (a + b)], policy);
    }

    [Fact]
    public void A_budget_of_the_whole_prompt_is_causal_over_the_prompt_and_the_token_after_it()
    {
        var policy = new Keyformer(Half with { CacheShare = 1, Seed = 1 }, 1, 2);
        policy.Observe(Seeded.Tensor(new Random(82), DType.F32, 1, 2, 30, 30));
        Assert.All(policy.Mask().Until.ToArray(), until => Assert.Equal(Never, until));
        policy.Observe(Seeded.Tensor(new Random(83), DType.F32, 1, 2, 1, 31));
        var extent = new MaskExtent(31, 31, 1, 2);
        var mask = policy.Mask().Bind(extent);
        Assert.Equal(PackedBits.Rows(new CausalMask().Bind(extent), 0, 0), PackedBits.Rows(mask, 0, 1));

        // The budget stays that of the prompt: from now on each token costs a key.
        Assert.Equal(30, Kept(policy, 0));
    }

    [Theory]
    [InlineData(0.5, 0.3, false)]
    [InlineData(0.25, 1, false)]
    [InlineData(0.7, 0, true)]
    [InlineData(0, 0.5, false)]
    [InlineData(1, 0.1, true)]
    public void Masks_only_shrink_keep_the_budget_and_the_recent_window(double cache, double recent, bool shared)
    {
        const int Seed = 84;
        var random = new Random(Seed);
        const int Prompt = 23;
        var policy = new Keyformer(new() { CacheShare = cache, RecentShare = recent, Seed = 3, ShareAcrossBatch = shared }, 2, 2);
        policy.Observe(Seeded.Tensor(random, DType.F32, 2, 2, Prompt, Prompt));
        Assert.Equal(((int)(Prompt * cache), (int)((int)(Prompt * cache) * recent)), (policy.Budget, policy.Recent));
        var before = policy.Mask();
        for (var length = Prompt; length < 40; length++)
        {
            Assert.Equal(shared ? 1 : 2, before.Shape[0]);
            for (var slice = 0; slice < before.Shape[0] * 2; slice++)
            {
                Assert.Equal(policy.Budget, Kept(policy, slice));
                Assert.All(before.Until.Slice(slice * length, length)[^policy.Recent..].ToArray(), until => Assert.Equal(Never, until));
            }

            policy.Observe(Seeded.Tensor(random, DType.F32, 2, 2, 1, length + 1));
            var after = policy.Mask();
            for (var i = 0; i < before.Until.Length; i++)
            {
                var now = after.Until[((i / length) * (length + 1)) + (i % length)];
                Assert.True(now == before.Until[i] || (before.Until[i] == Never && now == length + 1), $"length {length}, seed {Seed}");
            }

            before = after;
        }
    }

    [Fact]
    public void Shared_scores_are_the_sum_over_the_batch_and_separate_ones_do_not_mix()
    {
        var logits = Seeded.Tensor(new Random(85), DType.F32, 3, 2, 15, 15);
        var apart = new Keyformer(Half with { Seed = 4 }, 3, 2);
        var together = new Keyformer(Half with { Seed = 4, ShareAcrossBatch = true }, 3, 2);
        var alone = new Keyformer(Half with { Seed = 4 }, 1, 2);
        apart.Observe(logits);
        together.Observe(logits);
        alone.Observe(HostTensor.From(logits.Span<float>()[..(2 * 15 * 15)].ToArray(), 1, 2, 15, 15));
        var (scores, sums) = (apart.Scores().Span<double>().ToArray(), together.Scores().Span<double>().ToArray());
        Assert.All(Enumerable.Range(0, 30), i => Assert.Equal(scores[i] + scores[30 + i] + scores[60 + i], sums[i], 1e-12));
        Assert.Equal(scores[..30], alone.Scores().Span<double>().ToArray());
        Assert.NotEqual(apart.Mask().Until[..30].ToArray(), apart.Mask().Until[30..60].ToArray());
    }

    [Fact]
    public void Attention_over_the_masked_cache_is_that_over_the_compacted_cache()
    {
        const int Seed = 86;
        const int Heads = 2;
        const int Size = 4;
        const int Length = 21;
        var random = new Random(Seed);
        var policy = new Keyformer(Half with { Seed = 5 }, 1, Heads);
        policy.Observe(Seeded.Tensor(random, DType.F32, 1, Heads, 16, 16));
        for (var length = 17; length <= Length; length++)
        {
            policy.Observe(Seeded.Tensor(random, DType.F32, 1, Heads, 1, length));
        }

        // The last token, whose step the last call was: it sees what the call before it kept, and itself.
        var mask = policy.Mask();
        var (q, k, v) = (Of(1), Of(Length), Of(Length));
        var problem = new AttentionProblem
        {
            Batch = 1,
            QueryHeads = Heads,
            KvHeads = Heads,
            QueryLength = 1,
            KvLength = Length,
            HeadSize = Size,
            Type = DType.F64,
            Mask = mask,
        };
        var masked = NaiveAttention.Run(problem, q, k, v);
        var seen = mask.Bind(new MaskExtent(1, Length, 1, Heads));
        for (var head = 0; head < Heads; head++)
        {
            var kept = Enumerable.Range(0, Length).Where(key => seen.Allows(0, head, 0, key)).ToArray();
            Assert.Equal(policy.Budget + 1, kept.Length);
            var compact = NaiveAttention.Run(
                problem with { QueryHeads = 1, KvHeads = 1, KvLength = kept.Length, Mask = new FullMask() },
                Rows(q, 1, head, [0]), Rows(k, Length, head, kept), Rows(v, Length, head, kept));
            Assert.Equal(compact.Output, masked.Output[(head * Size)..((head + 1) * Size)]);
            Assert.Equal(compact.LogSumExp[0], masked.LogSumExp[head]);
        }

        HostTensor Of(int length) => Seeded.Tensor(random, DType.F64, 1, Heads, length, Size);

        static HostTensor Rows(HostTensor source, int length, int head, int[] rows) => HostTensor.From<double>(
            [.. rows.SelectMany(row => source.Span<double>().Slice(((head * length) + row) * Size, Size).ToArray())], 1, 1, rows.Length, Size);
    }

    [Fact]
    public void What_does_not_fit_is_refused_and_changes_nothing()
    {
        Assert.Equal("CacheShare: 1.5; expected 0 to 1", Refusal(() => _ = new Keyformer(Half with { CacheShare = 1.5 }, 1, 1)));
        Assert.Equal("CacheShare: NaN; expected 0 to 1", Refusal(() => _ = new Keyformer(Half with { CacheShare = double.NaN }, 1, 1)));
        Assert.Equal("RecentShare: -0.1; expected 0 to 1", Refusal(() => _ = new Keyformer(Half with { RecentShare = -0.1 }, 1, 1)));
        Assert.Equal(
            "InitialTemperature: 0; expected a finite number above 0", Refusal(() => _ = new Keyformer(Half with { InitialTemperature = 0 }, 1, 1)));
        Assert.Equal(
            "TemperatureStep: -1; expected a finite number of 0 or more", Refusal(() => _ = new Keyformer(Half with { TemperatureStep = -1 }, 1, 1)));
        Assert.Equal("batch: 0; expected 1 or more", Refusal(() => _ = new Keyformer(Half, 0, 1)));
        Assert.Equal("heads: -1; expected 1 or more", Refusal(() => _ = new Keyformer(Half, 1, -1)));
        var policy = new Keyformer(Half, 1, 1);
        Assert.Equal("logits: F64[1, 1, 1, 2]; expected [1, 1, n, n], the prompt", Refusal(() => policy.Observe(Logits(1, 1, 1, 2, 1, 1))));
        Assert.Equal("logits: F64[1, 1, 0, 0]; expected [1, 1, n, n], the prompt", Refusal(() => policy.Observe(Logits(1, 1, 0, 0))));
        var wrong = HostTensor.From([1.0, double.NaN, double.NaN, 1.0], 1, 1, 2, 2);
        Assert.Equal("logits[0, 0, 1, 0]: NaN; expected a finite number or minus infinity", Refusal(() => policy.Observe(wrong)));
        Assert.Equal(0, policy.Length);
        policy.Observe(Logits(1, 1, 2, 2, 1, 0, 1, 1));
        Assert.Equal("logits: F64[1, 1, 2, 2]; expected [1, 1, 1, 3]", Refusal(() => policy.Observe(Logits(1, 1, 2, 2, 1, 0, 1, 1))));
        Assert.Equal(2, policy.Length);
    }

    [Fact]
    public void A_row_that_weighs_nothing_adds_nothing()
    {
        var policy = new Keyformer(Half, 1, 1);
        policy.Observe(Logits(1, 1, 2, 2, 0, 0, 1, 3));
        AssertScores([0.25, 0.75], policy);
    }

    /// <summary>Logits whose exponentials are these weights; 0 gives −∞.</summary>
    private static HostTensor Logits(int batch, int heads, int queries, int keys, params double[] weights) =>
        HostTensor.From<double>([.. weights.Select(weight => Math.Log(weight))], batch, heads, queries, keys);

    private static void AssertScores(double[] expected, Keyformer policy)
    {
        var actual = policy.Scores().Span<double>().ToArray();
        Assert.Equal(expected.Length, actual.Length);
        Assert.All(Enumerable.Range(0, expected.Length), i => Assert.Equal(expected[i], actual[i], 1e-12));
    }

    private static int Kept(Keyformer policy, int slice) =>
        policy.Mask().Until.Slice(slice * policy.Length, policy.Length).ToArray().Count(until => until == Never);

    private static string Refusal(Action action) => Assert.Throws<InvalidInputException>(action).Message;
}
