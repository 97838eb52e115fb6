namespace Stof.Reference.DeviceChecks.Checks;

/// <summary>PTX becomes a cubin, and the cubin loads and computes.</summary>
internal static class LinkedCubin
{
    private const int Count = 100;

    public static DeviceCheck Check { get; } = new("linked-cubin", Run);

    private static CheckOutcome Run(CheckSession session)
    {
        byte[] cubin;
        using (var linker = session.Context.CreateLinker())
        {
            linker.AddPtx(CheckSession.Ptx("smoke.ptx"), "smoke");
            cubin = linker.Complete();
        }

        CheckSession.Require(cubin.AsSpan(0, 4).SequenceEqual("\u007fELF"u8), "the cubin is no ELF file");
        using var module = session.Context.LoadCubin(cubin, "smoke-cubin");
        var kernel = module.GetFunction("axpy");
        var x = Enumerable.Range(0, Count).Select(index => (float)index).ToArray();
        using var deviceX = session.Upload(x);
        using var deviceY = session.Upload(x);
        ModuleLaunch.Axpy(session, kernel, deviceX, deviceY, Count, 0.5f);
        var cases = CheckSession.RequireEqual(x.Select(value => 1.5f * value).ToArray(), session.Download<float>(deviceY), "axpy from the cubin");
        return new(cases, $"{cubin.Length:N0} bytes");
    }
}
