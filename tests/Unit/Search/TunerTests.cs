using Stof.Reference.Backends;
using Stof.Reference.Fusion;
using Stof.Reference.Graphs;
using Stof.Reference.Masks;
using Stof.Reference.Models;
using Stof.Reference.Numerics;
using Stof.Reference.Plans;
using Stof.Reference.Search;

namespace Stof.Reference.Unit.Tests.Search;

public class TunerTests
{
    private static readonly DeviceDescription Device = new("test", "a device", 2, 1 << 20, 512);
    private static readonly OperatorGraph Graph = ModelGraph.Build(ModelPresets.Spec("bert-base")).Layer;
    private static readonly Workload Small = new(1, 128, DType.F32, new CausalMask());

    [Fact]
    public void With_a_cost_model_the_search_finds_a_scheme_no_worse_than_any_rule()
    {
        using var clock = Roofline();
        var result = Tune(clock, new TuningOptions { Budget = new TuningBudget(2000, null) });

        var rules = new[]
        {
            RuleBasedSchemes.Initial(Graph, Small, Device),
            RuleBasedSchemes.Detached(Graph),
            RuleBasedSchemes.ElementwiseOnly(Graph, Small, Device),
            RuleBasedSchemes.DeepSpeedRegions(Graph, Small, Device),
        };
        foreach (var rule in rules)
        {
            var seconds = clock.MeasureLayers([ExecutionPlan.FromScheme(Graph, Small, Device, rule)])[0];
            Assert.True(result.PlanSeconds <= seconds * 1.0001, $"{result.Plan.Scheme} {result.PlanSeconds} > {rule} {seconds}");
        }
    }

    [Fact]
    public void Equal_seeds_and_measurements_give_equal_plans()
    {
        using var clock = new NoisyClock(Roofline(), seed: 3);
        using var again = new NoisyClock(Roofline(), seed: 3);
        var options = new TuningOptions { Budget = new TuningBudget(150, null), Seed = 7 };

        Assert.Equal(PlanJson.Print(Tune(clock, options).Plan), PlanJson.Print(Tune(again, options).Plan));
    }

    [Fact]
    public void Nothing_is_measured_twice_and_the_budget_is_kept()
    {
        using var clock = new NoisyClock(Roofline(), seed: 1);
        var result = Tune(clock, new TuningOptions { Budget = new TuningBudget(60, null) });

        Assert.Equal(clock.Asked.Count, clock.Asked.Distinct().Count());
        Assert.Equal(clock.Asked.Count, result.Samples);

        // The start scheme must have a time whatever the budget; beyond that the budget holds.
        Assert.InRange(result.Samples, 1, 60);
    }

    [Fact]
    public void A_fusion_that_does_not_pay_is_rolled_back()
    {
        // Every fused segment costs ten times the sum of its parts.
        using var clock = new FunctionClock((segment, _) => segment.Length == 1 ? 1.0 : 10.0 * segment.Length);
        var result = Tune(clock, new TuningOptions { Budget = new TuningBudget(500, null) });

        Assert.Equal(FusionScheme.Detached(Graph.Operators.Length), result.Plan.Scheme);
        Assert.Contains(result.Moves, move => move is { Move: "detach", Kept: true });
        Assert.Contains(result.Moves, move => !move.Kept);
    }

    [Fact]
    public void Moves_never_make_the_sum_of_segment_times_worse()
    {
        using var clock = new NoisyClock(Roofline(), seed: 11);
        var result = Tune(clock, new TuningOptions { Budget = new TuningBudget(400, null) });

        Assert.NotEmpty(result.Moves);
        Assert.All(result.Moves.Where(move => move.Kept), move => Assert.True(move.SecondsAfter < move.SecondsBefore));
        Assert.All(result.Moves.Where(move => !move.Kept), move => Assert.True(move.SecondsAfter >= move.SecondsBefore * 0.99));
        Assert.Equal(result.Rounds.OrderDescending(), result.Rounds);
    }

    [Fact]
    public void The_whole_layer_has_the_last_word()
    {
        // Segments look fast apart, but together the fused layer is slower than the detached one.
        using var clock = new FunctionClock((segment, _) => 1.0, plan => plan.Segments.Length == Graph.Operators.Length ? 1.0 : 2.0);
        var result = Tune(clock, new TuningOptions { Budget = new TuningBudget(100, null) });

        Assert.Equal(FusionScheme.Detached(Graph.Operators.Length), result.Plan.Scheme);
        Assert.Equal(1.0, result.Speedup);
    }

    [Fact]
    public void Where_detached_scores_are_refused_the_baseline_keeps_attention_fused()
    {
        using var clock = new FunctionClock(
            (segment, _) => segment.Length, plan => plan.Segments.Length == Graph.Operators.Length ? double.PositiveInfinity : plan.Segments.Length);
        var result = Tune(clock, new TuningOptions { Budget = new TuningBudget(50, null) });

        Assert.Equal(RuleBasedSchemes.AttentionOnly(Graph).Segments.Length, result.DetachedSeconds);
        Assert.True(result.PlanSeconds <= result.DetachedSeconds);
    }

    [Fact]
    public void Stage_two_finds_the_best_parameters_of_a_segment()
    {
        // Only one of the 32 parameter sets of attention is fast; enough samples must meet it.
        using var clock = new FunctionClock((segment, parameters) =>
            segment is { Start: 2, Length: 5 } && parameters.ToString() == "algorithm=rowwise bm=32 bn=128" ? 0.1 : segment.Length == 1 ? 2.0 : 1.0);
        var result = Tune(clock, new TuningOptions { Budget = new TuningBudget(4000, null) });

        var attention = result.Plan.Segments.Single(segment => segment.Template == "attention");
        Assert.Equal("algorithm=rowwise bm=32 bn=128", attention.Parameters.ToString());
    }

    [Fact]
    public void A_refused_start_segment_falls_apart_and_the_search_goes_on()
    {
        using var clock = new FunctionClock((segment, _) => segment.Length > 5 ? null : 1.0);
        var result = Tune(clock, new TuningOptions { Budget = new TuningBudget(300, null) });

        Assert.All(result.Plan.Segments, segment => Assert.True(segment.Segment.Length <= 5));
        Assert.Equal(Graph.Operators.Length, result.Plan.Segments.Sum(segment => segment.Segment.Length));
    }

    [Theory]
    [InlineData("200", 200, null)]
    [InlineData("10s", null, 10)]
    [InlineData("2m", null, 120)]
    public void Budgets_parse(string text, int? samples, int? seconds)
    {
        var budget = TuningBudget.Parse(text);

        Assert.Equal(samples, budget.Samples);
        Assert.Equal(seconds, (int?)budget.Time?.TotalSeconds);
    }

    [Theory]
    [InlineData("")]
    [InlineData("0")]
    [InlineData("-3")]
    [InlineData("s")]
    [InlineData("1.5s")]
    [InlineData("3h")]
    public void Malformed_budgets_are_refused(string text) => Assert.Throws<InvalidInputException>(() => TuningBudget.Parse(text));

    private static TuningResult Tune(ISegmentMeasurer clock, TuningOptions options) =>
        new Tuner(Graph, Small, Device, clock, options).Run();

    private static CostModelMeasurer Roofline() => new(Graph, Small, Device, 4e10, 5e11, 5e-6);

    /// <summary>Multiplies a clock by a factor that depends on the parameters and a seed, and remembers what it was asked.</summary>
    private sealed class NoisyClock(ISegmentMeasurer inner, int seed) : ISegmentMeasurer
    {
        public List<(Segment, ParameterSet)> Asked { get; } = [];

        public double? Measure(Segment segment, FusionTemplate template, ParameterSet parameters)
        {
            Asked.Add((segment, parameters));
            var text = $"{segment}{parameters}{seed}";
            var factor = 1.0 + (text.Sum(c => c * 31 % 17) % 13 / 13.0);
            return inner.Measure(segment, template, parameters) * factor;
        }

        public IReadOnlyList<double> MeasureLayers(IReadOnlyList<ExecutionPlan> plans) => inner.MeasureLayers(plans);

        public void Dispose() => inner.Dispose();
    }

    private sealed class FunctionClock(Func<Segment, ParameterSet, double?> seconds, Func<ExecutionPlan, double>? layer = null) : ISegmentMeasurer
    {
        public double? Measure(Segment segment, FusionTemplate template, ParameterSet parameters) => seconds(segment, parameters);

        public IReadOnlyList<double> MeasureLayers(IReadOnlyList<ExecutionPlan> plans) =>
            [.. plans.Select(plan => layer?.Invoke(plan)
                ?? plan.Segments.Sum(segment => seconds(segment.Segment, segment.Parameters) ?? double.PositiveInfinity))];

        public void Dispose()
        {
        }
    }
}
