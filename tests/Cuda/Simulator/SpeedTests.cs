using Stof.Reference.Bench.Quick;

namespace Stof.Reference.Cuda.Tests.Simulator;

/// <summary>Says how fast the simulator is; the numbers depend on the machine and decide nothing.</summary>
public sealed class SpeedTests(ITestOutputHelper output)
{
    public static TheoryData<string> Names => [.. SimulatorLoads.All.Select(load => load.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Lane_instructions_a_second(string name)
    {
        var load = SimulatorLoads.All.Single(load => load.Name == name);
        var (report, speed) = load.Measure(5);
        report.ThrowIfFound();
        output.WriteLine($"{name}: {speed}");
        Assert.True(report.Counters.LaneInstructions > 100_000);
    }
}
