using System.Text.Json.Nodes;
using Stof.Reference.Models;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Unit.Tests.Models;

/// <summary>What the loaders accept, and that what they refuse is refused by name.</summary>
public sealed class CheckpointTests
{
    public static TheoryData<string> Families => ["bert", "gpt2", "llama", "t5", "vit"];

    [Theory]
    [MemberData(nameof(Families))]
    public void A_checkpoint_loads_with_and_without_its_prefix_to_the_same_weights(string family)
    {
        var checkpoint = TinyCheckpoint.Of(family);
        var (plain, prefixed) = (checkpoint.Load(), checkpoint.Load(checkpoint.Prefix));
        Assert.Equal(family, plain.Spec.Family);
        Assert.Equal(plain.Spec, prefixed.Spec);
        RequireEqual(Weights(plain), Weights(prefixed));
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Half_precision_checkpoints_keep_their_dtype_and_bits(string family)
    {
        var checkpoint = TinyCheckpoint.Of(family);
        var single = checkpoint.Load();
        foreach (var type in new[] { DType.F16, DType.BF16 })
        {
            var weights = Weights(checkpoint.Load(type: type));
            Assert.All(weights.Values, tensor => Assert.Equal(type, tensor.Type));

            // Rounding before the file and after it is the same rounding.
            RequireEqual(Weights(single.To(type)), weights);
        }
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Every_missing_tensor_is_refused_by_name(string family)
    {
        foreach (var name in TinyCheckpoint.Of(family).Tensors.Keys)
        {
            var checkpoint = TinyCheckpoint.Of(family);
            checkpoint.Tensors.Remove(name);

            // Messages cut long names; what is left tells the tensors of a layer apart.
            Assert.Contains("'" + name[..Math.Min(name.Length, 48)], checkpoint.Refusal().Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Every_tensor_of_another_shape_is_refused_with_what_was_found(string family)
    {
        foreach (var name in TinyCheckpoint.Of(family).Tensors.Keys)
        {
            var checkpoint = TinyCheckpoint.Of(family);
            int[] shape = [.. checkpoint.Tensors[name].Shape];
            shape[^1]++;
            checkpoint.Tensors[name] = HostTensor.Zeros(DType.F32, shape);
            var refusal = checkpoint.Refusal();
            Assert.True(
                refusal.Message.Contains("weight", StringComparison.Ordinal) && refusal.Message.Contains("F32[", StringComparison.Ordinal),
                $"{name}: {refusal.Message}");
        }
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void A_missing_field_is_refused_by_file_and_field(string family)
    {
        foreach (var field in TinyCheckpoint.Of(family).Config.Select(pair => pair.Key))
        {
            // These have defaults, of which the tensors are no example or which change nothing here.
            if (field is "num_key_value_heads" or "n_inner" or "relative_attention_num_buckets" or "num_channels")
            {
                continue;
            }

            var checkpoint = TinyCheckpoint.Of(family);
            checkpoint.Config.Remove(field);
            var message = checkpoint.Refusal().Message;
            Assert.True(
                message.Contains("config.json", StringComparison.Ordinal) && message.Contains(field, StringComparison.Ordinal),
                $"{field}: {message}");
        }
    }

    [Theory]
    [InlineData("bert", "hidden_act", "\"swish\"", "'swish'")]
    [InlineData("bert", "num_attention_heads", "3", "hidden_size")]
    [InlineData("bert", "num_attention_heads", "0", "hidden_size")]
    [InlineData("bert", "num_hidden_layers", "0", "Layers")]
    [InlineData("bert", "model_type", "\"roberta\"", "'roberta'")]
    [InlineData("bert", "model_type", "7", "model_type")]
    [InlineData("gpt2", "scale_attn_by_inverse_layer_idx", "true", "scale_attn_by_inverse_layer_idx")]
    [InlineData("gpt2", "add_cross_attention", "true", "add_cross_attention")]
    [InlineData("gpt2", "activation_function", "\"silu\"", "'silu'")]
    [InlineData("gpt2", "n_head", "5", "n_embd")]
    [InlineData("llama", "rope_scaling", """{"rope_type":"llama3","factor":8}""", "'llama3'")]
    [InlineData("llama", "rope_scaling", """{"type":"linear","factor":2}""", "'linear'")]
    [InlineData("llama", "rope_parameters", """{"rope_type":"yarn","rope_theta":10000}""", "'yarn'")]
    [InlineData("llama", "attention_bias", "true", "attention_bias")]
    [InlineData("llama", "mlp_bias", "true", "mlp_bias")]
    [InlineData("llama", "hidden_act", "\"gelu\"", "hidden_act")]
    [InlineData("llama", "head_dim", "3", "HeadSize")]
    [InlineData("t5", "feed_forward_proj", "\"gated-gelu\"", "gated-gelu")]
    [InlineData("t5", "is_gated_act", "true", "is_gated_act")]
    [InlineData("vit", "qkv_bias", "false", "qkv_bias")]
    [InlineData("vit", "image_size", "5", "image_size")]
    [InlineData("vit", "patch_size", "0", "image_size")]
    [InlineData("vit", "hidden_act", "\"mish\"", "'mish'")]
    public void Options_that_change_the_computation_are_refused_by_name(string family, string field, string value, string part)
    {
        var checkpoint = TinyCheckpoint.Of(family);
        checkpoint.Config[field] = JsonNode.Parse(value);
        Assert.Contains(part, checkpoint.Refusal().Message, StringComparison.Ordinal);
    }

    [Fact]
    public void GPT2_weights_are_transposed_and_keep_their_order_of_query_key_value()
    {
        var checkpoint = TinyCheckpoint.Of("gpt2");
        var layer = checkpoint.Load().Layers[0];
        foreach (var (ours, theirs) in new[]
        {
            ("qkv", "attn.c_attn"), ("out", "attn.c_proj"), ("up", "mlp.c_fc"), ("down", "mlp.c_proj"),
        })
        {
            var (loaded, stored) = (layer[ours + ".weight"], checkpoint.Tensors[$"h.0.{theirs}.weight"]);
            Assert.Equal((stored.Shape[1], stored.Shape[0]), (loaded.Shape[0], loaded.Shape[1]));
            for (var i = 0; i < loaded.Count; i++)
            {
                var (row, column) = (i / loaded.Shape[1], i % loaded.Shape[1]);
                Assert.Equal(stored.Span<float>()[(column * stored.Shape[1]) + row], loaded.Span<float>()[i]);
            }

            Assert.Equal(checkpoint.Tensors[$"h.0.{theirs}.bias"].Bytes, layer[ours + ".bias"].Bytes);
        }
    }

    [Theory]
    [InlineData("bert", "attention.self.query", "attention.self.key", "attention.self.value")]
    [InlineData("llama", "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")]
    [InlineData("t5", "layer.0.SelfAttention.q", "layer.0.SelfAttention.k", "layer.0.SelfAttention.v")]
    public void Query_key_and_value_are_stacked_in_this_order(string family, params string[] names)
    {
        var checkpoint = TinyCheckpoint.Of(family);
        byte[] expected =
        [
            .. names.SelectMany(name => checkpoint.Tensors.Single(
                pair => pair.Key.EndsWith(name + ".weight", StringComparison.Ordinal)).Value.Bytes.ToArray()),
        ];
        Assert.Equal(expected, checkpoint.Load().Layers[0]["qkv.weight"].Bytes);
    }

    [Fact]
    public void Stacked_weights_of_two_dtypes_are_refused_by_name()
    {
        var checkpoint = TinyCheckpoint.Of("llama");
        const string Name = "layers.0.self_attn.k_proj.weight";
        checkpoint.Tensors[Name] = checkpoint.Tensors[Name].To(DType.F64);
        Assert.Contains(Name, checkpoint.Refusal().Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Defaults_are_those_of_the_published_configurations()
    {
        var bert = TinyCheckpoint.Of("bert").Load().Spec;
        Assert.Equal((1e-12, null, false), (bert.Epsilon, bert.Scale, bert.IsCausal));
        var gpt2 = TinyCheckpoint.Of("gpt2").Load().Spec;
        Assert.Equal((1e-5, null, true), (gpt2.Epsilon, gpt2.Scale, gpt2.IsCausal));
        var llama = TinyCheckpoint.Of("llama").Load().Spec;
        Assert.Equal((1e-6, 10000.0, 1), (llama.Epsilon, llama.RopeTheta, llama.KvHeads));
        var t5 = TinyCheckpoint.Of("t5").Load().Spec;
        Assert.Equal((1e-6, 1.0, 128), (t5.Epsilon, t5.Scale, t5.RelativeMaxDistance));
        var vit = TinyCheckpoint.Of("vit").Load().Spec;
        Assert.Equal((1e-12, 5), (vit.Epsilon, vit.FixedLength));
    }

    private static Dictionary<string, HostTensor> Weights(TransformerModel model)
    {
        var all = new Dictionary<string, HostTensor>();
        foreach (var (place, weights) in new[] { ("embedding", model.Embedding), ("layer", model.Layers[0]), ("final", model.Final) })
        {
            foreach (var (name, tensor) in weights)
            {
                all.Add($"{place} {name}", tensor);
            }
        }

        return all;
    }

    private static void RequireEqual(Dictionary<string, HostTensor> expected, Dictionary<string, HostTensor> actual)
    {
        Assert.Equal(expected.Keys.Order(), actual.Keys.Order());
        foreach (var (name, tensor) in expected)
        {
            Assert.True(tensor.ToString() == actual[name].ToString() && tensor.Bytes.SequenceEqual(actual[name].Bytes), name);
        }
    }
}
