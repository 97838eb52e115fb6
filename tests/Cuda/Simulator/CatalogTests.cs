using Stof.Reference.Cuda.Catalog;
using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Tests.Simulator;

public sealed class CatalogTests
{
    private static readonly Dictionary<string, int> None = [];

    public static TheoryData<string> Names => [.. CudaKernelCatalog.All.Select(template => template.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_template_runs_by_its_defaults_without_a_finding_and_is_right(string name)
    {
        var template = CudaKernelCatalog.Named(name);
        var (report, wrong) = template.Simulate(template.Values(None), Target.Sm80);
        report.ThrowIfFound();
        Assert.Null(wrong);
        Assert.True(report.Counters.LaneInstructions > 0);
    }
}
