using System.Text.Json.Nodes;
using Stof.Reference.Backends;
using Stof.Reference.Fusion;
using Stof.Reference.Graphs;
using Stof.Reference.Masks;
using Stof.Reference.Models;
using Stof.Reference.Numerics;
using Stof.Reference.Plans;
using Stof.Reference.Search;

namespace Stof.Reference.Unit.Tests.Plans;

public class PlanJsonTests
{
    private static readonly DeviceDescription Device = new("test", "a device", 2, 1 << 20, 512);
    private static readonly OperatorGraph Graph = ModelGraph.Build(ModelPresets.Spec("gpt2")).Layer;
    private static readonly Workload Small = new(1, 128, DType.F32, new CausalMask());

    [Fact]
    public void A_plan_survives_text()
    {
        var plan = Plan();
        var parsed = PlanJson.Parse(PlanJson.Print(plan), "plan.json").Validated(Graph, Small, Device);

        Assert.Equal(plan.Segments, parsed.Segments);
        Assert.Equal(plan.Scheme, parsed.Scheme);
        Assert.Equal((plan.GraphHash, plan.Device, plan.Workload), (parsed.GraphHash, parsed.Device, parsed.Workload));
    }

    [Fact]
    public void Text_cut_anywhere_is_refused_by_file_name()
    {
        var text = PlanJson.Print(Plan()).TrimEnd();
        for (var length = 0; length < text.Length; length++)
        {
            var exception = Assert.Throws<InvalidInputException>(() => PlanJson.Parse(text[..length], "plan.json"));
            Assert.StartsWith("plan.json", exception.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("version")]
    [InlineData("graph")]
    [InlineData("device")]
    [InlineData("workload")]
    [InlineData("scheme")]
    [InlineData("segments")]
    public void A_missing_field_is_named(string field)
    {
        var json = PlanJson.ToJson(Plan());
        json.Remove(field);
        var exception = Assert.Throws<InvalidInputException>(() => PlanJson.Parse(json.ToJsonString(), "plan.json"));

        Assert.Contains(field, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_scheme_that_does_not_spell_the_segments_is_refused()
    {
        var json = PlanJson.ToJson(Plan());
        json["scheme"] = "15:0";

        Assert.Throws<InvalidInputException>(() => PlanJson.Parse(json.ToJsonString(), "plan.json"));
    }

    [Fact]
    public void A_plan_of_another_graph_is_refused()
    {
        var other = ModelGraph.Build(ModelPresets.Spec("llama")).Layer;
        var exception = Assert.Throws<InvalidInputException>(() => Plan().Validated(other, Small, Device));

        Assert.Contains(other.Hash(), exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_template_on_operators_it_does_not_cover_is_refused()
    {
        var json = PlanJson.ToJson(Plan());
        ((JsonObject)json["segments"]![0]!)["template"] = "attention";
        var plan = PlanJson.Parse(json.ToJsonString(), "plan.json");

        Assert.Throws<InvalidInputException>(() => plan.Validated(Graph, Small, Device));
    }

    private static ExecutionPlan Plan() =>
        ExecutionPlan.FromScheme(Graph, Small, Device, RuleBasedSchemes.Initial(Graph, Small, Device));
}
