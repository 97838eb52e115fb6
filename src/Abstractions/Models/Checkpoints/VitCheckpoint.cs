using Stof.Reference.Graphs;
using Stof.Reference.Interchange;
using Stof.Reference.Tensors;

namespace Stof.Reference.Models.Checkpoints;

/// <summary>ViT (Dosovitskiy et al. 2021): patches and a class row, pre-LN encoder with biases and GELU.</summary>
internal static class VitCheckpoint
{
    public static TransformerModel Load(HuggingFaceFolder folder)
    {
        var config = folder.Config;
        if (!config.GetBool("qkv_bias", true))
        {
            throw new InvalidInputException("config.json, qkv_bias", "false", "true");
        }

        var heads = config.GetInt("num_attention_heads");
        var hidden = config.GetInt("hidden_size");
        var patch = config.GetInt("patch_size");
        var spec = new ModelSpec
        {
            Family = "vit",
            Layers = config.GetInt("num_hidden_layers"),
            Hidden = hidden,
            QueryHeads = heads,
            KvHeads = heads,
            HeadSize = ModelLoader.Divide("hidden_size", hidden, "num_attention_heads", heads),
            FeedForward = config.GetInt("intermediate_size"),
            Norm = NormKind.Layer,
            Placement = NormPlacement.Pre,
            Epsilon = config.GetDouble("layer_norm_eps", 1e-12),
            Activation = ModelLoader.Activation(config, "hidden_act"),
            HasBiases = true,
            Input = ModelInputKind.Pixels,
            Channels = config.GetInt("num_channels", 3),
            Patch = patch,
            PatchesPerSide = ModelLoader.Divide("image_size", config.GetInt("image_size"), "patch_size", patch),
        };
        var reader = new CheckpointReader(folder, "vit.");
        var kernel = reader.Read("embeddings.patch_embeddings.projection.weight");
        var embedding = new Dictionary<string, HostTensor>
        {
            ["patch.weight"] = kernel.Reshaped(kernel.Shape[0], kernel.Count / Math.Max(kernel.Shape[0], 1)),
            ["patch.bias"] = reader.Read("embeddings.patch_embeddings.projection.bias"),
            ["class"] = reader.ReadSqueezed("embeddings.cls_token"),
            ["positions"] = reader.ReadSqueezed("embeddings.position_embeddings"),
        };
        return new TransformerModel(
            spec,
            embedding,
            [.. Enumerable.Range(0, spec.Layers).Select(i => Layer(reader, $"encoder.layer.{i}."))],
            new Dictionary<string, HostTensor>
            {
                ["norm.gamma"] = reader.Read("layernorm.weight"),
                ["norm.beta"] = reader.Read("layernorm.bias"),
            });
    }

    private static Dictionary<string, HostTensor> Layer(CheckpointReader reader, string p)
    {
        var self = p + "attention.attention.";
        return new()
        {
            ["norm1.gamma"] = reader.Read(p + "layernorm_before.weight"),
            ["norm1.beta"] = reader.Read(p + "layernorm_before.bias"),
            ["qkv.weight"] = reader.Stack(self + "query.weight", self + "key.weight", self + "value.weight"),
            ["qkv.bias"] = reader.Stack(self + "query.bias", self + "key.bias", self + "value.bias"),
            ["out.weight"] = reader.Read(p + "attention.output.dense.weight"),
            ["out.bias"] = reader.Read(p + "attention.output.dense.bias"),
            ["norm2.gamma"] = reader.Read(p + "layernorm_after.weight"),
            ["norm2.beta"] = reader.Read(p + "layernorm_after.bias"),
            ["up.weight"] = reader.Read(p + "intermediate.dense.weight"),
            ["up.bias"] = reader.Read(p + "intermediate.dense.bias"),
            ["down.weight"] = reader.Read(p + "output.dense.weight"),
            ["down.bias"] = reader.Read(p + "output.dense.bias"),
        };
    }
}
