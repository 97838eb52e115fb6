using Stof.Reference.Cuda.Driver;

namespace Stof.Reference.DeviceChecks.Checks;

/// <summary>PTX that does not build shows the compiler's log and is kept in a file.</summary>
internal static class BuildFailure
{
    public static DeviceCheck Check { get; } = new("build-failure", Run);

    private static CheckOutcome Run(CheckSession session)
    {
        var good = CheckSession.Ptx("smoke.ptx");
        var broken = good.Replace("fma.rn.f32", "fma.rn.f33", StringComparison.Ordinal);
        CheckSession.Require(broken != good, "the PTX has no fma to break");
        var loaded = Refused(() => session.Context.LoadPtx(broken, "device-check-broken"), broken);
        CheckSession.Require(
            loaded.Log.Errors.Contains("f33", StringComparison.Ordinal) && loaded.Message.Contains("f33", StringComparison.Ordinal),
            $"the log does not quote the mistake: {loaded.Message}");

        using var linker = session.Context.CreateLinker();
        var linked = Refused(() => linker.AddPtx(broken, "device-check-broken"), broken);
        CheckSession.Require(linked.Message.Contains("f33", StringComparison.Ordinal), $"the linker's log does not quote the mistake: {linked.Message}");

        var ptx = session.Probe.Version!.Value.NewestPtx();
        var future = good.Replace(".version 7.0", $".version {ptx.Major + 1}.9", StringComparison.Ordinal);
        var refused = Refused(() => session.Context.LoadPtx(future, "device-check-future"), future);
        CheckSession.Require(refused.Error.Name == "CUDA_ERROR_UNSUPPORTED_PTX_VERSION", $"a future .version gives {refused.Error.Name}");
        const string Prose = "neither PTX nor a cubin";
        Refused(() => session.Context.LoadCubin("neither PTX nor a cubin"u8, "device-check-prose"), Prose);
        return new(4, loaded.Log.Errors.Split('\n')[0]);
    }

    private static CudaBuildException Refused(Action build, string ptx)
    {
        var exception = CheckSession.RequireThrows<CudaBuildException>(build, "broken PTX");
        CheckSession.Require(exception.KeptFile is not null && File.ReadAllText(exception.KeptFile) == ptx, "the PTX was not kept as it was");
        File.Delete(exception.KeptFile!);
        return exception;
    }
}
