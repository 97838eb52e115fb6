using Stof.Reference.Graphs;
using Stof.Reference.Interchange;
using Stof.Reference.Tensors;

namespace Stof.Reference.Models.Checkpoints;

/// <summary>GPT-2 (Radford et al. 2019): pre-LN decoder, causal, with biases and tanh-GELU; weights stored transposed.</summary>
internal static class Gpt2Checkpoint
{
    public static TransformerModel Load(HuggingFaceFolder folder)
    {
        var config = folder.Config;
        foreach (var option in new[] { "scale_attn_by_inverse_layer_idx", "add_cross_attention" })
        {
            ModelLoader.RefuseTrue(config, option);
        }

        var heads = config.GetInt("n_head");
        var hidden = config.GetInt("n_embd");
        var headSize = ModelLoader.Divide("n_embd", hidden, "n_head", heads);
        var spec = new ModelSpec
        {
            Family = "gpt2",
            Layers = config.GetInt("n_layer"),
            Hidden = hidden,
            QueryHeads = heads,
            KvHeads = heads,
            HeadSize = headSize,
            FeedForward = config.GetInt("n_inner", 4 * hidden),
            Norm = NormKind.Layer,
            Placement = NormPlacement.Pre,
            Epsilon = config.GetDouble("layer_norm_epsilon", 1e-5),
            Activation = ModelLoader.Activation(config, "activation_function"),
            HasBiases = true,
            Vocabulary = config.GetInt("vocab_size"),
            MaxPositions = config.GetInt("n_positions"),
            IsCausal = true,
            Scale = config.GetBool("scale_attn_weights", true) ? null : 1.0,
        };
        var reader = new CheckpointReader(folder, "transformer.");
        return new TransformerModel(
            spec,
            new Dictionary<string, HostTensor> { ["words"] = reader.Read("wte.weight"), ["positions"] = reader.Read("wpe.weight") },
            [.. Enumerable.Range(0, spec.Layers).Select(i => Layer(reader, $"h.{i}."))],
            new Dictionary<string, HostTensor> { ["norm.gamma"] = reader.Read("ln_f.weight"), ["norm.beta"] = reader.Read("ln_f.bias") });
    }

    private static Dictionary<string, HostTensor> Layer(CheckpointReader reader, string p) => new()
    {
        ["norm1.gamma"] = reader.Read(p + "ln_1.weight"),
        ["norm1.beta"] = reader.Read(p + "ln_1.bias"),
        ["qkv.weight"] = reader.ReadTransposed(p + "attn.c_attn.weight"),
        ["qkv.bias"] = reader.Read(p + "attn.c_attn.bias"),
        ["out.weight"] = reader.ReadTransposed(p + "attn.c_proj.weight"),
        ["out.bias"] = reader.Read(p + "attn.c_proj.bias"),
        ["norm2.gamma"] = reader.Read(p + "ln_2.weight"),
        ["norm2.beta"] = reader.Read(p + "ln_2.bias"),
        ["up.weight"] = reader.ReadTransposed(p + "mlp.c_fc.weight"),
        ["up.bias"] = reader.Read(p + "mlp.c_fc.bias"),
        ["down.weight"] = reader.ReadTransposed(p + "mlp.c_proj.weight"),
        ["down.bias"] = reader.Read(p + "mlp.c_proj.bias"),
    };
}
