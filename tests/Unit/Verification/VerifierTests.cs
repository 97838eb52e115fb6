using Stof.Reference.Cpu.Simd.Attention;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Formats;
using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;
using Stof.Reference.Tests;
using Stof.Reference.Tests.Planted;
using Stof.Reference.Verification.Cases;
using Stof.Reference.Verification.Reports;

namespace Stof.Reference.Unit.Tests.Verification;

public sealed class VerifierTests(ITestOutputHelper log)
{
    private static readonly PlantedSetting Right = PlantedSetting.Of(PlantedBug.None, 96);

    [Fact]
    public void A_right_kernel_raises_no_alarm_on_random_problems_in_three_dtypes()
    {
        const int Seed = 5200;
        using var pool = new WorkerPool(1);
        for (var trial = 0; trial < 150; trial++)
        {
            var problem = RandomProblems.Next(Seed + trial, edges: trial % 2 == 0) with { LogSumExp = LogSumExpOutput.Natural };
            var item = AttentionTrial.Of(problem, Seeded.Families[trial % 3], new Random(Seed + trial));
            var choice = AttentionSelector.Measured(item.Problem, threads: 1);
            var (output, lse) = CpuAttention.Run(item.Problem, item.Q, item.K, item.V, choice, pool);
            var report = Verifier.Run(new AttentionCase("random", item.Problem, item.Q, item.K, item.V, output, lse), new VerificationOptions());
            Assert.True(report.Verdict.State != Verdict.Fail, $"seed {Seed + trial}: {item}: {string.Join("; ", report.Verdict.Reasons)}");
        }

        log.WriteLine($"seeds {Seed} to {Seed + 149}");
    }

    [Fact]
    public void Rows_are_classed_by_the_tiles_they_meet()
    {
        // Tiles of 32: the first rows have no key, the last tile row and column are ragged.
        var problem = Right.Problem with { Mask = MaskText.Parse("causal"), QueryLength = 100, KvLength = 90, Alignment = PositionAlignment.BottomRight };
        var report = Verifier.Run(Case(problem), new VerificationOptions { Tile = new TileShape(32, 32) });
        Assert.Equal([RowClass.Part, RowClass.Edge, RowClass.Empty], report.Classes.Select(c => c.Class));
        Assert.Equal(problem.QueryHeads * 10, report.Classes.Single(c => c.Class == RowClass.Empty).Rows);
        Assert.Equal(report.RowsTotal, report.Classes.Sum(c => c.Rows));
        Assert.Equal(Verdict.Pass, report.Verdict.State);
    }

    [Fact]
    public void Sampled_rows_are_stated_and_keep_their_places()
    {
        var item = Case(Right.Problem);
        Spoil(item.Output, Right.Problem, head: 1, query: 95, dimension: 3, value: (Half)100);
        var report = Verifier.Run(item, new VerificationOptions { Queries = 5 });
        Assert.Equal(10, report.RowsChecked);
        Assert.Equal(192, report.RowsTotal);
        Assert.Equal(Verdict.Fail, report.Verdict.State);
        Assert.Equal((1, 95, 3), (report.Worst[0].Head, report.Worst[0].Query, report.Worst[0].Dimension));
        Assert.Equal((1, 95, 3), (report.Verdict.Worst!.Head, report.Verdict.Worst.Query, report.Verdict.Worst.Dimension));
    }

    [Fact]
    public void A_NaN_where_the_oracle_is_finite_is_a_class_of_its_own()
    {
        var item = Case(Right.Problem);
        Spoil(item.Output, Right.Problem, head: 0, query: 7, dimension: 0, value: Half.NaN);
        var report = Verifier.Run(item, new VerificationOptions());
        Assert.Equal(Verdict.Fail, report.Verdict.State);
        Assert.Equal(1, report.Verdict.Metrics!.NonFinite.UnexpectedNaN);
        Assert.True(double.IsPositiveInfinity(report.Worst[0].Used));
    }

    [Fact]
    public void NaN_in_a_key_that_nobody_attends_to_is_reported_and_does_not_fail()
    {
        var problem = Right.Problem with { Mask = MaskText.Parse("window(left=5,right=0)"), KvLength = 96 };
        var item = Case(problem with { Lengths = [new(96, 80)] });
        item.K.Span<Half>()[(90 * problem.HeadSize) + 1] = Half.NaN;
        var report = Verifier.Run(item, new VerificationOptions());
        Assert.NotEqual(Verdict.Fail, report.Verdict.State);
        Assert.Equal(new InputFacts(1, 1, report.Inputs.EmptyRows), report.Inputs);
    }

    [Theory]
    [InlineData(LogSumExpBase.Natural, "base 2, not natural")]
    [InlineData(LogSumExpBase.Two, null)]
    public void The_base_of_LSE_is_declared_or_detected(LogSumExpBase declared, string? said)
    {
        var item = Case(Right.Problem);
        var lse = item.LogSumExp!.To(DType.F64);
        foreach (ref var value in lse.Span<double>())
        {
            value /= Math.Log(2);
        }

        var report = Verifier.Run(item with { LogSumExp = lse, LseBase = declared }, new VerificationOptions());
        Assert.Equal(said is null ? Verdict.Pass : Verdict.Fail, report.Verdict.State);
        Assert.Equal(said is not null, report.Verdict.Reasons.Any(reason => reason.Contains("base 2, not natural", StringComparison.Ordinal)));
    }

    [Fact]
    public void An_LSE_of_plus_infinity_in_rows_without_keys_is_named()
    {
        var item = Case(Right.Problem with { Mask = MaskText.Parse("causal(-1)") });
        item.LogSumExp!.Span<float>()[0] = float.PositiveInfinity;
        var report = Verifier.Run(item, new VerificationOptions());
        Assert.Equal(Verdict.Fail, report.Verdict.State);
        Assert.Contains(report.Verdict.Reasons, reason => reason.Contains("+inf in 1 rows without keys", StringComparison.Ordinal));
    }

    [Fact]
    public void Half_scores_fail_strictly_and_pass_by_the_2x_rule()
    {
        // Scores rounded to the dtype of the inputs, as an unfused implementation does, on peaked inputs.
        var setting = PlantedSetting.Of(PlantedBug.ScoresToHalf, 96);
        var problem = setting.Problem with { Type = DType.F16 };
        var (q, k, v) = (setting with { Problem = problem }).Inputs(InputFamily.Wide, 3);
        var (output, lse) = new PlantedAttention(problem, PlantedBug.ScoresToHalf, 32).Run(q, k, v);
        var item = new AttentionCase("half", problem, q, k, v, output);
        var strict = Verifier.Run(item, new VerificationOptions());
        var low = Verifier.Run(item, new VerificationOptions { Profile = PrecisionProfile.LowPrecision });
        Assert.Equal(Verdict.Fail, strict.Verdict.State);
        Assert.True(strict.SamePrecision!.Holds);
        Assert.True(low.IsGood, string.Join("; ", low.Verdict.Reasons));
        Assert.NotNull(lse);
    }

    [Fact]
    public void A_case_that_claims_part_tiles_and_has_none_is_mistrusted()
    {
        var item = Case(Right.Problem with { Mask = new FullMask(), QueryLength = 64, KvLength = 64 });
        Assert.Equal(Verdict.Pass, Verifier.Run(item, new VerificationOptions()).Verdict.State);
        Assert.Equal(Verdict.Mistrusted, Verifier.Run(item, new VerificationOptions { ExpectsPartTiles = true }).Verdict.State);
    }

    private static AttentionCase Case(AttentionProblem problem)
    {
        var (q, k, v) = (Right with { Problem = problem }).Inputs(InputFamily.UnitNormal, 11);
        var (output, lse) = new PlantedAttention(problem, PlantedBug.None, 32).Run(q, k, v);
        return new AttentionCase("case", problem, q, k, v, output, lse);
    }

    private static void Spoil(HostTensor output, AttentionProblem p, int head, int query, int dimension, Half value) =>
        output.Span<Half>()[p.Layout.RowOffset(p.QueryHeads, p.QueryLength, p.ValueSize, 0, head, query) + dimension] = value;
}
