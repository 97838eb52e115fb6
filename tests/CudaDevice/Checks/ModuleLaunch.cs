using System.Diagnostics;
using Stof.Reference.Cuda.Driver;

namespace Stof.Reference.DeviceChecks.Checks;

/// <summary>PTX loads, takes its parameters from a parameter block, and computes; also with lengths that fill no block.</summary>
internal static class ModuleLaunch
{
    private const int Threads = 128;

    public static DeviceCheck Check { get; } = new("module-launch", Run);

    /// <summary>y += a·x by the kernel that other checks use too.</summary>
    public static void Axpy(CheckSession session, CudaFunction kernel, CudaMemory x, CudaMemory y, int count, float a) => kernel.Launch(
        session.Stream,
        new LaunchShape(new Dim3((count + Threads - 1) / Threads), new Dim3(Threads)),
        new ParameterBlock([new("x", 0, 8), new("y", 8, 8), new("n", 16, 4), new("a", 20, 4)])
            .Set("x", x).Set("y", y).Set("n", count).Set("a", a));

    private static CheckOutcome Run(CheckSession session)
    {
        var kernel = session.Kernel("smoke.ptx", "axpy");
        long cases = 0;
        foreach (var count in session.Small ? new[] { 1, 127, 300 } : [1, 31, 127, 128, 129, 1000, 1 << 20])
        {
            var x = Enumerable.Range(0, count).Select(index => (index % 1000) * 0.25f).ToArray();
            var y = Enumerable.Range(0, count).Select(index => -(float)(index % 77)).ToArray();
            using var deviceX = session.Upload(x);
            using var deviceY = session.Upload(y);
            Axpy(session, kernel, deviceX, deviceY, count, 3);
            cases += CheckSession.RequireEqual(
                x.Zip(y, (first, second) => MathF.FusedMultiplyAdd(3, first, second)).ToArray(),
                session.Download<float>(deviceY),
                $"axpy of {count}");
        }

        using var one = session.Upload(new float[1]);
        var launches = session.Small ? 10 : 2000;
        session.Stream.Synchronize();
        var clock = Stopwatch.StartNew();
        for (var index = 0; index < launches; index++)
        {
            Axpy(session, kernel, one, one, 1, 1);
        }

        session.Stream.Synchronize();
        return new(cases, $"{clock.Elapsed.TotalMicroseconds / launches:f1} µs a launch, back to back");
    }
}
