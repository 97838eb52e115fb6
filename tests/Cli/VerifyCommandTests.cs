using System.Text.Json;
using System.Xml.Linq;
using Stof.Reference.Interchange;
using Stof.Reference.Tensors;
using Stof.Reference.Tests;
using Stof.Reference.Tests.Planted;
using Stof.Reference.Verification.Cases;

namespace Stof.Reference.Cli.Tests;

/// <summary>verify, diagnose and golden as a user runs them.</summary>
public sealed class VerifyCommandTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_right_case_passes_and_a_wrong_one_writes_every_report()
    {
        var (good, bad) = (Case("good", PlantedBug.None), Case("bad", PlantedBug.BitmapsUnread));
        var mask = $"{PlantedSetting.Of(PlantedBug.None, 96).Problem.Mask}";
        Assert.Equal("Pass", StofProcess.Run("verify", good, "--mask", mask, "--json").Json().GetProperty("cases")[0].GetProperty("state").GetString());

        var (html, junit, png) = (_folder.File("r.html"), _folder.File("r.xml"), _folder.File("r.png"));
        var run = StofProcess.Run("verify", good, bad, "--mask", mask, "--tile", "32x32", "--json", "--html", html, "--junit", junit, "--png", png);
        Assert.Equal(1, run.ExitCode);
        var json = JsonDocument.Parse(run.Output).RootElement;
        var wrong = json.GetProperty("cases")[1];
        Assert.Equal("Fail", wrong.GetProperty("state").GetString());
        Assert.True(wrong.GetProperty("worst").GetArrayLength() > 0);
        Assert.Equal(64, wrong.GetProperty("sha256").GetProperty("q").GetString()!.Length);
        Assert.Contains($"verify {good} {bad} --mask '{mask}' --tile 32x32", json.GetProperty("reproduce").GetString(), StringComparison.Ordinal);

        var suite = XDocument.Load(junit).Root!.Element("testsuite")!;
        Assert.Equal(("2", "1"), (suite.Attribute("tests")!.Value, suite.Attribute("failures")!.Value));
        var page = File.ReadAllText(html);
        Assert.Contains("data:image/png;base64,", page, StringComparison.Ordinal);
        Assert.DoesNotContain("http", page, StringComparison.Ordinal); // self-contained
        Assert.Equal([0x89, (byte)'P', (byte)'N', (byte)'G'], File.ReadAllBytes(png)[..4]);
    }

    [Fact]
    public void Separate_files_of_three_kinds_and_a_problem_file_are_taken()
    {
        var file = Case("case", PlantedBug.None);
        var arrays = NpzArchive.Read(file);
        SafetensorsFile.Write(_folder.File("inputs.safetensors"), arrays.Where(pair => pair.Key is "q" or "k" or "v"));
        NpyFile.Write(_folder.File("out.npy"), arrays["out"]);
        var problem = PlantedSetting.Of(PlantedBug.None, 96).Problem;
        File.WriteAllText(_folder.File("p.json"), SemanticsJson.Print(AttentionSemantics.Of(problem)).ToJsonString());
        var json = StofProcess.Run(
            "verify", _folder.File("inputs.safetensors"), "--out", _folder.File("out.npy"), "--lse", file, "--problem", _folder.File("p.json"), "--rows", "7", "--json").Json();
        Assert.Equal(14, json.GetProperty("cases")[0].GetProperty("rowsChecked").GetInt32());

        json = StofProcess.Run(
            "verify", "--q", $"{file}:q", "--k", $"{_folder.File("inputs.safetensors")}:k", "--v", file, "--out", _folder.File("out.npy"), "--problem", _folder.File("p.json"), "--json").Json();
        Assert.Equal("Pass", json.GetProperty("cases")[0].GetProperty("state").GetString());
    }

    [Fact]
    public void Bad_input_is_one_line_and_exit_code_2()
    {
        var file = Case("case", PlantedBug.None);
        foreach (var (part, arguments) in new (string, string[])[]
        {
            ("no mask", ["verify", file]),
            ("--profile", ["verify", file, "--mask", "full", "--profile", "loose"]),
            ("cases: none", ["verify"]),
            ("not the name of an archive", ["verify", _folder.File("x.npy")]),
            ("no such file", ["diagnose", _folder.File("x.npz"), "--mask", "full"]),
            ("without {out}", ["probe", "--cmd", "kernel {in}", "--mask", "full", "--seq", "8"]),
            ("--seq: not given", ["probe", "--cmd", "kernel {in} {out}", "--mask", "causal"]),
            ("no mask", ["determinism", "--cmd", "kernel {in} {out}", "--seq", "8"]),
            ("cases.json", ["golden", "check", _folder.Path, _folder.Path]),
        })
        {
            var run = StofProcess.Run(arguments);
            Assert.True(run.ExitCode == 2, $"{string.Join(' ', arguments)}: {run.ExitCode} {run.Error}");
            Assert.Contains(part, run.Error, StringComparison.Ordinal);
            Assert.Single(run.Error.TrimEnd().Split('\n'));
        }
    }

    [Fact]
    public void A_run_in_which_nothing_passes_is_not_green()
    {
        // One key a row: whatever a kernel does to its scores, the output is that key's value.
        var setting = PlantedSetting.Of(PlantedBug.None, 96);
        var file = Case("one-hot", PlantedBug.None, p => p with { Mask = Reference.Masks.MaskText.Parse("sliding(0)") });
        var junit = _folder.File("r.xml");
        var run = StofProcess.Run("verify", file, "--mask", "sliding(0)", "--junit", junit);
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("Mistrusted", run.Output, StringComparison.Ordinal);
        Assert.Contains("no case passed", run.Output, StringComparison.Ordinal);
        Assert.Equal("1", XDocument.Load(junit).Root!.Element("testsuite")!.Attribute("failures")!.Value);
        Assert.NotNull(setting);
    }

    [Fact]
    public void Diagnose_names_the_bug_and_says_when_nothing_is_wrong()
    {
        var mask = $"{PlantedSetting.Of(PlantedBug.None, 96).Problem.Mask}";
        var run = StofProcess.Run("diagnose", Case("bad", PlantedBug.ScaleMissing), "--mask", mask, "--json");
        Assert.Equal(1, run.ExitCode);
        Assert.StartsWith("wrong scale (missing: 1)", JsonDocument.Parse(run.Output).RootElement.GetProperty("cases")[0].GetProperty("cause").GetString(), StringComparison.Ordinal);

        run = StofProcess.Run("diagnose", Case("good", PlantedBug.None), "--mask", mask);
        Assert.Equal(0, run.ExitCode);
        Assert.Contains("nothing is wrong", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Golden_cases_of_a_sweep_are_made_and_checked()
    {
        var (cases, outputs) = (_folder.File("cases"), Directory.CreateDirectory(_folder.File("outputs")).FullName);
        Assert.Equal(0, StofProcess.Run("golden", "make", "--out", cases, "--mask", "causal & sliding(9)", "--seq", "20,33", "--dtype", "f16,bf16", "--head-size", "16", "--family", "normal,exact").ExitCode);
        var names = Directory.GetFiles(cases, "*.npz").Select(Path.GetFileNameWithoutExtension).ToArray();
        Assert.Equal(8, names.Length);
        foreach (var name in names)
        {
            var run = StofProcess.Run(
                "attention", "--in", Path.Combine(cases, name + ".npz"), "--mask", "causal & sliding(9)", "--dtype", name!.Contains("bf16", StringComparison.Ordinal) ? "bf16" : "f16", "--out", Path.Combine(outputs, name + ".npz"));
            Assert.True(run.ExitCode == 0, run.Error);
        }

        var json = StofProcess.Run("golden", "check", cases, outputs, "--json").Json();
        Assert.Equal(8, json.GetProperty("cases").GetArrayLength());
        File.Delete(Path.Combine(outputs, names[0] + ".npz"));
        Assert.Equal(1, StofProcess.Run("golden", "check", cases, outputs).ExitCode);
    }

    private string Case(string name, PlantedBug bug, Func<Operators.AttentionProblem, Operators.AttentionProblem>? change = null)
    {
        var setting = PlantedSetting.Of(PlantedBug.None, 96);
        setting = setting with { Problem = change?.Invoke(setting.Problem) ?? setting.Problem };
        var (q, k, v) = setting.Inputs(InputFamily.UnitNormal, 5);
        var (output, lse) = new PlantedAttention(setting.Problem, bug, setting.Tile).Run(q, k, v);
        var path = _folder.File(name + ".npz");
        NpzArchive.Write(path, Tensors([("q", q), ("k", k), ("v", v), ("out", output), ("lse", lse)]));
        return path;
    }

    private static IEnumerable<KeyValuePair<string, HostTensor>> Tensors((string Name, HostTensor Tensor)[] tensors) =>
        tensors.Select(entry => KeyValuePair.Create(entry.Name, entry.Tensor));
}
