namespace Stof.Reference.Cli.Tests;

public sealed class OpenClCommandTests
{
    [Fact]
    public void A_kernel_is_printed_with_its_parameters_and_includes()
    {
        var run = StofProcess.Run("opencl", "source", "attention-blockwise-groups", "type=f16", "tile-q=32", "--json");

        var json = run.Json();
        var source = json.GetProperty("source").GetString()!;
        Assert.Contains("#define TYPE TYPE_F16\n", source, StringComparison.Ordinal);
        Assert.Contains("#define TILE_Q 32\n", source, StringComparison.Ordinal);
        Assert.DoesNotContain("#include", source, StringComparison.Ordinal);
        Assert.Equal(source.Count(letter => letter == '\n'), json.GetProperty("lines").GetArrayLength());
        Assert.Equal(source, StofProcess.Run("opencl", "source", "attention-blockwise-groups", "type=f16", "tile-q=32").Output);
    }

    [Theory]
    [InlineData("template: 'x'", "x")]
    [InlineData("parameter: 'tile'", "rows", "tile=3")]
    [InlineData("type: 'f99'", "rows", "type=f99")]
    [InlineData("parameter: 'lanes'", "rows", "lanes")]
    [InlineData("parameter: lanes twice", "rows", "lanes=1", "lanes=2")]
    public void What_does_not_exist_is_named(string message, params string[] arguments)
    {
        var run = StofProcess.Run(["opencl", "source", .. arguments]);

        Assert.Equal(2, run.ExitCode);
        Assert.StartsWith($"error: {message}", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void An_empty_machine_says_how_to_get_opencl_or_an_unknown_device_what_there_is()
    {
        var none = StofProcess.Run([("OCL_ICD_VENDORS", "/nonexistent/")], "run", "--model", "tests/data/hf/gpt2-sliding", "--backend", "opencl");
        Assert.Equal(3, none.ExitCode);
        Assert.Contains("opencl is not available", none.Error, StringComparison.Ordinal);
        Assert.Contains("PoCL runs on any processor", none.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_runs_and_agrees_layer_by_layer()
    {
        Assert.SkipWhen(!OpenCL.OpenClProbe.Look().IsAvailable, $"OPENCL WAS NOT TESTED. {OpenCL.OpenClProbe.HowToGet}");
        var run = StofProcess.Run(
            "run", "--model", "tests/data/hf/llama-longformer-gqa", "--mask", "longformer(band=8,global=4)", "--backend", "opencl", "--seq", "64", "--verify", "--json");

        var json = run.Json();
        Assert.StartsWith("opencl|", json.GetProperty("plan").GetProperty("device").GetString(), StringComparison.Ordinal);
        var bad = StofProcess.Run("run", "--model", "tests/data/hf/llama-longformer-gqa", "--backend", "opencl:99");
        Assert.Equal(2, bad.ExitCode);
        Assert.Contains("opencl:0:0", bad.Error, StringComparison.Ordinal);
    }
}
