using Stof.Reference.Cuda.Driver;

namespace Stof.Reference.DeviceChecks.Checks;

/// <summary>Events measure what a kernel that counts clock cycles takes.</summary>
internal static class EventTiming
{
    public static DeviceCheck Check { get; } = new("event-timing", Run);

    private static CheckOutcome Run(CheckSession session)
    {
        var kernel = session.Kernel("smoke.ptx", "spin");
        using var seen = session.Upload(new ulong[1]);
        using var start = session.Context.CreateEvent();
        using var stop = session.Context.CreateEvent();
        var times = new List<double>();
        var cycles = session.Small ? new[] { 20_000L, 200_000L } : [200_000L, 2_000_000L, 20_000_000L];
        foreach (var count in cycles)
        {
            start.Record(session.Stream);
            kernel.Launch(session.Stream, new LaunchShape(new Dim3(1), new Dim3(1)), new ParameterBlock().Add(seen).Add(count));
            stop.Record(session.Stream);
            stop.Synchronize();
            CheckSession.Require(stop.IsReached(), "an event that was waited for is not reached");
            var spun = session.Download<ulong>(seen)[0];
            CheckSession.Require(spun >= (ulong)count, $"the kernel saw {spun} cycles instead of {count}");

            // The clock may be slower than its peak, and never faster.
            var milliseconds = stop.MillisecondsSince(start);
            var least = (double)spun / session.Device.ClockKilohertz;
            CheckSession.Require(milliseconds >= least * 0.95, $"{spun} cycles in {milliseconds} ms, which needs {least:f3} ms at peak clock");
            CheckSession.Require(session.Small || milliseconds < (least * 20) + 1, $"{spun} cycles took {milliseconds} ms");
            times.Add(milliseconds);
        }

        // A tool that watches the kernel may cost more than the shortest spins.
        CheckSession.Require(session.Small || times[^1] > times[0], "more cycles took less time");
        return new(cycles.Length, $"{cycles[^1] / times[^1] / 1e3:f0} MHz seen, peak {session.Device.ClockKilohertz / 1000} MHz");
    }
}
