using Stof.Reference.Graphs;
using Stof.Reference.Interchange;
using Stof.Reference.Tensors;

namespace Stof.Reference.Models.Checkpoints;

/// <summary>
/// T5's encoder (Raffel et al. 2020): pre-RMSNorm, ReLU, no biases, scores not scaled, relative position bias whose table the
/// first layer owns and all layers use.
/// </summary>
internal static class T5Checkpoint
{
    public static TransformerModel Load(HuggingFaceFolder folder)
    {
        var config = folder.Config;
        ModelLoader.RefuseTrue(config, "is_gated_act");
        var activation = config.GetString("feed_forward_proj", "relu");
        if (activation != "relu")
        {
            throw new InvalidInputException("config.json, feed_forward_proj", activation, "relu");
        }

        var heads = config.GetInt("num_heads");
        var spec = new ModelSpec
        {
            Family = "t5",
            Layers = config.GetInt("num_layers"),
            Hidden = config.GetInt("d_model"),
            QueryHeads = heads,
            KvHeads = heads,
            HeadSize = config.GetInt("d_kv"),
            FeedForward = config.GetInt("d_ff"),
            Norm = NormKind.RootMeanSquare,
            Placement = NormPlacement.Pre,
            Epsilon = config.GetDouble("layer_norm_epsilon", 1e-6),
            Activation = ActivationKind.Relu,
            HasBiases = false,
            Vocabulary = config.GetInt("vocab_size"),
            RelativeBuckets = config.GetInt("relative_attention_num_buckets", 32),
            RelativeMaxDistance = config.GetInt("relative_attention_max_distance", 128),
            Scale = 1.0,
        };
        var reader = new CheckpointReader(folder);
        var table = reader.Read("encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight");
        return new TransformerModel(
            spec,
            new Dictionary<string, HostTensor> { ["words"] = reader.Read("shared.weight") },
            [.. Enumerable.Range(0, spec.Layers).Select(i => Layer(reader, $"encoder.block.{i}.layer.", table))],
            new Dictionary<string, HostTensor> { ["norm.gamma"] = reader.Read("encoder.final_layer_norm.weight") });
    }

    private static Dictionary<string, HostTensor> Layer(CheckpointReader reader, string p, HostTensor table)
    {
        var self = p + "0.SelfAttention.";
        return new()
        {
            ["norm1.gamma"] = reader.Read(p + "0.layer_norm.weight"),
            ["qkv.weight"] = reader.Stack(self + "q.weight", self + "k.weight", self + "v.weight"),
            ["out.weight"] = reader.Read(self + "o.weight"),
            ["norm2.gamma"] = reader.Read(p + "1.layer_norm.weight"),
            ["up.weight"] = reader.Read(p + "1.DenseReluDense.wi.weight"),
            ["down.weight"] = reader.Read(p + "1.DenseReluDense.wo.weight"),
            ["relative.table"] = table,
        };
    }
}
