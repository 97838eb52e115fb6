using Stof.Reference.Interchange;
using Stof.Reference.Numerics;
using Stof.Reference.Tests;

namespace Stof.Reference.Unit.Tests.Interchange;

/// <summary>The files in tests/data, which other programs wrote.</summary>
public class ReferenceCheckpointTests
{
    public static TheoryData<string, string, int, int, string> Checkpoints => new()
    {
        { "bert-bigbird", "bert", 2, 96, "embeddings.word_embeddings.weight F32[512, 128]" },
        { "gpt2-sliding", "gpt2", 2, 80, "h.0.attn.c_attn.weight F32[128, 384]" },
        { "llama-longformer-gqa", "llama", 2, 72, "layers.0.mlp.down_proj.weight F32[128, 344]" },
        { "t5-encoder-dilated", "t5", 2, 64, "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight F32[32, 4]" },
        { "vit", "vit", 1, 17, "embeddings.patch_embeddings.projection.weight F32[128, 3, 16, 16]" },
    };

    [Theory]
    [MemberData(nameof(Checkpoints))]
    public void Checkpoints_of_transformers_are_read(string folder, string modelType, int batch, int length, string weight)
    {
        using var model = HuggingFaceFolder.Open(TestData.Path("hf", folder));
        Assert.Equal(modelType, model.Config.ModelType);
        var name = weight.Split(' ')[0];
        Assert.Equal(weight, $"{name} {model.Tensor(name)}");
        foreach (var each in model.Names)
        {
            var tensor = model.Tensor(each);
            Assert.Equal(DType.F32, tensor.Type);
            Assert.DoesNotContain(tensor.Span<float>().ToArray(), value => !float.IsFinite(value));
        }

        var arrays = NpzArchive.Read(TestData.Path("hf", folder, "case.npz"));
        var hidden = arrays.Where(pair => pair.Key.Contains("hidden_", StringComparison.Ordinal)).ToArray();
        Assert.Equal(4, hidden.Length);
        Assert.All(hidden, pair => Assert.Equal($"F64[{batch}, {length}, 128]", pair.Value.ToString()));
        // ViT alone records its last layer before the final norm.
        Assert.Equal(modelType != "vit", arrays["hidden_2"].Bytes.SequenceEqual(arrays["last_hidden_state"].Bytes));
        if (arrays.TryGetValue("mask", out var mask))
        {
            Assert.Equal($"Bool[{length}, {length}]", mask.ToString());
            Assert.Equal($"I64[{batch}, {length}]", arrays["input_ids"].ToString());
        }
        else
        {
            Assert.Equal("F32[1, 3, 64, 64]", arrays["pixel_values"].ToString());
        }
    }

    [Theory]
    [InlineData("stof_kernel_causal_2x2x256.npz", 2)]
    [InlineData("stof_kernel_sliding_1x2x256.npz", 1)]
    public void Captures_of_the_published_kernel_are_read(string file, int batch)
    {
        var arrays = NpzArchive.Read(TestData.Path("stof-kernel", file));
        Assert.Equal(["q", "k", "v", "mask", "out"], arrays.Keys);
        foreach (var name in (string[])["q", "k", "v", "out"])
        {
            Assert.Equal($"F16[{batch}, 2, 256, 64]", arrays[name].ToString());
        }

        Assert.Equal("Bool[256, 256]", arrays["mask"].ToString());
    }
}
