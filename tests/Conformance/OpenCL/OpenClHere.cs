using Stof.Reference.OpenCL;

namespace Stof.Reference.Conformance.Tests.OpenCL;

/// <summary>The device that the tests use. A machine without one skips them, loudly and with the way to get one; <c>.ci/run</c> allows no skip.</summary>
internal static class OpenClHere
{
    private static readonly Lazy<OpenClProbe> Probe = new(OpenClProbe.Look);

    /// <summary>The first device that can be used.</summary>
    public static OpenClDevice Device
    {
        get
        {
            var probe = Probe.Value;
            Assert.SkipWhen(!probe.IsAvailable, $"OPENCL WAS NOT TESTED: {Reason(probe)}. {OpenClProbe.HowToGet}");
            return probe.Devices.First(device => device.Refusal is null);
        }
    }

    private static string Reason(OpenClProbe probe) => probe.Devices.Count == 0
        ? probe.Reason
        : string.Join("; ", probe.Devices.Select(device => $"{device.Name}: {device.Refusal}"));
}
