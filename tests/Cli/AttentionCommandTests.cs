using Stof.Reference.Interchange;
using Stof.Reference.Numerics;
using Stof.Reference.Tests;

namespace Stof.Reference.Cli.Tests;

public sealed class AttentionCommandTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("blockwise", "f32")]
    [InlineData("rowwise", "f16")]
    [InlineData("auto", "bf16")]
    public void Tensors_from_a_file_are_attended_and_agree_with_the_oracle(string algorithm, string dtype)
    {
        var (input, output) = (Inputs(2, 4, 2, 70, 90, 16, 24), _folder.File("out.npz"));
        var json = StofProcess.Run(
            "attention", "--in", input, "--mask", "causal & sliding(20)", "--algorithm", algorithm, "--dtype", dtype,
            "--softcap", "5", "--alibi", "--kv-splits", "2", "--verify", "--json", "--out", output).Json();

        Assert.Contains(json.GetProperty("verdict").GetString(), new[] { "Pass", "Marginal" });
        var arrays = NpzArchive.Read(output);
        Assert.True(arrays["out"].HasShape(2, 4, 70, 24));
        Assert.True(arrays["lse"].HasShape(2, 4, 70));
    }

    [Theory]
    [InlineData("auto", "f16")]
    [InlineData("rowwise", "f32")]
    public void The_CUDA_kernels_agree_on_the_simulator(string algorithm, string dtype)
    {
        var json = StofProcess.Run(
            "attention", "--in", Inputs(1, 2, 1, 70, 90, 16, 24), "--mask", "causal & sliding(20)", "--backend", "simulator",
            "--algorithm", algorithm, "--dtype", dtype, "--verify", "--json").Json();
        Assert.Contains(json.GetProperty("verdict").GetString(), new[] { "Pass", "Marginal" });
        Assert.StartsWith("simulator", json.GetProperty("kernel").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Rows_without_keys_are_zero_with_an_LSE_of_minus_infinity()
    {
        // Bottom-right: with more queries than keys the first ten see nothing.
        var (input, output) = (Inputs(1, 1, 1, 30, 20, 8, 8), _folder.File("out.npz"));
        StofProcess.Run("attention", "--in", input, "--mask", "causal", "--verify", "--json", "--out", output).Json();
        var arrays = NpzArchive.Read(output);

        Assert.All(arrays["out"].Span<float>()[..80].ToArray(), value => Assert.Equal(0f, value));
        Assert.All(arrays["lse"].Span<float>()[..10].ToArray(), value => Assert.Equal(float.NegativeInfinity, value));
        Assert.All(arrays["lse"].Span<float>()[10..].ToArray(), value => Assert.True(float.IsFinite(value)));
    }

    [Fact]
    public void Bad_input_is_one_line_and_exit_code_2()
    {
        var input = Inputs(1, 3, 2, 8, 8, 8, 8);
        foreach (var (part, arguments) in new (string, string[])[]
        {
            ("QueryHeads: 3", ["--in", input]),
            ("--layout: 'sbhd'", ["--in", input, "--layout", "sbhd"]),
            ("no such file", ["--in", _folder.File("none.npz")]),
            ("--algorithm", ["--in", Inputs(1, 2, 2, 8, 8, 8, 8), "--algorithm", "fast"]),
            ("tile", ["--in", Inputs(1, 2, 2, 8, 8, 8, 8), "--tile", "7x7"]),
            ("--backend: 'gpu'", ["--in", Inputs(1, 2, 2, 8, 8, 8, 8), "--backend", "gpu"]),
            ("--tile: given", ["--in", Inputs(1, 2, 2, 8, 8, 8, 8), "--backend", "simulator", "--tile", "64x64"]),
            ("Softcap", ["--in", Inputs(1, 2, 2, 8, 8, 8, 8), "--softcap", "-1"]),
        })
        {
            var run = StofProcess.Run(["attention", .. arguments]);

            Assert.True(run.ExitCode == 2, $"{part}: {run.ExitCode} {run.Error}");
            Assert.Contains(part, run.Error, StringComparison.Ordinal);
            Assert.Single(run.Error.TrimEnd().Split('\n'));
        }
    }

    private string Inputs(int batch, int heads, int kvHeads, int queries, int keys, int size, int valueSize)
    {
        var random = new Random(9);
        var file = _folder.File($"in-{heads}-{kvHeads}-{queries}.npz");
        NpzArchive.Write(
            file,
            [
                KeyValuePair.Create("q", Seeded.Tensor(random, DType.F32, batch, heads, queries, size)),
                KeyValuePair.Create("k", Seeded.Tensor(random, DType.F32, batch, kvHeads, keys, size)),
                KeyValuePair.Create("v", Seeded.Tensor(random, DType.F32, batch, kvHeads, keys, valueSize)),
            ]);
        return file;
    }
}
