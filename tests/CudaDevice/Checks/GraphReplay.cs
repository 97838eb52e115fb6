using System.Diagnostics;

namespace Stof.Reference.DeviceChecks.Checks;

/// <summary>A captured graph runs nothing while captured, and everything each time it is launched.</summary>
internal static class GraphReplay
{
    private const int Count = 500;

    public static DeviceCheck Check { get; } = new("graph-replay", Run);

    private static CheckOutcome Run(CheckSession session)
    {
        var kernel = session.Kernel("smoke.ptx", "axpy");
        var x = Enumerable.Range(0, Count).Select(index => (float)index).ToArray();
        using var deviceX = session.Upload(x);
        var deviceY = session.Upload(new float[Count]);
        using var kept = session.Stream.Allocate(Count * sizeof(float));
        using var graph = session.Stream.Capture(() =>
        {
            ModuleLaunch.Axpy(session, kernel, deviceX, deviceY, Count, 1);
            ModuleLaunch.Axpy(session, kernel, deviceX, deviceY, Count, 2);
            session.Stream.EnqueueCopy(deviceY, kept);
        });
        CheckSession.Require(graph.Nodes == 3, $"the graph has {graph.Nodes} nodes, not 3");
        var cases = 1 + CheckSession.RequireEqual(new float[Count], session.Download<float>(deviceY), "during the capture");
        deviceY.Dispose(); // the graph keeps it

        var replays = session.Small ? 3 : 200;
        using var other = session.Stream.Allocate(Count * sizeof(float));
        session.Stream.EnqueueFill(other, (byte)0xFF);
        session.Stream.Synchronize();
        var clock = Stopwatch.StartNew();
        for (var replay = 0; replay < replays; replay++)
        {
            graph.Launch(session.Stream);
        }

        session.Stream.Synchronize();
        var microseconds = clock.Elapsed.TotalMicroseconds / replays;
        cases += CheckSession.RequireEqual(x.Select(value => 3 * replays * value).ToArray(), session.Download<float>(kept), "after the replays");
        CheckSession.RequireThrows<InvalidInputException>(() => session.Stream.Capture(session.Stream.Synchronize), "waiting inside a capture");
        session.Stream.Synchronize();
        return new(cases + 1, $"{microseconds:f1} µs a replay of {graph.Nodes} nodes");
    }
}
