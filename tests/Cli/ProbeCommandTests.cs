using System.Text.Json;
using Stof.Reference.Interchange;
using Stof.Reference.Tensors;
using Stof.Reference.Tests;

namespace Stof.Reference.Cli.Tests;

/// <summary>probe and determinism, with our own attention as the kernel behind a command line.</summary>
public sealed class ProbeCommandTests : IDisposable
{
    private static readonly string Tool = $"dotnet '{Path.Combine(AppContext.BaseDirectory, "stof.dll")}'";

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_kernel_behind_a_command_shows_its_mask()
    {
        string[] shape = ["--mask", "causal & sliding(9)", "--seq", "40", "--heads", "2", "--head-size", "32", "--json"];
        var json = StofProcess.Run(["probe", "--cmd", $"{Tool} attention --in {{in}} --mask {{in}}:mask --out {{out}}", .. shape]).Json();
        Assert.True(json.GetProperty("good").GetBoolean());
        Assert.Equal(0, json.GetProperty("wrongAddresses").GetInt32());

        // A kernel with a window of its own.
        var png = _folder.File("mask.png");
        var run = StofProcess.Run(["probe", "--cmd", $"{Tool} attention --in {{in}} --mask 'causal & sliding(8)' --out {{out}}", "--png", png, .. shape]);
        Assert.Equal(1, run.ExitCode);
        json = JsonDocument.Parse(run.Output).RootElement;
        Assert.Equal((0, 62), (json.GetProperty("extra").GetInt32(), json.GetProperty("missing").GetInt32()));
        Assert.StartsWith("mask edge off by one", json.GetProperty("causes")[0].GetString(), StringComparison.Ordinal);
        Assert.Contains("diagonals k - q = -9", json.GetProperty("regions")[0].GetString(), StringComparison.Ordinal);
        Assert.True(new FileInfo(png).Length > 200);
    }

    [Fact]
    public void Inputs_are_made_and_outputs_read_in_two_steps()
    {
        var folder = _folder.File("probe");
        Assert.Equal(0, StofProcess.Run("probe", "make", "--out", folder, "--mask", "causal", "--seq", "24", "--head-size", "16", "--dtype", "f32").ExitCode);
        foreach (var input in Directory.GetFiles(folder, "*.npz"))
        {
            // A kernel without a mask: every key counts the same where Q is 0.
            var arrays = NpzArchive.Read(input);
            var (v, output) = (arrays["v"], HostTensor.Zeros(Numerics.DType.F32, 1, 1, 24, 16));
            for (var at = 0; at < output.Count; at++)
            {
                for (var key = 0; key < 24; key++)
                {
                    output.Span<float>()[at] += v.Span<float>()[(key * 16) + (at % 16)] / 24;
                }
            }

            NpzArchive.Write(Path.ChangeExtension(input, ".out.npz"), [new("out", output)]);
        }

        var run = StofProcess.Run("probe", "read", folder);
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("exactly that of: mask ignored", run.Output, StringComparison.Ordinal);
        File.Delete(Directory.GetFiles(folder, "mask*.out.npz")[0]);
        Assert.Equal(2, StofProcess.Run("probe", "read", folder).ExitCode);
    }

    [Fact]
    public void A_command_that_fails_is_exit_code_3_with_its_last_line()
    {
        var run = StofProcess.Run("probe", "--cmd", "echo out of tiles >&2; exit 7 # {in} {out}", "--mask", "causal", "--seq", "8", "--head-size", "16");
        Assert.Equal(3, run.ExitCode);
        Assert.Contains("exit code 7: out of tiles", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Determinism_says_which_promises_hold()
    {
        var json = StofProcess.Run(
            "determinism", "--cmd", $"{Tool} attention --in {{in}} --mask {{in}}:mask --out {{out}} --threads {{threads}}", "--mask", "causal & sliding(9)", "--seq", "40",
            "--batch", "2", "--heads", "2", "--head-size", "16", "--repeats", "1", "--json").Json();
        var outcomes = json.GetProperty("promises").EnumerateArray().ToDictionary(p => p.GetProperty("name").GetString()!, p => p.GetProperty("outcome").GetString());
        Assert.Equal("Holds", outcomes["1 repeats have equal bits"]);
        Assert.Equal("Holds", outcomes["a batch item alone gives its slice of the batch"]);
        Assert.Equal("Holds", outcomes["other numbers of threads or streams"]);
        Assert.Equal("NotAsked", outcomes["buffers displaced by 1 to 15 elements"]);
    }
}
