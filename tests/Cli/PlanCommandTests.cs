using Stof.Reference.Tests;

namespace Stof.Reference.Cli.Tests;

/// <summary><c>stof plan explain</c>, as a process.</summary>
public sealed class PlanCommandTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Every_segment_says_what_runs_it_and_what_was_refused_has_its_reason()
    {
        var run = StofProcess.Run("plan", "explain", "--model", "bert-base", "--batch", "8", "--seq", "512", "--dtype", "f16", "--backend", "simulator");

        Assert.True(run.ExitCode == 0, run.Output + run.Error);
        Assert.Contains("block-wise attention", run.Output, StringComparison.Ordinal);
        Assert.Contains("product 4096x2304x768, tile ", run.Output, StringComparison.Ordinal);
        Assert.Contains("chain-width", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Refused_segments_of_a_saved_plan_run_in_smaller_ones()
    {
        string[] model = ["--model", "tests/data/hf/gpt2-sliding", "--dtype", "f16"];
        var plan = _folder.File("plan.json");
        Assert.Equal(0, StofProcess.Run(["run", .. model, "--batch", "1", "--seq", "64", "--backend", "simulator", "--save-plan", plan]).ExitCode);
        File.WriteAllText(plan, File.ReadAllText(plan).Replace("\"splits\": \"auto\"", "\"splits\": \"12\"", StringComparison.Ordinal));
        var json = StofProcess.Run(["plan", "explain", .. model, "--batch", "1", "--seq", "64", "--backend", "simulator", "--plan", plan, "--json"]).Json();

        Assert.NotEqual(0, json.GetProperty("refused").GetArrayLength());
        Assert.All(json.GetProperty("refused").EnumerateArray(), refused => Assert.Equal("splits", refused.GetProperty("code").GetString()));
        var end = 0;
        foreach (var segment in json.GetProperty("segments").EnumerateArray())
        {
            Assert.Equal(end, segment.GetProperty("start").GetInt32());
            Assert.NotEqual("", segment.GetProperty("kernel").GetString());
            end += segment.GetProperty("length").GetInt32();
        }
    }
}
