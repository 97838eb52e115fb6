using System.Collections.Frozen;
using Stof.Reference.Graphs;
using Stof.Reference.Interchange;
using Stof.Reference.Tensors;

namespace Stof.Reference.Models.Checkpoints;

/// <summary>Loads a Hugging Face folder (<c>config.json</c> and safetensors) of one of the families below.</summary>
public static class ModelLoader
{
    private static readonly Dictionary<string, Func<HuggingFaceFolder, TransformerModel>> Families = new()
    {
        ["bert"] = BertCheckpoint.Load,
        ["gpt2"] = Gpt2Checkpoint.Load,
        ["llama"] = LlamaCheckpoint.Load,
        ["t5"] = T5Checkpoint.Load,
        ["vit"] = VitCheckpoint.Load,
    };

    /// <summary>The empty set of weights.</summary>
    internal static FrozenDictionary<string, HostTensor> NoWeights { get; } = FrozenDictionary<string, HostTensor>.Empty;

    /// <summary>Loads a model with its weights in the dtype of the file.</summary>
    /// <exception cref="InvalidInputException">
    /// A file is missing or malformed, the family or an option of its config is not supported, or a weight is missing or misshapen.
    /// </exception>
    public static TransformerModel Load(string folder)
    {
        using var opened = HuggingFaceFolder.Open(folder);
        return Families.TryGetValue(opened.Config.ModelType, out var load)
            ? load(opened)
            : throw new InvalidInputException("config.json, model_type", $"'{opened.Config.ModelType}'", $"one of {string.Join(", ", Families.Keys)}");
    }

    internal static int Divide(string name, int value, string divisorName, int divisor) =>
        divisor > 0 && value % divisor == 0
            ? value / divisor
            : throw new InvalidInputException($"config.json, {name}", $"{value}", $"a multiple of {divisorName}, {divisor}");

    internal static void RefuseTrue(ModelConfig config, string name)
    {
        if (config.GetBool(name, false))
        {
            throw new InvalidInputException($"config.json, {name}", "true", "false: this option changes the computation");
        }
    }

    internal static ActivationKind Activation(ModelConfig config, string name) => config.GetString(name) switch
    {
        "gelu" => ActivationKind.GeluErf,
        "gelu_new" or "gelu_pytorch_tanh" => ActivationKind.GeluTanh,
        "relu" => ActivationKind.Relu,
        var other => throw new InvalidInputException($"config.json, {name}", $"'{other}'", "gelu, gelu_new, gelu_pytorch_tanh or relu"),
    };
}
