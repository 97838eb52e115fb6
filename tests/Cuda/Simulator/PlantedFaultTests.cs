using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Tests.Simulator;

public sealed class PlantedFaultTests
{
    private static readonly PlantedFault[] Faults =
        [.. MemoryFaults.All, .. OrderFaults.All, .. CopyFaults.All, .. LaneFaults.All, .. MatrixFaults.All, .. ClusterFaults.All];

    public static TheoryData<string> Names => [.. Faults.Select(fault => fault.Name)];

    [Fact]
    public void There_are_more_than_thirty() => Assert.True(Faults.DistinctBy(fault => fault.Name).Count() >= 35);

    [Theory]
    [MemberData(nameof(Names))]
    public void A_planted_fault_is_found_and_the_instruction_named(string name)
    {
        var (fault, planted) = Write(name, isFaulty: true);
        var report = planted.Run();
        var wrong = planted.Check(report);
        var found = string.Join('\n', report.Findings);
        if (fault.Kind is not { } kind)
        {
            Assert.True(report.FindingCount == 0, found);
            Assert.NotNull(wrong);
            return;
        }

        var finding = Array.Find([.. report.Findings], finding => finding.Kind == kind && finding.Where.Source.Line == planted.Line);
        Assert.True(finding is not null, $"expected {kind} at line {planted.Line}; found {found}");
        Assert.Equal("planted", finding.Kernel);
        Assert.EndsWith("Faults.cs", finding.Where.Source.File);
        Assert.NotEmpty(finding.Where.Instruction);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Without_the_fault_nothing_is_found(string name)
    {
        var (_, planted) = Write(name, isFaulty: false);
        var report = planted.Run().ThrowIfFound();
        Assert.Null(planted.Check(report));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_report_does_not_depend_on_the_workers(string name)
    {
        var reports = new[] { 1, 2, 4 }.Select(workers =>
        {
            var (_, planted) = Write(name, isFaulty: true);
            planted.Options = planted.Options with { Workers = workers };
            return string.Join('\n', planted.Run().Findings);
        });
        Assert.Single(reports.Distinct());
    }

    private static (PlantedFault Fault, FaultCase Case) Write(string name, bool isFaulty)
    {
        var fault = Faults.Single(fault => fault.Name == name);
        var planted = new FaultCase(isFaulty, Target.Sm90);
        fault.Write(planted);
        return (fault, planted);
    }
}
