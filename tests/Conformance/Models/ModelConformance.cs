using Stof.Reference.Backends;
using Stof.Reference.Cpu.Execution;
using Stof.Reference.Fusion;
using Stof.Reference.Models;
using Stof.Reference.Numerics;
using Stof.Reference.Plans;
using Stof.Reference.Search;
using Stof.Reference.Tests;

namespace Stof.Reference.Conformance.Tests.Models;

/// <summary>
/// Every preset's family, shrunk, in every dtype: layer by layer against the oracle under every scheme that rules give and
/// under random legal ones.
/// </summary>
public abstract class ModelConformance(BackendUnderTest subject)
{
    private const int Seed = 613;
    private const int RandomPlanCount = 4;

    [Theory]
    [MemberData(nameof(ShrunkModels.Cases), MemberType = typeof(ShrunkModels))]
    public void Every_scheme_agrees_with_the_oracle_layer_by_layer(string preset, DType type)
    {
        var (model, input, mask) = ShrunkModels.Create(preset, type);
        var graph = model.Graph.Layer;
        var backend = subject.Backend;
        var workload = new Workload(input.Batch, input.Length, type, mask, model.Spec.QueryHeads);
        var plans = new List<(string Name, ExecutionPlan Plan)>();
        foreach (var (name, scheme) in new[]
        {
            ("detached", RuleBasedSchemes.Detached(graph)),
            ("attention only", RuleBasedSchemes.AttentionOnly(graph)),
            ("elementwise only", RuleBasedSchemes.ElementwiseOnly(graph, workload, backend.Device)),
            ("DeepSpeed", RuleBasedSchemes.DeepSpeedRegions(graph, workload, backend.Device)),
            ("initial", RuleBasedSchemes.Initial(graph, workload, backend.Device)),
        })
        {
            plans.Add((name, ExecutionPlan.FromScheme(graph, workload, backend.Device, scheme)));
        }

        var random = new Random(SeedOf(preset));
        for (var i = 0; i < RandomPlanCount; i++)
        {
            plans.Add(($"random {i}, seed {SeedOf(preset)}", RandomPlans.Draw(graph, workload, backend, random)));
        }

        // A segment that a backend refuses runs in smaller ones. A slow subject takes the start of a search and some of the others.
        var fitting = plans.ConvertAll(entry => (entry.Name, PlanFallback.For(backend, graph, workload, entry.Plan).Plan));
        using var detached = backend.Compile(model, workload, fitting[0].Plan);
        foreach (var (name, plan) in fitting.Where((entry, i) => entry.Name == "initial" || i % subject.Stride == 0 || i == fitting.Count - 1))
        {
            using var executable = backend.Compile(model, workload, plan);
            var verdicts = ModelVerifier.Verify(model, mask, input, executable, detached, type);
            Assert.Equal(model.Spec.Layers + 1, verdicts.Length);
            Assert.All(verdicts, verdict => Assert.True(verdict.Passed, $"{name}: {PlanJson.Print(plan)} {verdict}"));
        }
    }

    [Fact]
    public void Random_plans_meet_every_category_of_templates()
    {
        // The plans that the test above draws: without a category among them, its kernels would go untested.
        var seen = new HashSet<string>();
        foreach (var preset in ModelPresets.Names)
        {
            var (model, input, mask) = ShrunkModels.Create(preset, DType.F32);
            var graph = model.Graph.Layer;
            var workload = new Workload(input.Batch, input.Length, DType.F32, mask, model.Spec.QueryHeads);
            var random = new Random(SeedOf(preset));
            for (var i = 0; i < RandomPlanCount; i++)
            {
                seen.UnionWith(RandomPlans.Draw(graph, workload, subject.Backend, random).Segments.Select(segment => segment.Template));
            }
        }

        foreach (var category in subject.Categories)
        {
            Assert.Contains(seen, name => TemplateCatalog.Named(name).Category == category);
        }
    }

    // Other draws for each: one seed for all would draw much the same of graphs that are much the same.
    private static int SeedOf(string preset) => Seed + ModelPresets.Names.ToList().IndexOf(preset);
}
