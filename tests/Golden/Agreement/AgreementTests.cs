using System.Globalization;
using System.Text;
using System.Text.Json;
using Stof.Reference.Conformance.Tests.OpenCL;
using Stof.Reference.Cpu.Execution;
using Stof.Reference.Cuda.Execution;
using Stof.Reference.Cuda.Ptx;
using Stof.Reference.OpenCL.Execution;
using Stof.Reference.Tests;

namespace Stof.Reference.Golden.Tests.Agreement;

/// <summary>CPU, OpenCL and CUDA agree on the committed cases; what devices elsewhere said is recorded in device-*.json.</summary>
public sealed class AgreementTests
{
    private const double ExactExponential = 1e-5;
    private const double FastExponential = 1e-4;

    /// <summary>Records of runs on devices, written by tests/OpenClDevice.</summary>
    public static TheoryData<string> Records => [.. Directory.GetFiles(Folder, "device-*.json").Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];

    private static string Folder => Path.Combine(TestData.RepositoryRoot, "tests", "Golden", "Agreement");

    [Fact]
    public void The_cpus_bits_are_the_committed_ones()
    {
        using var backend = new CpuBackend(2);
        GoldenFile.Verify($"arithmetic {CpuBackend.ArithmeticRevision}\n" + string.Concat(AgreementCases.Judge(backend, ExactExponential).Select(row => $"{row.Bits} {row.Case}\n")));
    }

    [Fact]
    public void The_simulated_kernels_agree_as_committed()
    {
        using var backend = new CudaBackend(new SimulatedKernelDevice(Target.Sm80));
        GoldenFile.Verify(Summary(AgreementCases.Judge(backend, FastExponential)));
    }

    [Theory]
    [InlineData(Mapping.Lanes)]
    [InlineData(Mapping.Groups)]
    public void OpenCl_agrees(Mapping mapping)
    {
        // Compilers and vector widths differ between machines: their errors are not committed, agreement is.
        using var backend = new OpenClBackend(OpenClHere.Device, new OpenClOptions { Mapping = mapping });
        var rows = AgreementCases.Judge(backend, FastExponential);
        Assert.All(rows, row => Assert.True(row.State == "Pass", $"{row}"));
        Assert.Equal(AgreementCases.All.Count, rows.Count);
    }

    [Theory]
    [MemberData(nameof(Records))]
    public void A_recorded_device_ran_these_cases_and_agreed(string file)
    {
        using var record = JsonDocument.Parse(File.ReadAllText(Path.Combine(Folder, file)));
        Assert.True(DateOnly.TryParse(record.RootElement.GetProperty("date").GetString(), CultureInfo.InvariantCulture, out _));
        using var cpu = new CpuBackend(2);
        var expected = AgreementCases.Judge(cpu, ExactExponential).ToDictionary(row => row.Case, row => row.Bits);
        var revision = RevisionOf(record);
        Assert.InRange(revision, 1, CpuBackend.ArithmeticRevision);
        var backends = record.RootElement.GetProperty("agreement").EnumerateArray().ToArray();
        Assert.NotEmpty(backends);
        foreach (var backend in backends)
        {
            var name = backend.GetProperty("backend").GetString();
            var rows = backend.GetProperty("rows").Deserialize<AgreementRow[]>()!;
            Assert.Equal(AgreementCases.All.Select(item => item.Name), rows.Select(row => row.Case));
            Assert.All(rows, row => Assert.True(row.State is "Pass" or "Marginal" && row.BudgetUsed < 1 && row.LogSumExpUsed < 1, $"{file}, {name}: {row}"));
            if (name == "cpu" && revision == CpuBackend.ArithmeticRevision)
            {
                // Sixteen virtual lanes everywhere: the processor of another machine gives the same bits. Those of an older arithmetic are history.
                Assert.All(rows, row => Assert.True(expected[row.Case] == row.Bits, $"{file}: {row.Case}"));
            }
        }
    }

    [Fact]
    public void The_present_arithmetic_is_on_record()
    {
        // Whoever changes the CPU's bits, and with them the revision, records again at least one device.
        Assert.Contains(Directory.GetFiles(Folder, "device-*.json"), path =>
        {
            using var record = JsonDocument.Parse(File.ReadAllText(path));
            return RevisionOf(record) == CpuBackend.ArithmeticRevision;
        });
    }

    // The first records do not say.
    private static int RevisionOf(JsonDocument record) => record.RootElement.TryGetProperty("arithmetic", out var revision) ? revision.GetInt32() : 1;

    private static string Summary(IReadOnlyList<AgreementRow> rows)
    {
        var text = new StringBuilder("state budget LSE relative-error case\n");
        foreach (var row in rows)
        {
            text.Append(CultureInfo.InvariantCulture, $"{row.State} {row.BudgetUsed:e2} {row.LogSumExpUsed:e2} {row.RelativeFrobenius:e2} {row.Case}\n");
        }

        return text.ToString();
    }
}
