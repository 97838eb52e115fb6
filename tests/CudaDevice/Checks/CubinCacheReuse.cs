using Stof.Reference.Backends;
using Stof.Reference.Cuda.Execution;
using Stof.Reference.Cuda.Templates;
using Stof.Reference.Numerics;
using Stof.Reference.Tests;

namespace Stof.Reference.DeviceChecks.Checks;

/// <summary>Machine code that was kept gives the same bits as code just compiled; damaged code is a warning, and is compiled again.</summary>
internal static class CubinCacheReuse
{
    private const int Seed = 5;

    public static DeviceCheck Check { get; } = new("cubin-cache", Run);

    private static CheckOutcome Run(CheckSession session)
    {
        using var folder = new TempFolder();
        var warnings = new List<string>();
        var trial = new GemmTrial(new Random(Seed), DType.F16, 70, 130, 200, hasBias: true);
        (byte[] Bits, double Seconds) Process()
        {
            using var device = new DriverKernelDevice(session.Device, folder.Path, warnings.Add);
            var bits = Array.Empty<byte>();
            var seconds = Timing.Seconds(() =>
            {
                var c = GemmRun.Multiply(device, new GemmChoice(GemmTile.Parse("64x128x64x4-1x4"), 1), trial.A, trial.Weight, trial.Bias);
                trial.Require(c, $"seed {Seed}");
                bits = c.Bytes.ToArray();
            });
            return (bits, seconds);
        }

        var (compiled, compiling) = Process();
        var file = Directory.GetFiles(folder.Path).Single();
        var (kept, loading) = Process();
        CheckSession.RequireEqual(compiled, kept, "C by kept code");
        CheckSession.Require(warnings.Count == 0, string.Join("; ", warnings));

        var damaged = File.ReadAllBytes(file);
        damaged[^1] ^= 1;
        File.WriteAllBytes(file, damaged);
        CheckSession.RequireEqual(compiled, Process().Bits, "C after damage");
        CheckSession.Require(warnings.Count == 1, $"{warnings.Count} warnings about a damaged file");
        CheckSession.RequireEqual(compiled, Process().Bits, "C by code that was compiled again");
        CheckSession.Require(warnings.Count == 1, string.Join("; ", warnings));
        return new CheckOutcome(4, $"{compiling * 1e3:f0} ms with compiling, {loading * 1e3:f0} ms with loading");
    }
}
