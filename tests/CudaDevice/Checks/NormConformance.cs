using Stof.Reference.Cuda.Execution;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;
using Stof.Reference.Tests;

namespace Stof.Reference.DeviceChecks.Checks;

/// <summary>bias + residual + LayerNorm against the oracle, rows of every kind of length.</summary>
internal static class NormConformance
{
    private const int Seed = 611;

    public static DeviceCheck Check { get; } = new("bias-residual-norm", Run);

    private static CheckOutcome Run(CheckSession session)
    {
        using var device = new DriverKernelDevice(session.Device);
        var random = new Random(Seed);
        var cases = 0;
        int[] lengths = session.Small ? [1, 33, 256, 1024] : [1, 2, 3, 7, 8, 31, 32, 33, 64, 100, 127, 256, 257, 768, 1023, 1024, 2048, 4096, 8192];
        foreach (var type in new[] { DType.F32, DType.F16, DType.BF16 })
        {
            foreach (var columns in lengths)
            {
                foreach (var family in Seeded.Families)
                {
                    var rows = session.Small ? 2 : 37;
                    var trial = new NormTrial(random, type, rows, columns, family);
                    var sum = HostTensor.Uninitialized(type, rows, columns);
                    var y = NormRun.BiasResidualLayerNorm(device, trial.X, trial.Bias, trial.Residual, trial.Gamma, trial.Beta, NormTrial.Epsilon, sum);
                    trial.Require(y, sum, $"seed {Seed}, {type}, {columns} columns, {family}");
                    cases++;
                }
            }
        }

        return new CheckOutcome(cases);
    }
}
