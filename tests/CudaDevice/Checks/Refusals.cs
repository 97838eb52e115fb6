using Stof.Reference.Cuda.Driver;

namespace Stof.Reference.DeviceChecks.Checks;

/// <summary>Launches that cannot be right are refused before the driver sees them, and leave the stream as it was.</summary>
internal static class Refusals
{
    public static DeviceCheck Check { get; } = new("refusals", Run);

    private static CheckOutcome Run(CheckSession session)
    {
        var kernel = session.Kernel("smoke.ptx", "axpy");
        using var memory = session.Upload(new float[] { 1, 2, 3, 4 });
        var good = new ParameterBlock().Add(memory).Add(memory).Add(4).Add(1f);
        LaunchShape Shape(Dim3 grid, Dim3 block) => new(grid, block);
        var one = Shape(new Dim3(1), new Dim3(32));
        (string What, LaunchShape Shape, ParameterBlock Parameters)[] wrong =
        [
            ("an empty grid", Shape(new Dim3(0), new Dim3(32)), good),
            ("an empty block", Shape(new Dim3(1), new Dim3(32, 0)), good),
            ("too many threads", Shape(new Dim3(1), new Dim3(1024, 2)), good),
            ("too tall a grid", Shape(new Dim3(1, 65536), new Dim3(32)), good),
            ("more shared memory than allowed", one with { DynamicSharedBytes = 1 << 20 }, good),
            ("an unaligned pointer", one, new ParameterBlock().Add(memory.Slice(4, 4)).Add(memory).Add(4).Add(1f)),
        ];
        foreach (var (what, shape, parameters) in wrong)
        {
            CheckSession.RequireThrows<InvalidInputException>(() => kernel.Launch(session.Stream, shape, parameters), what);
        }

        var cases = wrong.Length;
        if (kernel.Parameters is not null)
        {
            CheckSession.RequireThrows<InvalidInputException>(() => kernel.Launch(session.Stream, one, new ParameterBlock().Add(memory)), "too few parameters");
            cases++;
        }

        CheckSession.RequireEqual<float>([1, 2, 3, 4], session.Download<float>(memory), "after the refusals");
        return new(cases + 1);
    }
}
