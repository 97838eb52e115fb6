using Stof.Reference.Cuda.Driver;

namespace Stof.Reference.DeviceChecks.Checks;

/// <summary>Making and disposing everything many times leaves the device's memory as it was.</summary>
internal static class NoLeak
{
    private const long Bytes = 1 << 20;
    private const long Tolerance = 16 << 20; // what the driver itself may come to keep

    public static DeviceCheck Check { get; } = new("no-leak", Run);

    private static CheckOutcome Run(CheckSession session)
    {
        var ptx = CheckSession.Ptx("smoke.ptx");
        void Cycle()
        {
            using var stream = session.Context.CreateStream();
            using var marker = session.Context.CreateEvent();
            using var memory = stream.Allocate(Bytes);
            using var module = session.Context.LoadPtx(ptx, "leak");
            using var graph = stream.Capture(() => stream.EnqueueFill(memory, (byte)1));
            graph.Launch(stream);
            module.GetFunction("spin").Launch(stream, new LaunchShape(new Dim3(1), new Dim3(1)), new ParameterBlock().Add(memory).Add(1L));
            marker.Record(stream);
            marker.Synchronize();
        }

        long Free()
        {
            session.Context.Synchronize();
            session.Context.Trim();
            return session.Context.MemoryInfo().Free;
        }

        var cycles = session.Small ? 5 : 200;
        for (var warm = 0; warm < 3; warm++)
        {
            Cycle();
        }

        var before = Free();
        for (var cycle = 0; cycle < cycles; cycle++)
        {
            Cycle();
            session.Context.Trim();
        }

        var lost = before - Free();
        CheckSession.Require(lost <= Tolerance, $"{lost:N0} bytes are gone after {cycles} cycles");
        return new(cycles, $"{lost >> 10:N0} KiB gone");
    }
}
