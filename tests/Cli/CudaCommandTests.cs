using Stof.Reference.Tests;

namespace Stof.Reference.Cli.Tests;

public sealed class CudaCommandTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("vector_add", "n=77")]
    [InlineData("block_sum", "threads=64")]
    public void A_kernel_is_simulated_and_right(string template, string parameter)
    {
        var json = StofProcess.Run("cuda", "simulate", template, parameter, "--json").Json();
        Assert.True(json.GetProperty("isRight").GetBoolean());
        Assert.Equal(0, json.GetProperty("findingCount").GetInt32());
        Assert.True(json.GetProperty("counters").GetProperty("laneInstructions").GetInt64() > 0);
    }

    [Fact]
    public void Ptx_is_written_for_the_target()
    {
        var json = StofProcess.Run("cuda", "ptx", "vector_add", "threads=64", "--target", "sm_90", "--json").Json();
        Assert.Contains(".target sm_90", json.GetProperty("ptx").GetString(), StringComparison.Ordinal);
        Assert.Equal(64, json.GetProperty("threads").GetInt32());
    }

    [Fact]
    public void A_trace_is_text_json_and_a_page()
    {
        var page = _folder.File("trace.html");
        var json = StofProcess.Run("cuda", "trace", "block_sum", "n=200", "--block", "0,0,0", "--warp", "1", "--steps", "9", "--html", page, "--json").Json();
        Assert.Equal(9, json.GetProperty("steps").GetArrayLength());
        Assert.False(json.GetProperty("isComplete").GetBoolean());
        Assert.StartsWith("<!doctype html>", File.ReadAllText(page), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("'nope'; expected bias_residual_norm, block_sum, blockwise_attention, gemm, rowwise_attention, vector_add", "cuda", "simulate", "nope")]
    [InlineData("'m'; expected n (elements)", "cuda", "simulate", "vector_add", "m=3")]
    [InlineData("0; expected 1 to", "cuda", "simulate", "vector_add", "n=0")]
    [InlineData("'n'; expected name=number", "cuda", "ptx", "vector_add", "n")]
    [InlineData("n twice", "cuda", "ptx", "vector_add", "n=1", "n=2")]
    [InlineData("sm_70; expected sm_80", "cuda", "ptx", "vector_add", "--target", "sm_70")]
    [InlineData("--warp: 4; expected 0 to 3", "cuda", "trace", "vector_add", "--warp", "4")]
    [InlineData("--block: (9,9,9); expected a block of", "cuda", "trace", "vector_add", "--block", "9,9,9")]
    [InlineData("--block: '1'; expected three numbers", "cuda", "trace", "vector_add", "--block", "1")]
    public void Bad_input_is_one_line_and_exit_code_2(string message, params string[] arguments)
    {
        var result = StofProcess.Run(arguments);
        Assert.Equal(2, result.ExitCode);
        Assert.Contains(message, result.Error, StringComparison.Ordinal);
        Assert.Single(result.Error.Trim().Split('\n'));
    }
}
