using Stof.Reference.Masks;
using Stof.Reference.Models;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.Tests;

/// <summary>
/// Every preset with its structure kept and its sizes reduced to ones that no tile divides. Weights are large enough for scores
/// that differ, and norms and biases are not at 1 and 0, so that leaving one out shows.
/// </summary>
internal static class ShrunkModels
{
    private const int Seed = 31;
    private const int Batch = 2;
    private const int Length = 37;

    /// <summary>Presets with the mask that each is run under.</summary>
    private static readonly Dictionary<string, string> Masks = new()
    {
        ["bert-base"] = "bigbird(band=4,global=3,fill=0.1,seed=3)",
        ["bert-large"] = "heads([full,local(8),dilated(width=6,gap=1),strided(4)])",
        ["gpt2"] = "sliding(9)",
        ["llama"] = "longformer(band=5,global=2)",
        ["t5-encoder"] = "dilated(width=8,gap=2)",
        ["vit-base"] = "full",
    };

    /// <summary>All presets in all dtypes.</summary>
    public static TheoryData<string, DType> Cases
    {
        get
        {
            var cases = new TheoryData<string, DType>();
            foreach (var name in ModelPresets.Names)
            {
                foreach (var type in MaskTrials.Types)
                {
                    cases.Add(name, type);
                }
            }

            return cases;
        }
    }

    /// <summary>A small model of a preset's family, an input and a mask; a causal model's own mask is included.</summary>
    public static (TransformerModel Model, ModelInput Input, MaskPattern Mask) Create(string preset, DType type, int feedForward = 100)
    {
        var full = ModelPresets.Spec(preset);
        var spec = full with
        {
            Layers = 2,
            Hidden = 72,
            QueryHeads = 4,
            KvHeads = full.Family == "llama" ? 2 : 4, // grouped queries, as newer members of the family have
            HeadSize = 18,
            FeedForward = feedForward,
            Vocabulary = full.Vocabulary == 0 ? 0 : 53,
            MaxPositions = full.MaxPositions == 0 ? 0 : 64,
            Patch = full.Patch == 0 ? 0 : 4,
            PatchesPerSide = full.PatchesPerSide == 0 ? 0 : 5,
        };
        var drawn = ModelPresets.Create(spec, Seed);
        var random = new Random(Seed);
        var model = new TransformerModel(
            spec, Livelier(drawn.Embedding, random), [.. drawn.Layers.Select(layer => Livelier(layer, random))], Livelier(drawn.Final, random));
        var mask = MaskText.Parse(Masks[preset]);
        return (
            model.To(type),
            ModelInput.Random(spec, Batch, spec.FixedLength ?? Length, Seed),
            spec.IsCausal ? mask & new CausalMask() : mask);
    }

    private static Dictionary<string, HostTensor> Livelier(IReadOnlyDictionary<string, HostTensor> weights, Random random)
    {
        var result = new Dictionary<string, HostTensor>();
        foreach (var (name, tensor) in weights)
        {
            var values = tensor.ToDoubles();
            var isVector = tensor.Rank == 1;
            for (var i = 0; i < values.Length; i++)
            {
                values[i] = isVector ? values[i] + (0.1 * Seeded.Normal(random)) : values[i] * 5;
            }

            result[name] = HostTensor.From(values, tensor.Shape).To(DType.F32);
        }

        return result;
    }
}
