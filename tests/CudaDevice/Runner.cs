using System.Diagnostics;
using Stof.Reference.Cuda.Driver;

namespace Stof.Reference.DeviceChecks;

/// <summary>Runs checks one after the other; a failing one does not stop the rest, unless it took the context along.</summary>
internal static class Runner
{
    public static IReadOnlyList<CheckResult> Run(CudaProbe probe, CudaDevice device, Options options)
    {
        var results = new List<CheckResult>();
        using var session = new CheckSession(probe, device, options.Small) { TruthFile = options.TruthFile, Cases = options.Cases };
        foreach (var check in Catalogue.All.Where(check => options.Only.Count == 0 || options.Only.Contains(check.Name)))
        {
            results.Add(Run(check, session));
        }

        return results;
    }

    private static CheckResult Run(DeviceCheck check, CheckSession session)
    {
        var needed = new CudaVersion(check.NeedsCapability.Major, check.NeedsCapability.Minor);
        if (session.Device.Capability < needed)
        {
            return new(check.Name, CheckResult.LeftOut, 0, 0, $"needs compute capability {needed}");
        }

        if (session.Small && !check.RunsSmall)
        {
            return new(check.Name, CheckResult.LeftOut, 0, 0, "not with --small: it provokes what a sanitizer reports");
        }

        Console.Error.WriteLine($"running {check.Name}");
        var clock = Stopwatch.StartNew();
        try
        {
            var outcome = check.Run(session);
            session.Context.Synchronize();
            return new(check.Name, CheckResult.Pass, outcome.Cases, clock.Elapsed.TotalSeconds, outcome.Note) { Measurements = outcome.Measurements };
        }
#pragma warning disable CA1031 // Whatever it is, it is this check's result, and the others still have something to tell.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            var kind = exception is CheckFailedException ? "" : $"{exception.GetType().Name}: ";
            return new(check.Name, CheckResult.Fail, 0, clock.Elapsed.TotalSeconds, kind + exception.Message);
        }
    }
}
