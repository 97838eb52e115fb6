using System.Text.Json.Nodes;
using Stof.Reference.Interchange;
using Stof.Reference.Models;
using Stof.Reference.Models.Checkpoints;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;
using Stof.Reference.Tests;

namespace Stof.Reference.Unit.Tests.Models;

/// <summary>
/// A checkpoint of one layer, small enough to write hundreds of times: hidden 8, 2 heads of 4, feed-forward 12, 10 words, as
/// each family names and shapes its tensors. Values are random and kept, so that a test can compare them.
/// </summary>
internal sealed class TinyCheckpoint
{
    private TinyCheckpoint(string config, string prefix, IEnumerable<(string Name, int[] Shape)> tensors)
    {
        Config = JsonNode.Parse(config)!.AsObject();
        Prefix = prefix;
        var random = new Random(20261121);
        foreach (var (name, shape) in tensors)
        {
            Tensors.Add(name, Seeded.Tensor(random, DType.F32, shape));
        }
    }

    /// <summary>The fields of config.json.</summary>
    public JsonObject Config { get; }

    /// <summary>What a model with a head on top puts before every name; empty if nothing.</summary>
    public string Prefix { get; }

    /// <summary>The weights, in the order of the file.</summary>
    public OrderedDictionary<string, HostTensor> Tensors { get; } = [];

    /// <summary>One of bert, gpt2, llama, t5, vit.</summary>
    public static TinyCheckpoint Of(string family) => family switch
    {
        "bert" => new(
            """
            {"model_type":"bert","num_hidden_layers":1,"hidden_size":8,"num_attention_heads":2,"intermediate_size":12,
             "hidden_act":"gelu","vocab_size":10,"max_position_embeddings":6,"type_vocab_size":2}
            """,
            "bert.",
            [
                ("embeddings.word_embeddings.weight", [10, 8]), ("embeddings.position_embeddings.weight", [6, 8]),
                ("embeddings.token_type_embeddings.weight", [2, 8]), .. Affine("embeddings.LayerNorm", 8),
                .. Affine("encoder.layer.0.attention.self.query", 8, 8), .. Affine("encoder.layer.0.attention.self.key", 8, 8),
                .. Affine("encoder.layer.0.attention.self.value", 8, 8), .. Affine("encoder.layer.0.attention.output.dense", 8, 8),
                .. Affine("encoder.layer.0.attention.output.LayerNorm", 8), .. Affine("encoder.layer.0.intermediate.dense", 12, 8),
                .. Affine("encoder.layer.0.output.dense", 8, 12), .. Affine("encoder.layer.0.output.LayerNorm", 8),
            ]),
        "gpt2" => new(
            """
            {"model_type":"gpt2","n_layer":1,"n_embd":8,"n_head":2,"n_inner":12,"activation_function":"gelu_new","vocab_size":10,
             "n_positions":6}
            """,
            "transformer.",
            [
                ("wte.weight", [10, 8]), ("wpe.weight", [6, 8]), .. Affine("h.0.ln_1", 8), .. Conv("h.0.attn.c_attn", 8, 24),
                .. Conv("h.0.attn.c_proj", 8, 8), .. Affine("h.0.ln_2", 8), .. Conv("h.0.mlp.c_fc", 8, 12),
                .. Conv("h.0.mlp.c_proj", 12, 8), .. Affine("ln_f", 8),
            ]),
        "llama" => new(
            """
            {"model_type":"llama","num_hidden_layers":1,"hidden_size":8,"num_attention_heads":2,"num_key_value_heads":1,
             "intermediate_size":12,"vocab_size":10}
            """,
            "model.",
            [
                ("embed_tokens.weight", [10, 8]), ("layers.0.input_layernorm.weight", [8]), ("layers.0.self_attn.q_proj.weight", [8, 8]),
                ("layers.0.self_attn.k_proj.weight", [4, 8]), ("layers.0.self_attn.v_proj.weight", [4, 8]),
                ("layers.0.self_attn.o_proj.weight", [8, 8]), ("layers.0.post_attention_layernorm.weight", [8]),
                ("layers.0.mlp.gate_proj.weight", [12, 8]), ("layers.0.mlp.up_proj.weight", [12, 8]),
                ("layers.0.mlp.down_proj.weight", [8, 12]), ("norm.weight", [8]),
            ]),
        "t5" => new(
            """
            {"model_type":"t5","num_layers":1,"d_model":8,"num_heads":2,"d_kv":4,"d_ff":12,"vocab_size":10,
             "relative_attention_num_buckets":4}
            """,
            "",
            [
                ("shared.weight", [10, 8]), ("encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight", [4, 2]),
                ("encoder.block.0.layer.0.SelfAttention.q.weight", [8, 8]), ("encoder.block.0.layer.0.SelfAttention.k.weight", [8, 8]),
                ("encoder.block.0.layer.0.SelfAttention.v.weight", [8, 8]), ("encoder.block.0.layer.0.SelfAttention.o.weight", [8, 8]),
                ("encoder.block.0.layer.0.layer_norm.weight", [8]), ("encoder.block.0.layer.1.DenseReluDense.wi.weight", [12, 8]),
                ("encoder.block.0.layer.1.DenseReluDense.wo.weight", [8, 12]), ("encoder.block.0.layer.1.layer_norm.weight", [8]),
                ("encoder.final_layer_norm.weight", [8]),
            ]),
        _ => new(
            """
            {"model_type":"vit","num_hidden_layers":1,"hidden_size":8,"num_attention_heads":2,"intermediate_size":12,
             "hidden_act":"gelu","image_size":4,"patch_size":2,"num_channels":3}
            """,
            "vit.",
            [
                ("embeddings.cls_token", [1, 1, 8]), ("embeddings.position_embeddings", [1, 5, 8]),
                ("embeddings.patch_embeddings.projection.weight", [8, 3, 2, 2]), ("embeddings.patch_embeddings.projection.bias", [8]),
                .. Affine("encoder.layer.0.layernorm_before", 8), .. Affine("encoder.layer.0.attention.attention.query", 8, 8),
                .. Affine("encoder.layer.0.attention.attention.key", 8, 8), .. Affine("encoder.layer.0.attention.attention.value", 8, 8),
                .. Affine("encoder.layer.0.attention.output.dense", 8, 8), .. Affine("encoder.layer.0.layernorm_after", 8),
                .. Affine("encoder.layer.0.intermediate.dense", 12, 8), .. Affine("encoder.layer.0.output.dense", 8, 12),
                .. Affine("layernorm", 8),
            ]),
    };

    /// <summary>Writes the files and loads them.</summary>
    /// <param name="prefix">Put before every name.</param>
    /// <param name="type">Dtype of the weights in the file; null leaves each as it is.</param>
    public TransformerModel Load(string prefix = "", DType? type = null)
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder.File("config.json"), Config.ToJsonString());
        SafetensorsFile.Write(
            folder.File("model.safetensors"),
            Tensors.Select(pair => KeyValuePair.Create(prefix + pair.Key, type is { } other ? pair.Value.To(other) : pair.Value)));
        return ModelLoader.Load(folder.Path);
    }

    /// <summary>The refusal of <see cref="Load"/>: one line.</summary>
    public InvalidInputException Refusal()
    {
        var refusal = Assert.Throws<InvalidInputException>(() => Load());
        Assert.DoesNotContain('\n', refusal.Message);
        return refusal;
    }

    private static (string Name, int[] Shape)[] Affine(string name, params int[] shape) =>
        [(name + ".weight", shape), (name + ".bias", [shape[0]])];

    private static (string Name, int[] Shape)[] Conv(string name, int depth, int width) =>
        [(name + ".weight", [depth, width]), (name + ".bias", [width])];
}
