using Stof.Reference.Backends;
using Stof.Reference.Conformance.Tests;
using Stof.Reference.Conformance.Tests.Attention;
using Stof.Reference.Cuda.Driver;
using Stof.Reference.Cuda.Execution;
using Stof.Reference.Formats;

namespace Stof.Reference.DeviceChecks.Checks;

/// <summary>The conformance suite that every backend runs, on this device.</summary>
internal static class KernelConformance
{
    private const int BlockwiseStride = 4; // every tiling is a kernel that the driver compiles: of the random problems every fourth

    public static DeviceCheck Rowwise { get; } = new("conformance-rowwise", session => Run(session, isRowwiseOnly: true));

    public static DeviceCheck Blockwise { get; } = new("conformance-blockwise", session => Run(session, isRowwiseOnly: false));

    private static CheckOutcome Run(CheckSession session, bool isRowwiseOnly)
    {
        using var subject = new DeviceUnderTest(session.Device, isRowwiseOnly, session.Small ? 100 : isRowwiseOnly ? 1 : BlockwiseStride);
        return session.Small
            ? SuiteRunner.Run(subject, typeof(DeviceBufferTests))
            : SuiteRunner.Run(subject, typeof(DeviceMaskTests), typeof(DeviceOptionTests), typeof(DeviceBufferTests), typeof(DevicePoisonTests), typeof(DeviceMetamorphicTests));
    }

    private sealed class DeviceUnderTest(CudaDevice device, bool isRowwiseOnly, int stride) : BackendUnderTest
    {
        public override IBackend Backend { get; } = new CudaBackend(new DriverKernelDevice(device), isRowwiseOnly);

        public override double LogSumExpLimit => 1e-4;

        public override TileShape? TileReadWhole => isRowwiseOnly ? null : new TileShape(128, 128);

        public override double BudgetShare => isRowwiseOnly ? 0.5 : 0.8;

        public override int Stride => stride;
    }

    private sealed class DeviceMaskTests(BackendUnderTest subject) : MaskConformance(subject);

    private sealed class DeviceOptionTests(BackendUnderTest subject) : OptionConformance(subject);

    private sealed class DeviceBufferTests(BackendUnderTest subject) : BufferConformance(subject);

    private sealed class DevicePoisonTests(BackendUnderTest subject) : PoisonConformance(subject);

    private sealed class DeviceMetamorphicTests(BackendUnderTest subject) : MetamorphicConformance(subject);
}
