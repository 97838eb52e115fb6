using System.Security.Cryptography;
using Stof.Reference.Interchange;
using Stof.Reference.Numerics;
using Stof.Reference.Tests;

namespace Stof.Reference.Cli.Tests;

/// <summary>The main job, end to end, as a process.</summary>
public sealed class RunCommandTests : IDisposable
{
    private const string Bert = "tests/data/hf/bert-bigbird";
    private const string BigBird = "bigbird(band=8,global=8,fill=0.1,seed=0)";

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_readmes_command_searches_a_plan_and_verifies_every_layer()
    {
        var run = StofProcess.Run("run", "--model", Bert, "--mask", BigBird, "--tune", "40", "--cache", _folder.Path, "--verify");

        Assert.True(run.ExitCode == 0, run.Output + run.Error);
        Assert.Contains("two-stage search", run.Output, StringComparison.Ordinal);
        Assert.Contains("verified: every layer agrees", run.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("\u001b", run.Output, StringComparison.Ordinal); // no colour codes in a pipe
    }

    [Theory]
    [InlineData("bert-bigbird", "f32")]
    [InlineData("gpt2-sliding", "f16")]
    [InlineData("llama-longformer-gqa", "bf16")]
    [InlineData("t5-encoder-dilated", "f32")]
    [InlineData("vit", "f16")]
    public void Every_family_runs_its_checkpoint_verified(string name, string dtype)
    {
        var folder = $"tests/data/hf/{name}";
        string[] input = name == "vit"
            ? ["--pixels", $"{folder}/case.npz"]
            : ["--ids", $"{folder}/case.npz:input_ids", "--mask", $"{folder}/case.npz"];
        var json = StofProcess.Run(["run", "--model", folder, "--dtype", dtype, "--verify", "--json", .. input]).Json();

        Assert.True(json.GetProperty("verified").GetBoolean());
        Assert.Equal(3, json.GetProperty("verification").GetArrayLength());
    }

    [Theory]
    [InlineData("gpt2-sliding", "f16")]
    [InlineData("llama-longformer-gqa", "bf16")]
    [InlineData("vit", "f32")]
    public void The_simulator_runs_a_checkpoint_verified(string name, string dtype)
    {
        var folder = $"tests/data/hf/{name}";
        string[] input = name == "vit" ? ["--pixels", $"{folder}/case.npz"] : ["--ids", $"{folder}/case.npz:input_ids", "--mask", $"{folder}/case.npz"];
        var json = StofProcess.Run(["run", "--model", folder, "--dtype", dtype, "--backend", "simulator", "--verify", "--json", .. input]).Json();

        Assert.True(json.GetProperty("verified").GetBoolean());
        Assert.StartsWith("cuda|simulator", json.GetProperty("device").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public void The_output_has_the_same_bits_for_any_threads_and_vector_width()
    {
        string[] arguments = ["run", "--model", Bert, "--mask", BigBird, "--seed", "3", "--json"];
        var expected = Hash(StofProcess.Run(arguments));

        Assert.Equal(expected, Hash(StofProcess.Run([.. arguments, "--threads", "1"])));
        Assert.Equal(expected, Hash(StofProcess.Run([.. arguments, "--threads", "3"])));
        Assert.Equal(expected, Hash(StofProcess.Run([("DOTNET_EnableAVX512", "0")], arguments)));
    }

    [Fact]
    public void A_saved_plan_gives_the_same_output_and_the_file_holds_it()
    {
        var (plan, hidden) = (_folder.File("plan.json"), _folder.File("hidden.npz"));
        string[] common = ["run", "--model", Bert, "--mask", BigBird, "--json"];
        var first = StofProcess.Run([.. common, "--tune", "20", "--cache", _folder.File("cache"), "--save-plan", plan]).Json();
        var second = StofProcess.Run([.. common, "--plan", plan, "--out", hidden]).Json();

        Assert.Equal(first.GetProperty("outputHash").GetString(), second.GetProperty("outputHash").GetString());
        Assert.Equal(first.GetProperty("plan").ToString(), second.GetProperty("plan").ToString());
        var stored = NpzArchive.Read(hidden, "last_hidden_state");
        Assert.True(stored.HasShape(1, 96, 128) && stored.Type == DType.F32);
        Assert.Equal(second.GetProperty("outputHash").GetString(), Convert.ToHexStringLower(SHA256.HashData(stored.Bytes)));
    }

    [Fact]
    public void A_second_search_reads_the_cache_and_a_corrupt_cache_is_a_warning()
    {
        var cache = _folder.File("cache");
        string[] arguments = ["run", "--model", Bert, "--mask", BigBird, "--tune", "15", "--cache", cache];
        Assert.Contains("two-stage search", StofProcess.Run(arguments).Output, StringComparison.Ordinal);
        Assert.Contains("from cache", StofProcess.Run(arguments).Output, StringComparison.Ordinal);
        Assert.Contains("two-stage search", StofProcess.Run([.. arguments, "--retune"]).Output, StringComparison.Ordinal);

        var file = Assert.Single(Directory.GetFiles(cache));
        File.WriteAllText(file, "{\"version\":1");
        var run = StofProcess.Run(arguments);
        Assert.Equal(0, run.ExitCode);
        Assert.Contains("warning: tuning cache", run.Error, StringComparison.Ordinal);
        Assert.Contains("two-stage search", run.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("model: 'nosuch'", "run", "--model", "nosuch")]
    [InlineData("unknown pattern 'slidng'", "run", "--model", Bert, "--mask", "slidng(3)")]
    [InlineData("--backend: 'gpu'", "run", "--model", Bert, "--backend", "gpu")]
    [InlineData("--threads: given", "run", "--model", Bert, "--backend", "simulator", "--threads", "2")]
    [InlineData("dtype: 'f8'", "run", "--model", Bert, "--dtype", "f8")]
    [InlineData("dtype: F64", "run", "--model", Bert, "--dtype", "f64")]
    [InlineData("dtype: I32", "run", "--model", Bert, "--dtype", "i32")]
    [InlineData("at most the model's 96 positions", "run", "--model", Bert, "--seq", "97")]
    [InlineData("1 or more", "run", "--model", Bert, "--batch", "0")]
    [InlineData("tuning budget: 'fast'", "run", "--model", Bert, "--tune", "fast")]
    [InlineData("threads: 0", "run", "--model", Bert, "--threads", "0")]
    [InlineData("no such file", "run", "--model", Bert, "--ids", "nosuch.npy")]
    [InlineData("--pixels: given for bert", "run", "--model", Bert, "--pixels", "tests/data/hf/vit/case.npz")]
    [InlineData("nosuch.json: no such file", "run", "--model", Bert, "--plan", "nosuch.json")]
    [InlineData("--plan and --tune", "run", "--model", Bert, "--plan", "p.json", "--tune", "10")]
    [InlineData("given together with an input file", "run", "--model", Bert, "--ids", "tests/data/hf/bert-bigbird/case.npz", "--batch", "2")]
    [InlineData("96", "run", "--model", Bert, "--seq", "64", "--mask", "tests/data/hf/bert-bigbird/case.npz")]
    [InlineData("config.json", "run", "--model", "src")]
    public void Bad_input_is_one_line_and_exit_code_2(string part, params string[] arguments)
    {
        var run = StofProcess.Run(arguments);

        Assert.Equal(2, run.ExitCode);
        Assert.Contains(part, run.Error, StringComparison.Ordinal);
        Assert.Single(run.Error.TrimEnd().Split('\n'));
        Assert.Empty(run.Output);
    }

    [Theory]
    [InlineData("run")]
    [InlineData("run", "--model")]
    [InlineData("run", "--model", Bert, "--seq", "many")]
    [InlineData("nosuch")]
    public void Bad_usage_is_exit_code_2(params string[] arguments)
    {
        var run = StofProcess.Run(arguments);

        Assert.Equal(2, run.ExitCode);
        Assert.NotEmpty(run.Error);
        Assert.DoesNotContain("   at ", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void An_output_that_cannot_be_written_leaves_nothing_behind()
    {
        var run = StofProcess.Run("run", "--model", Bert, "--out", _folder.File("no/such/folder/hidden.npz"));

        Assert.Contains(run.ExitCode, new[] { 2, 3 });
        Assert.Single(run.Error.TrimEnd().Split('\n'));
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void Devices_names_the_processor()
    {
        var device = StofProcess.Run("devices", "--json").Json().GetProperty("devices")[0];

        Assert.Equal("cpu", device.GetProperty("backend").GetString());
        Assert.Equal(Environment.ProcessorCount, device.GetProperty("workers").GetInt32());
        Assert.Contains("cpu", StofProcess.Run("devices").Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Help_is_as_committed()
    {
        var help = StofProcess.Run("run", "--help");

        Assert.Equal(0, help.ExitCode);
        GoldenFile.Verify(help.Output.Replace(Search.TuningCache.DefaultFolder, "{cache}", StringComparison.Ordinal));
    }

    private static string Hash(StofProcess run) => run.Json().GetProperty("outputHash").GetString()!;
}
