using Stof.Reference.Cpu.Execution;
using Stof.Reference.Fusion;
using Stof.Reference.Graphs;
using Stof.Reference.Masks;
using Stof.Reference.Models;
using Stof.Reference.Numerics;
using Stof.Reference.Plans;
using Stof.Reference.Search;

namespace Stof.Reference.Unit.Tests.Cpu.Execution;

public class CpuBackendTests
{
    private static readonly ModelSpec Tiny = ModelPresets.Spec("bert-base") with
    {
        Layers = 1,
        Hidden = 16,
        QueryHeads = 2,
        KvHeads = 2,
        HeadSize = 8,
        FeedForward = 32,
        Vocabulary = 11,
        MaxPositions = 1 << 15,
    };

    [Fact]
    public void Detached_scores_beyond_the_limit_are_refused_with_a_code_and_fused_attention_is_not()
    {
        using var backend = new CpuBackend(1);
        var graph = ModelGraph.Build(Tiny).Layer;
        var workload = new Workload(1, 1 << 15, DType.F32, new SlidingMask(8), 2);
        var (scores, fused) = (new Segment(2, 1), new Segment(2, 5));

        Assert.Equal("scores", Supports(backend, graph, workload, scores)?.Code);
        Assert.Null(Supports(backend, graph, workload, fused));
        Assert.Null(Supports(backend, graph, new Workload(1, 64, DType.F32, new SlidingMask(8), 2), scores));
    }

    [Fact]
    public void A_plan_with_a_refused_segment_does_not_compile()
    {
        using var backend = new CpuBackend(1);
        var model = ModelPresets.Create(Tiny, seed: 1);
        var workload = new Workload(1, 1 << 15, DType.F32, new SlidingMask(8), 2);
        var plan = ExecutionPlan.Detached(model.Graph.Layer, workload, backend.Device);

        Assert.Contains("GiB of scores", Assert.Throws<InvalidInputException>(() => backend.Compile(model, workload, plan)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_input_of_another_size_is_refused()
    {
        using var backend = new CpuBackend(1);
        var model = ModelPresets.Create(Tiny, seed: 1);
        var workload = new Workload(1, 24, DType.F32, new CausalMask(), 2);
        var plan = ExecutionPlan.FromScheme(model.Graph.Layer, workload, backend.Device, RuleBasedSchemes.AttentionOnly(model.Graph.Layer));
        using var executable = backend.Compile(model, workload, plan);

        Assert.Throws<InvalidInputException>(() => executable.Run(ModelInput.Random(Tiny, 2, 24, seed: 1)));
        Assert.True(executable.Run(ModelInput.Random(Tiny, 1, 24, seed: 1)).HasShape(1, 24, 16));
    }

    [Fact]
    public void A_sequence_of_one_token_runs_under_every_scheme()
    {
        using var backend = new CpuBackend(2);
        var model = ModelPresets.Create(Tiny, seed: 1);
        var graph = model.Graph.Layer;
        var workload = new Workload(1, 1, DType.F32, new CausalMask(), 2);
        var input = ModelInput.Random(Tiny, 1, 1, seed: 1);
        using var detached = backend.Compile(model, workload, ExecutionPlan.Detached(graph, workload, backend.Device));
        using var fused = backend.Compile(
            model, workload, ExecutionPlan.FromScheme(graph, workload, backend.Device, RuleBasedSchemes.Initial(graph, workload, backend.Device)));

        Assert.All(
            ModelVerifier.Verify(model, new CausalMask(), input, fused, detached, DType.F32), verdict => Assert.True(verdict.Passed, $"{verdict}"));
    }

    [Fact]
    public void F64_is_the_oracles_alone()
    {
        using var backend = new CpuBackend(1);
        var model = ModelPresets.Create(Tiny, seed: 1);
        var workload = new Workload(1, 8, DType.F64, new CausalMask());

        Assert.Throws<InvalidInputException>(() => backend.CreateMeasurer(model, workload));
    }

    private static Refusal? Supports(CpuBackend backend, OperatorGraph graph, Workload workload, Segment segment)
    {
        var template = TemplateCatalog.Match(graph, segment)!;
        var context = new SegmentContext(graph, segment, workload, backend.Device);
        return backend.Supports(template, context, ParameterSet.Default(template.Parameters(context)));
    }
}
