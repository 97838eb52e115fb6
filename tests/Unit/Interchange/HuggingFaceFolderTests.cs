using System.Text;
using Stof.Reference.Interchange;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;
using Stof.Reference.Tests;

namespace Stof.Reference.Unit.Tests.Interchange;

public class HuggingFaceFolderTests
{
    [Fact]
    public void Config_fields_are_read_by_type()
    {
        using var folder = new TempFolder();
        using var config = Config(
            folder, """{"model_type":"llama","hidden_size":128,"eps":1e-6,"tie":true,"gone":null,"rope":{"theta":5e5}}""");
        Assert.Equal("llama", config.ModelType);
        Assert.Equal(128, config.GetInt("hidden_size"));
        Assert.Equal(7, config.GetInt("gone", 7));
        Assert.Equal(1e-6, config.GetDouble("eps"));
        Assert.Equal(128.0, config.GetDouble("hidden_size"));
        Assert.Equal(5e5, config.GetDouble("rope.theta"));
        Assert.Equal(1e4, config.GetDouble("rope.base", 1e4));
        Assert.True(config.GetBool("tie"));
        Assert.True(config.GetBool("absent", true));
        Assert.Equal("gelu", config.GetString("hidden_act", "gelu"));
        Assert.False(config.Has("gone"));
        Assert.True(config.Has("rope.theta"));
    }

    [Fact]
    public void Wrong_fields_are_refused_with_file_and_field()
    {
        using var folder = new TempFolder();
        using var config = Config(folder, """{"size":1.5,"big":4294967296,"text":"7","list":[1],"huge":1e999}""");
        foreach (var read in (Action[])
        [
            () => config.GetInt("size"), () => config.GetInt("big"), () => config.GetInt("text", 1), () => config.GetInt("list"),
            () => config.GetInt("absent"), () => config.GetDouble("text"), () => config.GetDouble("huge"), () => config.GetBool(
                "size"),
            () => config.GetString("size"), () => config.GetString("absent"), () => config.GetDouble("absent"),
            () => config.GetBool("absent"),
        ])
        {
            var refusal = Assert.Throws<InvalidInputException>(read);
            Assert.Contains("config.json, field ", refusal.Argument, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{\"a\":1,\"a\":2}")]
    [InlineData("{\"a\":NaN}")]
    [InlineData("{\"a\":1} // comment")]
    [InlineData("\uFEFF\uFEFF{}")]
    public void Malformed_configs_are_refused(string text)
    {
        using var folder = new TempFolder();
        var refusal = Assert.Throws<InvalidInputException>(() => Config(folder, text));
        Assert.Contains("config.json", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Deep_configs_are_refused()
    {
        using var folder = new TempFolder();
        var deep = "{\"a\":" + new string('[', 10_000) + new string(']', 10_000) + "}";
        Assert.Throws<InvalidInputException>(() => Config(folder, deep));
    }

    [Fact]
    public void Damaged_configs_are_read_or_refused()
    {
        using var folder = new TempFolder();
        var good = Encoding.UTF8.GetBytes("""{"model_type":"l\u00e9","n":128,"rope":{"theta":5e5},"b":true}""");
        Mutations.Run(
            [good],
            bytes =>
            {
                File.WriteAllBytes(folder.File("config.json"), bytes);
                using var config = ModelConfig.Open(folder.File("config.json"));
                config.GetString("model_type", "");
                config.GetInt("n", 1);
                config.GetDouble("rope.theta", 1);
                config.GetBool("b", true);
            },
            5_000,
            seed: 20264,
            length => 200_000 + (64 * length));
    }

    [Fact]
    public void A_single_file_is_opened()
    {
        using var folder = new TempFolder();
        Config(folder, """{"model_type":"bert"}""").Dispose();
        SafetensorsFile.Write(folder.File("model.safetensors"), [new("w", HostTensor.From([1f], 1))]);
        using var model = HuggingFaceFolder.Open(folder.Path);
        Assert.Equal(["w"], model.Names);
        Assert.Equal(1f, model.Tensor("w").Span<float>()[0]);
        Assert.Null(model.TryTensor("x"));
        Assert.Contains(
            "no tensor 'x'", Assert.Throws<InvalidInputException>(() => model.Tensor("x")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Shards_are_found_through_the_index()
    {
        using var folder = new TempFolder();
        Config(folder, """{"model_type":"bert"}""").Dispose();
        SafetensorsFile.Write(folder.File("model-00001-of-00002.safetensors"), [new("a", HostTensor.From([1f], 1))]);
        SafetensorsFile.Write(
            folder.File("model-00002-of-00002.safetensors"),
            [new("b", HostTensor.From([2f], 1)), new("unlisted", HostTensor.Zeros(DType.U8, 1))]);
        Index(folder, """{"b":"model-00002-of-00002.safetensors","a":"model-00001-of-00002.safetensors"}""");
        using var model = HuggingFaceFolder.Open(folder.Path);
        Assert.Equal(["b", "a"], model.Names);
        Assert.Equal(2f, model.Tensor("b").Span<float>()[0]);
    }

    [Theory]
    [InlineData("""{"a":"../secret.safetensors"}""", "in this folder")]
    [InlineData("""{"a":"/etc/passwd"}""", "in this folder")]
    [InlineData("""{"a":7}""", "in this folder")]
    [InlineData("""{"a":"missing.safetensors"}""", "no such file")]
    [InlineData("""{"b":"s.safetensors"}""", "no tensor 'b'")]
    [InlineData("""["a"]""", "weight_map")]
    [InlineData("""{"\ud800":"s.safetensors"}""", "expected")]
    public void Wrong_indices_are_refused(string map, string part)
    {
        using var folder = new TempFolder();
        Config(folder, "{}").Dispose();
        SafetensorsFile.Write(folder.File("s.safetensors"), [new("a", HostTensor.From([1f], 1))]);
        Index(folder, map);
        var refusal = Assert.Throws<InvalidInputException>(() => HuggingFaceFolder.Open(folder.Path));
        Assert.Contains(part, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Missing_folders_and_files_are_refused_by_name()
    {
        using var folder = new TempFolder();
        Assert.Contains(
            "no such folder",
            Assert.Throws<InvalidInputException>(() => HuggingFaceFolder.Open(folder.File("x"))).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "config.json",
            Assert.Throws<InvalidInputException>(() => HuggingFaceFolder.Open(folder.Path)).Message,
            StringComparison.Ordinal);
        Config(folder, "{}").Dispose();
        Assert.Contains(
            "model.safetensors",
            Assert.Throws<InvalidInputException>(() => HuggingFaceFolder.Open(folder.Path)).Message,
            StringComparison.Ordinal);
    }

    private static ModelConfig Config(TempFolder folder, string text)
    {
        File.WriteAllText(folder.File("config.json"), text);
        return ModelConfig.Open(folder.File("config.json"));
    }

    private static void Index(TempFolder folder, string map) =>
        File.WriteAllText(folder.File("model.safetensors.index.json"), $$"""{"metadata":{},"weight_map":{{map}}}""");
}
