using System.Diagnostics;

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
        var report = load.Run().ThrowIfFound();
        var (wall, processor) = (double.MaxValue, double.MaxValue);
        using var process = Process.GetCurrentProcess();
        for (var i = 0; i < 5; i++)
        {
            process.Refresh();
            var before = process.TotalProcessorTime;
            var watch = Stopwatch.StartNew();
            report = load.Run();
            wall = Math.Min(wall, watch.Elapsed.TotalSeconds);
            process.Refresh();
            processor = Math.Min(processor, (process.TotalProcessorTime - before).TotalSeconds);
        }

        var million = report.Counters.LaneInstructions / 1e6;
        output.WriteLine($"{name}: {million / wall:f0} million lane instructions a second, {million / processor:f0} a second of processor time");
        Assert.True(report.Counters.LaneInstructions > 100_000);
    }
}
