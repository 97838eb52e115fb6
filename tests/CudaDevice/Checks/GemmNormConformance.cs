using Stof.Reference.Cuda.Execution;
using Stof.Reference.Cuda.Templates;
using Stof.Reference.Graphs;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;
using Stof.Reference.Tests;

namespace Stof.Reference.DeviceChecks.Checks;

/// <summary>
/// Products of random shapes whose rows are normalised where they are computed, by every tile of the search space, in clusters of one to eight blocks, against
/// double precision; none of them spills.
/// </summary>
internal static class GemmNormConformance
{
    private const int Seed = 2031;
    private const int LargestRows = 160;
    private const int LargestDepth = 400;
    private const int WidestRow = 1100;

    public static DeviceCheck Check { get; } = new("gemm-norm", Run);

    private static CheckOutcome Run(CheckSession session)
    {
        using var device = new DriverKernelDevice(session.Device);
        var random = new Random(Seed);
        var cases = new SortedDictionary<int, int>();
        var spilled = new List<string>();
        foreach (var (type, trials) in new[] { (DType.F16, 3), (DType.BF16, 1), (DType.F32, 3) })
        {
            foreach (var tile in GemmTiles.For(type, device.Target).Where(tile => GemmSpec.HoldsRows(type, tile, 1, device.Target)))
            {
                for (var i = 0; i < (session.Small ? 1 : trials); i++)
                {
                    try
                    {
                        var blocks = Try(device, random, type, tile, session.Small ? 4 : 1);
                        cases[blocks] = cases.GetValueOrDefault(blocks) + 1;
                    }
                    catch (InvalidOperationException exception)
                    {
                        spilled.Add($"{type} {exception.Message}");
                    }
                }
            }
        }

        CheckSession.Require(spilled.Count == 0, string.Join('\n', spilled.Distinct()));
        return new CheckOutcome(cases.Values.Sum(), "blocks a row: " + string.Join(", ", cases.Select(entry => $"{entry.Key} ({entry.Value} cases)")));
    }

    private static int Try(DriverKernelDevice device, Random random, DType type, GemmTile tile, int smaller)
    {
        var widest = Enumerable.Range(1, 8).Last(blocks => GemmSpec.HoldsRows(type, tile, blocks * tile.Columns, device.Target) && (blocks == 1 || blocks * tile.Columns <= WidestRow));
        var blocks = random.Next(1, widest + 1);
        var isWhole = random.Next(3) == 0;
        var rows = isWhole ? tile.Rows * random.Next(1, 3) : random.Next(1, LargestRows / smaller);
        var columns = isWhole ? tile.Columns * blocks : (tile.Columns * (blocks - 1)) + random.Next(1, tile.Columns + 1);
        var depth = isWhole ? tile.Depth(type) * random.Next(1, 10) : random.Next(1, LargestDepth / smaller);
        var kind = random.Next(2) == 0 ? NormKind.Layer : NormKind.RootMeanSquare;
        var trial = new GemmNormTrial(random, type, rows, columns, depth, kind, random.Next(2) == 0, random.Next(2) == 0);
        var product = trial.Product;
        var sum = random.Next(2) == 0 ? HostTensor.Uninitialized(type, rows, columns) : null;
        var y = GemmRun.MultiplyNormalised(
            device, new GemmChoice(tile, 1), product.A, product.Weight, product.Bias, product.Residual, kind, trial.Gamma, trial.Beta, GemmNormTrial.Epsilon, sum);
        trial.Require(y, sum, $"seed {Seed}, {type}, {tile}, {rows}x{columns}x{depth}, {kind}, {blocks} blocks a row");
        return blocks;
    }
}
