using Stof.Reference.Graphs;
using Stof.Reference.Interchange;
using Stof.Reference.Tensors;

namespace Stof.Reference.Models.Checkpoints;

/// <summary>LLaMA (Touvron et al. 2023): pre-RMSNorm decoder, causal, RoPE, SwiGLU, grouped KV heads, no biases.</summary>
internal static class LlamaCheckpoint
{
    public static TransformerModel Load(HuggingFaceFolder folder)
    {
        var config = folder.Config;
        foreach (var option in new[] { "attention_bias", "mlp_bias" })
        {
            ModelLoader.RefuseTrue(config, option);
        }

        if (config.GetString("hidden_act", "silu") != "silu")
        {
            throw new InvalidInputException("config.json, hidden_act", config.GetString("hidden_act"), "silu");
        }

        var heads = config.GetInt("num_attention_heads");
        var hidden = config.GetInt("hidden_size");
        var spec = new ModelSpec
        {
            Family = "llama",
            Layers = config.GetInt("num_hidden_layers"),
            Hidden = hidden,
            QueryHeads = heads,
            KvHeads = config.GetInt("num_key_value_heads", heads),
            HeadSize = config.Has("head_dim")
                ? config.GetInt("head_dim")
                : ModelLoader.Divide("hidden_size", hidden, "num_attention_heads", heads),
            FeedForward = config.GetInt("intermediate_size"),
            Norm = NormKind.RootMeanSquare,
            Placement = NormPlacement.Pre,
            Epsilon = config.GetDouble("rms_norm_eps", 1e-6),
            Activation = ActivationKind.SwiGlu,
            HasBiases = false,
            Vocabulary = config.GetInt("vocab_size"),
            RopeTheta = Theta(config),
            IsCausal = true,
        };
        var reader = new CheckpointReader(folder, "model.");
        return new TransformerModel(
            spec,
            new Dictionary<string, HostTensor> { ["words"] = reader.Read("embed_tokens.weight") },
            [.. Enumerable.Range(0, spec.Layers).Select(i => Layer(reader, $"layers.{i}."))],
            new Dictionary<string, HostTensor> { ["norm.gamma"] = reader.Read("norm.weight") });
    }

    private static Dictionary<string, HostTensor> Layer(CheckpointReader reader, string p)
    {
        var self = p + "self_attn.";
        return new()
        {
            ["norm1.gamma"] = reader.Read(p + "input_layernorm.weight"),
            ["qkv.weight"] = reader.Stack(self + "q_proj.weight", self + "k_proj.weight", self + "v_proj.weight"),
            ["out.weight"] = reader.Read(self + "o_proj.weight"),
            ["norm2.gamma"] = reader.Read(p + "post_attention_layernorm.weight"),
            ["up.weight"] = reader.Stack(p + "mlp.gate_proj.weight", p + "mlp.up_proj.weight"),
            ["down.weight"] = reader.Read(p + "mlp.down_proj.weight"),
        };
    }

    // The base moved from the top level into rope_parameters; a scaled RoPE is another function and is refused.
    private static double Theta(ModelConfig config)
    {
        foreach (var name in new[] { "rope_parameters.rope_type", "rope_scaling.rope_type", "rope_scaling.type" })
        {
            if (config.GetString(name, "default") is var type && type != "default")
            {
                throw new InvalidInputException($"config.json, {name}", $"'{type}'", "'default'");
            }
        }

        return config.GetDouble("rope_parameters.rope_theta", config.GetDouble("rope_theta", 10000.0));
    }
}
