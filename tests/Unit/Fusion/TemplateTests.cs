using Stof.Reference.Backends;
using Stof.Reference.Fusion;
using Stof.Reference.Graphs;
using Stof.Reference.Masks;
using Stof.Reference.Models;
using Stof.Reference.Numerics;
using Stof.Reference.Search;

namespace Stof.Reference.Unit.Tests.Fusion;

public class TemplateTests
{
    private static readonly DeviceDescription Device = new("test", "a device", 2, 1 << 20, 512);

    public static TheoryData<string> Presets => [.. ModelPresets.Names];

    [Theory]
    [MemberData(nameof(Presets))]
    public void Every_operator_of_every_layer_can_run_alone(string preset)
    {
        var graph = ModelGraph.Build(ModelPresets.Spec(preset));
        foreach (var part in new[] { graph.Prologue, graph.Layer, graph.Epilogue })
        {
            for (var i = 0; i < part.Operators.Length; i++)
            {
                var template = TemplateCatalog.Match(part, new Segment(i, 1));

                Assert.NotNull(template);
                Assert.Equal(TemplateCategory.Detached, template.Category);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Presets))]
    public void At_most_one_template_matches_a_segment_and_fused_ones_have_at_most_two_products(string preset)
    {
        var graph = ModelGraph.Build(ModelPresets.Spec(preset)).Layer;
        var matched = new HashSet<string>();
        for (var start = 0; start < graph.Operators.Length; start++)
        {
            for (var length = 1; start + length <= graph.Operators.Length; length++)
            {
                var segment = new Segment(start, length);
                var matches = TemplateCatalog.All.Where(template => template.Matches(graph, segment)).ToList();
                Assert.True(matches.Count <= 1, $"{segment}: {string.Join(", ", matches)}");
                matched.UnionWith(matches.Select(template => template.Name));
                if (matches.Count == 1)
                {
                    var products = graph.Operators.AsSpan(start, length).ToArray().Count(op => op.IsComputeIntensive);
                    Assert.InRange(products, 0, 2);
                }
            }
        }

        Assert.Contains("attention", matched);
        Assert.Contains(matched, name => name.StartsWith("gemm-chain", StringComparison.Ordinal));
    }

    [Fact]
    public void Bert_is_numbered_as_in_the_paper()
    {
        var graph = ModelGraph.Build(ModelPresets.Spec("bert-base")).Layer;

        Assert.Equal(15, graph.Operators.Length);
        Assert.Equal(
            "qkv gemm|qkv bias + split|q·k|scale + mask|softmax|p·v|merge heads|out gemm|bias + residual|norm1|up gemm|bias + activation|down gemm|bias + residual|norm2",
            string.Join('|', graph.Operators.Select(op => op.Name)));
    }

    [Fact]
    public void A_norm_after_a_product_is_legal_only_where_the_row_fits()
    {
        var graph = ModelGraph.Build(ModelPresets.Spec("bert-base")).Layer;
        var template = TemplateCatalog.Named("gemm-residual-norm");
        var parameters = new ParameterSet([new("row-block", "192"), new("depth-block", "768")]);

        Assert.Null(template.Check(Context(graph, new Segment(7, 3), Device with { FastMemoryBytes = 1 << 21 }), parameters));
        var refusal = template.Check(Context(graph, new Segment(7, 3), Device), parameters);

        Assert.NotNull(refusal);
        Assert.Equal("footprint", refusal.Code);
        Assert.Contains("1,048,576", refusal.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_parameter_outside_its_list_is_refused_by_name()
    {
        var graph = ModelGraph.Build(ModelPresets.Spec("bert-base")).Layer;
        var refusal = TemplateCatalog.Named("attention").Check(
            Context(graph, new Segment(2, 5), Device), new ParameterSet([new("algorithm", "magic"), new("bm", "64"), new("bn", "64")]));

        Assert.Equal("parameter", refusal?.Code);
        Assert.Contains("algorithm=magic", refusal?.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Fusing_removes_traffic_and_passes_but_no_work()
    {
        var graph = ModelGraph.Build(ModelPresets.Spec("bert-base")).Layer;
        var fused = TemplateCatalog.Named("gemm-residual-norm").Cost(Context(graph, new Segment(7, 3), Device));
        var apart = Enumerable.Range(7, 3).Select(i => Cost(graph, new Segment(i, 1))).ToList();

        Assert.Equal(apart.Sum(cost => cost.Flops), fused.Flops);
        Assert.True(fused.Bytes < apart.Sum(cost => cost.Bytes));
        Assert.Equal(1, fused.Passes);
        Assert.Equal(2, apart[2].Passes); // the norm alone walks its row twice
    }

    [Fact]
    public void A_value_needed_later_is_stored_by_the_segment_that_makes_it()
    {
        // GPT-2 is pre-LN: the sum before norm2 is the residual of the feed-forward network.
        var graph = ModelGraph.Build(ModelPresets.Spec("gpt2")).Layer;
        var residual = graph.Operators.Single(op => op is ResidualOperator && op.Inputs[1] == 0);
        var start = graph.Operators.IndexOf(residual) - 1;
        var context = Context(graph, new Segment(start, 3), Device);

        Assert.Equal([residual.Output, graph.Operators[start + 2].Output], context.StoredValues());
    }

    [Theory]
    [MemberData(nameof(Presets))]
    public void Rule_based_schemes_cover_every_layer_with_templates(string preset)
    {
        var spec = ModelPresets.Spec(preset);
        var graph = ModelGraph.Build(spec).Layer;
        var workload = Workload(spec.FixedLength ?? 128);
        FusionScheme[] schemes =
        [
            RuleBasedSchemes.Initial(graph, workload, Device),
            RuleBasedSchemes.Detached(graph),
            RuleBasedSchemes.AttentionOnly(graph),
            RuleBasedSchemes.ElementwiseOnly(graph, workload, Device),
            RuleBasedSchemes.DeepSpeedRegions(graph, workload, Device),
        ];
        foreach (var scheme in schemes)
        {
            Assert.Equal(graph.Operators.Length, scheme.Count);
            Assert.All(scheme.Segments, segment => Assert.NotNull(TemplateCatalog.Match(graph, segment)));
        }

        Assert.Equal(schemes.Length, schemes.Distinct().Count());
    }

    [Fact]
    public void The_start_scheme_chains_products_only_where_rows_are_few()
    {
        var graph = ModelGraph.Build(ModelPresets.Spec("bert-base")).Layer;

        Assert.Contains(RuleBasedSchemes.Initial(graph, Workload(128), Device).Segments, IsChain);
        Assert.DoesNotContain(RuleBasedSchemes.Initial(graph, Workload(512), Device).Segments, IsChain);

        bool IsChain(Segment segment) => TemplateCatalog.Match(graph, segment)!.Category == TemplateCategory.CiCi;
    }

    private static CostEstimate Cost(OperatorGraph graph, Segment segment) =>
        TemplateCatalog.Match(graph, segment)!.Cost(Context(graph, segment, Device));

    private static SegmentContext Context(OperatorGraph graph, Segment segment, DeviceDescription device) =>
        new(graph, segment, Workload(128), device);

    private static Workload Workload(int length) => new(1, length, DType.F32, new CausalMask());
}
