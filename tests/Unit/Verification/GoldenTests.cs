using Stof.Reference.Interchange;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;
using Stof.Reference.Tests;
using Stof.Reference.Verification.Cases;
using Stof.Reference.Verification.Golden;
using Stof.Reference.Verification.Reports;

namespace Stof.Reference.Unit.Tests.Verification;

public sealed class GoldenTests : IDisposable
{
    private const ulong Seed = 20261128;
    private static readonly string Corpus = TestData.Path("golden");

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_committed_corpus_is_what_its_seed_gives()
    {
        var names = new List<string>();
        foreach (var item in GoldenSuite.Core(Seed))
        {
            names.Add(item.Name);
            var arrays = NpzArchive.Read(Path.Combine(Corpus, item.Name + ".npz"));
            Assert.Equal(item.Q.ToDoubles(), arrays["q"].ToDoubles());
            Assert.Equal(item.V.ToDoubles(), arrays["v"].ToDoubles());

            // The last bits of exp may differ between C libraries.
            var expected = CaseOf(item.Name, arrays, "expected").Output.ToDoubles();
            Assert.True(Verdict.Fail != Judge(item, arrays).Verdict.State, item.Name);
            Assert.Equal(item.Reference.Output.Length, expected.Length);
        }

        Assert.InRange(names.Count, 180, 240);
        Assert.Equal(names, GoldenFolder.Entries(Corpus).Select(entry => entry.Name));
        Assert.Equal(names.Count, names.Distinct().Count());
        Assert.InRange(Directory.GetFiles(Corpus).Sum(file => new FileInfo(file).Length), 0, 5_000_000);
    }

    [Fact]
    public void Right_outputs_pass_a_missing_one_fails_and_an_inexact_one_fails()
    {
        var names = GoldenFolder.Entries(Corpus).Select(entry => entry.Name).Where(name => name.StartsWith("causal", StringComparison.Ordinal)).ToArray();
        var cases = _folder.File("cases");
        GoldenFolder.Write(cases, GoldenSuite.Core(Seed).Where(item => names.Contains(item.Name)), "test");
        var outputs = Directory.CreateDirectory(_folder.File("outputs")).FullName;
        foreach (var name in names[1..])
        {
            var arrays = NpzArchive.Read(Path.Combine(cases, name + ".npz"));
            var type = GoldenFolder.Entries(cases).Single(entry => entry.Name == name).Semantics.Type!.Value;
            var output = arrays["expected"].To(type).To(DType.F32);
            if (name.EndsWith("exact", StringComparison.Ordinal) && name.StartsWith("causal_strict", StringComparison.Ordinal))
            {
                output.Span<float>()[^1] += 0.015625f; // a number of the dtype, but no integer
            }

            NpzArchive.Write(Path.Combine(outputs, name + ".npz"), [new("out", output), new("lse", arrays["expected_lse"])]);
        }

        var reports = GoldenFolder.Check(cases, outputs, new VerificationOptions()).ToArray();
        var failed = reports.Where(report => report.Verdict.State == Verdict.Fail).Select(report => report.Name).ToArray();
        Assert.Equal(2, failed.Length);
        Assert.Contains(names[0], failed);
        Assert.Contains(failed, name => name.StartsWith("causal_strict", StringComparison.Ordinal) && name.EndsWith("exact", StringComparison.Ordinal));
    }

    private static AttentionCase CaseOf(string name, IReadOnlyDictionary<string, HostTensor> arrays, string output)
    {
        var semantics = GoldenFolder.Entries(Corpus).Single(entry => entry.Name == name).Semantics;
        var all = new Dictionary<string, HostTensor>(arrays) { ["out"] = arrays[output].To(semantics.Type!.Value), ["lse"] = arrays["expected_lse"] };
        return AttentionCase.Create(name, semantics, all);
    }

    private static VerificationReport Judge(GoldenCase item, IReadOnlyDictionary<string, HostTensor> arrays) =>
        Verifier.Run(CaseOf(item.Name, arrays, "expected"), new VerificationOptions());
}
