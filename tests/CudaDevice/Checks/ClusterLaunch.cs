using Stof.Reference.Cuda.Driver;

namespace Stof.Reference.DeviceChecks.Checks;

/// <summary>Launch attributes arrive: blocks know their clusters, and a kernel that may start early still sees the one before it.</summary>
internal static class ClusterLaunch
{
    private const int Blocks = 48;

    public static DeviceCheck Check { get; } = new("cluster-launch", Run) { NeedsCapability = new(9, 0) };

    private static CheckOutcome Run(CheckSession session)
    {
        var kernel = session.Kernel("hopper.ptx", "ranks");
        long cases = 0;
        foreach (var size in new[] { 1, 2, 4, 8 })
        {
            foreach (var overlaps in new[] { false, true })
            {
                var repeats = session.Small ? 2 : 50;
                using var memory = session.Upload(new uint[Blocks]);
                var shape = new LaunchShape(new Dim3(Blocks), new Dim3(32)) { Cluster = new Dim3(size), OverlapsPrevious = overlaps };
                var parameters = new ParameterBlock().Add(memory);
                for (var repeat = 0; repeat < repeats; repeat++)
                {
                    kernel.Launch(session.Stream, shape, parameters);
                }

                var expected = Enumerable.Range(0, Blocks).Select(block => (uint)(((block % size * 100) + size) * repeats)).ToArray();
                cases += CheckSession.RequireEqual(expected, session.Download<uint>(memory), $"clusters of {size}, overlapping {overlaps}");
            }
        }

        return new(cases);
    }
}
