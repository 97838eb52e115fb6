using Stof.Reference.Graphs;
using Stof.Reference.Models;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Unit.Tests.Graphs;

public class ModelGraphTests
{
    public static TheoryData<string> Presets => [.. ModelPresets.Names];

    [Theory]
    [MemberData(nameof(Presets))]
    public void A_layer_takes_and_gives_the_residual_stream(string preset)
    {
        var spec = ModelPresets.Spec(preset);
        var layer = ModelGraph.Build(spec).Layer;

        Assert.Equal(spec.Hidden, layer.Values[0].Width);
        Assert.Equal(spec.Hidden, layer.Values[layer.OutputValue].Width);
        Assert.Equal(5, layer.Operators.Count(op => op is AttentionOperator));
        Assert.Equal(4, layer.Operators.Count(op => op is GemmOperator));
    }

    [Fact]
    public void Equal_layers_have_equal_hashes_and_different_ones_do_not()
    {
        var hashes = ModelPresets.Names.Select(name => ModelGraph.Build(ModelPresets.Spec(name)).Layer.Hash()).ToList();

        Assert.Equal(hashes.Count, hashes.Distinct().Count());
        Assert.Equal(hashes[0], ModelGraph.Build(ModelPresets.Spec("bert-base") with { Layers = 3, Vocabulary = 7 }).Layer.Hash());
    }

    [Fact]
    public void Reading_a_value_before_it_is_written_is_refused()
    {
        GraphOperator early = new BiasOperator("b") { Name = "bias", Inputs = [2], Output = 1 };

        Assert.Throws<ArgumentException>(() => new OperatorGraph([new("x", 4), new("y", 4), new("z", 4)], [early], null));
    }

    [Fact]
    public void A_missing_or_misshapen_weight_is_named()
    {
        var spec = ModelPresets.Spec("bert-base") with { Layers = 1, Hidden = 16, QueryHeads = 2, KvHeads = 2, HeadSize = 8, FeedForward = 32, Vocabulary = 11, MaxPositions = 8 };
        var model = ModelPresets.Create(spec, seed: 1);
        var layer = model.Layers[0].ToDictionary();
        layer.Remove("up.bias");
        var missing = Assert.Throws<InvalidInputException>(() => new TransformerModel(spec, model.Embedding, [layer], model.Final));
        layer["up.bias"] = HostTensor.Zeros(DType.F32, 31);
        var misshapen = Assert.Throws<InvalidInputException>(() => new TransformerModel(spec, model.Embedding, [layer], model.Final));

        Assert.Equal("layer 0 weight 'up.bias': missing; expected [32]", missing.Message);
        Assert.Equal("layer 0 weight 'up.bias': F32[31]; expected [32]", misshapen.Message);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(11)]
    public void An_id_outside_the_vocabulary_is_named(int id)
    {
        var spec = ModelPresets.Spec("bert-base") with { Vocabulary = 11 };
        var exception = Assert.Throws<InvalidInputException>(() => ModelInput.From(spec, HostTensor.From([3, 4, 5, id], 2, 2)));

        Assert.Equal($"ids[1, 1]: {id}; expected 0 to 10", exception.Message);
    }

    [Fact]
    public void Heads_that_do_not_divide_are_refused()
    {
        var spec = ModelPresets.Spec("llama") with { KvHeads = 3 };

        Assert.Contains("multiple of the 3 KV heads", Assert.Throws<InvalidInputException>(() => spec.Validated()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_preset_draws_the_same_weights_from_the_same_seed()
    {
        var spec = ModelPresets.Spec("llama") with { Layers = 1, Hidden = 16, QueryHeads = 2, KvHeads = 1, HeadSize = 8, FeedForward = 24, Vocabulary = 11 };
        var (first, second, other) = (ModelPresets.Create(spec, 5), ModelPresets.Create(spec, 5), ModelPresets.Create(spec, 6));

        Assert.True(first.Layers[0]["up.weight"].Bytes.SequenceEqual(second.Layers[0]["up.weight"].Bytes));
        Assert.False(first.Layers[0]["up.weight"].Bytes.SequenceEqual(other.Layers[0]["up.weight"].Bytes));
    }
}
