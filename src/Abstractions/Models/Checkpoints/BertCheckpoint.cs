using Stof.Reference.Graphs;
using Stof.Reference.Interchange;
using Stof.Reference.Tensors;

namespace Stof.Reference.Models.Checkpoints;

/// <summary>BERT (Devlin et al. 2019): post-LN encoder with biases and GELU; token types are all 0.</summary>
internal static class BertCheckpoint
{
    public static TransformerModel Load(HuggingFaceFolder folder)
    {
        var config = folder.Config;
        var heads = config.GetInt("num_attention_heads");
        var hidden = config.GetInt("hidden_size");
        var spec = new ModelSpec
        {
            Family = "bert",
            Layers = config.GetInt("num_hidden_layers"),
            Hidden = hidden,
            QueryHeads = heads,
            KvHeads = heads,
            HeadSize = ModelLoader.Divide("hidden_size", hidden, "num_attention_heads", heads),
            FeedForward = config.GetInt("intermediate_size"),
            Norm = NormKind.Layer,
            Placement = NormPlacement.Post,
            Epsilon = config.GetDouble("layer_norm_eps", 1e-12),
            Activation = ModelLoader.Activation(config, "hidden_act"),
            HasBiases = true,
            Vocabulary = config.GetInt("vocab_size"),
            MaxPositions = config.GetInt("max_position_embeddings"),
            TokenTypes = config.GetInt("type_vocab_size"),
            NormalisesEmbedding = true,
        };
        var reader = new CheckpointReader(folder, "bert.");
        var embedding = new Dictionary<string, HostTensor>
        {
            ["words"] = reader.Read("embeddings.word_embeddings.weight"),
            ["positions"] = reader.Read("embeddings.position_embeddings.weight"),
            ["types"] = reader.Read("embeddings.token_type_embeddings.weight"),
            ["norm.gamma"] = reader.Read("embeddings.LayerNorm.weight"),
            ["norm.beta"] = reader.Read("embeddings.LayerNorm.bias"),
        };
        return new TransformerModel(
            spec, embedding, [.. Enumerable.Range(0, spec.Layers).Select(i => Layer(reader, $"encoder.layer.{i}."))], ModelLoader.NoWeights);
    }

    private static Dictionary<string, HostTensor> Layer(CheckpointReader reader, string p)
    {
        var self = p + "attention.self.";
        return new()
        {
            ["qkv.weight"] = reader.Stack(self + "query.weight", self + "key.weight", self + "value.weight"),
            ["qkv.bias"] = reader.Stack(self + "query.bias", self + "key.bias", self + "value.bias"),
            ["out.weight"] = reader.Read(p + "attention.output.dense.weight"),
            ["out.bias"] = reader.Read(p + "attention.output.dense.bias"),
            ["norm1.gamma"] = reader.Read(p + "attention.output.LayerNorm.weight"),
            ["norm1.beta"] = reader.Read(p + "attention.output.LayerNorm.bias"),
            ["up.weight"] = reader.Read(p + "intermediate.dense.weight"),
            ["up.bias"] = reader.Read(p + "intermediate.dense.bias"),
            ["down.weight"] = reader.Read(p + "output.dense.weight"),
            ["down.bias"] = reader.Read(p + "output.dense.bias"),
            ["norm2.gamma"] = reader.Read(p + "output.LayerNorm.weight"),
            ["norm2.beta"] = reader.Read(p + "output.LayerNorm.bias"),
        };
    }
}
