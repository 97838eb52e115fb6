using Stof.Reference.Cuda.Execution;
using Stof.Reference.Cuda.Templates;
using Stof.Reference.Graphs;
using Stof.Reference.Numerics;
using Stof.Reference.Tests;

namespace Stof.Reference.DeviceChecks.Checks;

/// <summary>Products of random shapes with random epilogues by every tile of the search space against double precision; none of them spills.</summary>
internal static class GemmConformance
{
    private const int Seed = 2028;
    private const int LargestRows = 300;
    private const int LargestWidth = 400;
    private const int LargestDepth = 700;

    private static readonly ActivationKind?[] Activations =
        [null, ActivationKind.GeluErf, ActivationKind.GeluTanh, ActivationKind.Relu, ActivationKind.SwiGlu];

    public static DeviceCheck Check { get; } = new("gemm", Run);

    private static CheckOutcome Run(CheckSession session)
    {
        using var device = new DriverKernelDevice(session.Device);
        var random = new Random(Seed);
        var cases = 0;
        var spilled = new List<string>();
        foreach (var (type, trials) in new[] { (DType.F16, 3), (DType.BF16, 1), (DType.F32, 4) })
        {
            foreach (var tile in GemmTiles.For(type, device.Target))
            {
                for (var i = 0; i < (session.Small ? 1 : trials); i++)
                {
                    try
                    {
                        Try(device, random, type, tile, session.Small ? 4 : 1);
                        cases++;
                    }
                    catch (InvalidOperationException exception)
                    {
                        spilled.Add($"{type} {exception.Message}");
                    }
                }
            }
        }

        CheckSession.Require(spilled.Count == 0, string.Join('\n', spilled.Distinct()));
        return new CheckOutcome(cases, $"{GemmTiles.For(DType.F16, device.Target).Count()} tiles in 16 bits, {GemmTiles.For(DType.F32, device.Target).Count()} in F32");
    }

    private static void Try(DriverKernelDevice device, Random random, DType type, GemmTile tile, int smaller)
    {
        var activation = Activations[random.Next(Activations.Length)];
        if (activation == ActivationKind.SwiGlu && tile.WarpTileColumns % (4 * GemmSpec.GatedWidth) != 0)
        {
            activation = null;
        }

        var isWhole = random.Next(3) == 0;
        var rows = isWhole ? tile.Rows * random.Next(1, 3) : random.Next(1, LargestRows / smaller);
        var width = isWhole ? tile.Columns * random.Next(1, 3) : activation == ActivationKind.SwiGlu ? 16 * random.Next(1, 25) : random.Next(1, LargestWidth / smaller);
        var depth = isWhole ? tile.Depth(type) * random.Next(1, 16) : random.Next(1, LargestDepth / smaller);
        var steps = (depth + tile.Depth(type) - 1) / tile.Depth(type);
        var splits = random.Next(2) == 0 ? 1 : Enumerable.Range(1, steps).Last(count => steps % count == 0 && count <= 6);
        var trial = new GemmTrial(random, type, rows, width, depth, random.Next(2) == 0, activation, random.Next(2) == 0);
        var c = GemmRun.Multiply(device, new GemmChoice(tile, splits), trial.A, trial.Weight, trial.Bias, activation, trial.Residual);
        trial.Require(c, $"seed {Seed}, {type}, {tile}, {rows}x{width}x{depth}, {activation}, {splits} splits");
    }
}
