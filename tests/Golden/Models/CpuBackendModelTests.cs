using System.Security.Cryptography;
using System.Text;
using Stof.Reference.Backends;
using Stof.Reference.Cpu.Execution;
using Stof.Reference.Fusion;
using Stof.Reference.Interchange;
using Stof.Reference.Masks;
using Stof.Reference.Models;
using Stof.Reference.Models.Checkpoints;
using Stof.Reference.Numerics;
using Stof.Reference.Plans;
using Stof.Reference.Search;
using Stof.Reference.Tests;

namespace Stof.Reference.Golden.Tests.Models;

/// <summary>The CPU backend on real checkpoints: any plan, any dtype, against the oracle and against committed bits.</summary>
public class CpuBackendModelTests
{
    private static readonly string[] Names = ["bert-bigbird", "gpt2-sliding", "llama-longformer-gqa", "t5-encoder-dilated", "vit"];

    public static TheoryData<string, DType> Cases
    {
        get
        {
            var cases = new TheoryData<string, DType>();
            foreach (var name in Names)
            {
                cases.Add(name, DType.F32);
                cases.Add(name, DType.F16);
                cases.Add(name, DType.BF16);
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Random_plans_agree_with_the_oracle_layer_by_layer(string name, DType type)
    {
        var (model, input, mask) = Load(name, type);
        var graph = model.Graph.Layer;
        using var backend = new CpuBackend(2);
        var workload = new Workload(input.Batch, input.Length, type, mask, model.Spec.QueryHeads);
        using var detached = backend.Compile(model, workload, ExecutionPlan.Detached(graph, workload, backend.Device));
        var random = new Random(17);
        var seen = new HashSet<string>();
        for (var round = 0; round < 6; round++)
        {
            var plan = RandomPlans.Draw(graph, workload, backend, random);
            seen.UnionWith(plan.Segments.Select(segment => segment.Template));
            using var executable = backend.Compile(model, workload, plan);
            var verdicts = ModelVerifier.Verify(model, mask, input, executable, detached, type);

            Assert.Equal(model.Spec.Layers + 1, verdicts.Length);
            Assert.All(verdicts, verdict => Assert.True(verdict.Passed, $"seed 17, round {round}, {PlanJson.Print(plan)} {verdict}"));
        }

        Assert.Contains(seen, template => TemplateCatalog.Named(template).Category != TemplateCategory.Detached);
    }

    [Theory]
    [InlineData("bert-bigbird")]
    [InlineData("llama-longformer-gqa")]
    public void In_F32_products_give_the_same_bits_fused_or_not(string name)
    {
        // Every output element is one chain of fused multiply-adds, and F32 stores lose nothing between operators.
        var (model, input, mask) = Load(name, DType.F32);
        var graph = model.Graph.Layer;
        using var backend = new CpuBackend(2);
        var workload = new Workload(input.Batch, input.Length, DType.F32, mask);
        var apart = ExecutionPlan.FromScheme(graph, workload, backend.Device, RuleBasedSchemes.AttentionOnly(graph));
        var fused = ExecutionPlan.FromScheme(graph, workload, backend.Device, RuleBasedSchemes.Initial(graph, workload, backend.Device));
        using var first = backend.Compile(model, workload, apart);
        using var second = backend.Compile(model, workload, fused);

        Assert.NotEqual(apart.Scheme, fused.Scheme);
        Assert.Equal(Hash(first, input), Hash(second, input));
    }

    [Fact]
    public void Outputs_have_the_committed_bits_for_one_two_and_three_threads()
    {
        var text = new StringBuilder();
        foreach (var name in Names)
        {
            foreach (var type in new[] { DType.F32, DType.F16, DType.BF16 })
            {
                var (model, input, mask) = Load(name, type);
                var workload = new Workload(input.Batch, input.Length, type, mask);
                var hashes = new HashSet<string>();
                foreach (var threads in new[] { 1, 2, 3 })
                {
                    using var backend = new CpuBackend(threads);
                    var plan = ExecutionPlan.FromScheme(
                        model.Graph.Layer, workload, backend.Device, RuleBasedSchemes.AttentionOnly(model.Graph.Layer));
                    using var executable = backend.Compile(model, workload, plan);
                    hashes.Add(Hash(executable, input));
                }

                text.Append(name).Append(' ').Append(type).Append(' ').AppendLine(Assert.Single(hashes));
            }
        }

        GoldenFile.Verify(text.ToString());
    }

    [Fact]
    public void Running_twice_changes_nothing()
    {
        var (model, input, mask) = Load("gpt2-sliding", DType.F32);
        using var backend = new CpuBackend(2);
        var workload = new Workload(input.Batch, input.Length, DType.F32, mask);
        using var executable = backend.Compile(model, workload, ExecutionPlan.Detached(model.Graph.Layer, workload, backend.Device));

        Assert.Equal(Hash(executable, input), Hash(executable, input));
        Assert.All(executable.SegmentSeconds, seconds => Assert.True(seconds > 0));
    }

    [Fact]
    public void A_searched_plan_is_no_slower_than_detached_and_right()
    {
        var (model, input, mask) = Load("bert-bigbird", DType.F32);
        using var backend = new CpuBackend(2);
        var workload = new Workload(input.Batch, input.Length, DType.F32, mask);
        using var clock = backend.CreateMeasurer(model, workload);
        var result = new Tuner(
            model.Graph.Layer, workload, backend.Device, clock, new TuningOptions { Budget = new TuningBudget(40, null) }).Run();
        using var executable = backend.Compile(model, workload, result.Plan);
        using var detached = backend.Compile(model, workload, ExecutionPlan.Detached(model.Graph.Layer, workload, backend.Device));

        Assert.True(result.PlanSeconds <= result.DetachedSeconds);
        Assert.All(
            ModelVerifier.Verify(model, mask, input, executable, detached, DType.F32), verdict => Assert.True(verdict.Passed, $"{verdict}"));
    }

    [Fact]
    public void A_broken_weight_is_found()
    {
        // The verifier must be able to fail: the backend runs with one bias changed, the oracle with the right one.
        var (model, input, mask) = Load("bert-bigbird", DType.F32);
        var broken = model.Layers[1].ToDictionary();
        var bias = broken["down.bias"].Reshaped(model.Spec.Hidden);
        bias.Span<float>()[5] += 0.01f;
        broken["down.bias"] = bias;
        var wrong = new TransformerModel(model.Spec, model.Embedding, [model.Layers[0], broken], model.Final);
        using var backend = new CpuBackend(1);
        var workload = new Workload(input.Batch, input.Length, DType.F32, mask);
        var plan = ExecutionPlan.Detached(model.Graph.Layer, workload, backend.Device);
        using var executable = backend.Compile(wrong, workload, plan);
        using var detached = backend.Compile(model, workload, plan);
        var verdicts = ModelVerifier.Verify(model, mask, input, executable, detached, DType.F32);

        Assert.True(verdicts[1].Passed);
        Assert.False(verdicts[2].Passed);
    }

    private static (TransformerModel Model, ModelInput Input, MaskPattern Mask) Load(string name, DType type)
    {
        var folder = TestData.Path("hf", name);
        var model = ModelLoader.Load(folder).To(type);
        var arrays = NpzArchive.Read(Path.Combine(folder, "case.npz"));
        var input = ModelInput.From(model.Spec, arrays.TryGetValue("input_ids", out var ids) ? ids : arrays["pixel_values"]);
        return (model, input, arrays.TryGetValue("mask", out var mask) ? DenseMask.From(mask) : new FullMask());
    }

    private static string Hash(IModelExecutable executable, ModelInput input) =>
        Convert.ToHexStringLower(SHA256.HashData(executable.Run(input).Bytes));
}
