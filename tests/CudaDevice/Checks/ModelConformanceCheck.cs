using Stof.Reference.Backends;
using Stof.Reference.Conformance.Tests;
using Stof.Reference.Conformance.Tests.Models;
using Stof.Reference.Cuda.Driver;
using Stof.Reference.Cuda.Execution;
using Stof.Reference.Formats;
using Stof.Reference.Fusion;

namespace Stof.Reference.DeviceChecks.Checks;

/// <summary>Every preset's family, shrunk, in every dtype, layer by layer against the oracle under all plans of the suite.</summary>
internal static class ModelConformanceCheck
{
    public static DeviceCheck Check { get; } = new("model", Run);

    private static CheckOutcome Run(CheckSession session)
    {
        using var subject = new DeviceUnderTest(session.Device, session.Small ? 100 : 1);
        return SuiteRunner.Run(subject, typeof(DeviceModelTests));
    }

    private sealed class DeviceUnderTest(CudaDevice device, int stride) : BackendUnderTest
    {
        public override IBackend Backend { get; } = new CudaBackend(new DriverKernelDevice(device));

        public override double LogSumExpLimit => 1e-4;

        public override TileShape? TileReadWhole => TileShape.Default;

        // No chains: they are refused in F32, whose plans the suite counts, and where rows are few for the device.
        public override IReadOnlyList<TemplateCategory> Categories { get; } =
            [TemplateCategory.Detached, TemplateCategory.MiMi, TemplateCategory.CiMi, TemplateCategory.Attention];

        public override int Stride => stride;
    }

    private sealed class DeviceModelTests(BackendUnderTest subject) : ModelConformance(subject);
}
