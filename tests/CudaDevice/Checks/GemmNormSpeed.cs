using System.Text.Json.Nodes;
using Stof.Reference.Cuda.Execution;
using Stof.Reference.Cuda.Templates;
using Stof.Reference.DeviceChecks.Speed;
using Stof.Reference.Graphs;
using Stof.Reference.Numerics;

namespace Stof.Reference.DeviceChecks.Checks;

/// <summary>
/// bias + residual + LayerNorm behind a product in F16, three ways: normalised by the block or the cluster of blocks that holds the rows; float sums of a cut
/// depth and a row kernel; a product and a norm of its own. Of each way the best of what the estimate puts first. Device time of graph replays, medians.
/// </summary>
internal static class GemmNormSpeed
{
    private const int HeldChoices = 5;
    private const int OtherChoices = 3;
    private const int LargestCluster = 8;

    private static readonly int[] Heights = [16, 128, 512, 1576, 4096];
    private static readonly int[] Widths = [128, 256, 768, 1024];

    public static DeviceCheck Check { get; } = new("gemm-norm-speed", Run) { RunsSmall = false };

    private static CheckOutcome Run(CheckSession session)
    {
        using var speed = new SpeedDevice(session.Device);
        var table = new List<JsonObject>();
        foreach (var width in Widths)
        {
            foreach (var depth in new[] { width, 4 * width })
            {
                foreach (var rows in Heights.Where(rows => session.Wants($"{rows}x{width}x{depth}")))
                {
                    table.Add(Measure(speed, rows, width, depth));
                    Console.Error.WriteLine($"  {table[^1].ToJsonString()}");
                }
            }
        }

        return new CheckOutcome(table.Count, "gain = the faster of the two others / held; estimates are the chooser's") { Measurements = table };
    }

    private static JsonObject Measure(SpeedDevice speed, int rows, int width, int depth)
    {
        using var memory = new DeviceMemory(speed.Device);
        var a = speed.Random(memory, DType.F16, rows, depth);
        var weight = memory.Allocate((long)PackedWeight.Rows(width) * PackedWeight.Pitch(DType.F16, depth) * DType.F16.Size());
        speed.Fill(weight, DType.F16);
        var (c, middle) = (DeviceMatrix.Allocate(memory, DType.F16, rows, width), DeviceMatrix.Allocate(memory, DType.F16, rows, width));
        var vector = memory.Upload<float>(new float[PackedWeight.Rows(width)]);
        var plain = new ProductEnd { Bias = vector, Residual = speed.Random(memory, DType.F16, rows, width) };
        var norm = new RowNorm(NormKind.Layer, vector, vector, 1e-5f);
        IDeviceBuffer? sums = null;
        IDeviceBuffer Scratch(long bytes) => sums is not null && sums.Bytes >= bytes ? sums : sums = memory.Allocate(bytes);
        KernelStep[] Bind(GemmChoice choice, ProductEnd end, DeviceMatrix to) => Product.Bind(speed.Kernels, Scratch, choice, a, weight, width, end, to);

        var target = speed.Device.Target;
        var multiprocessors = speed.Device.Multiprocessors;
        GemmChoice[] Rank(bool normalises) =>
            [.. GemmChooser.Rank(DType.F16, target, multiprocessors, rows, width, depth, isGated: false, normalises: normalises, mostBlocksPerRow: LargestCluster)];
        var ranked = Rank(normalises: true);
        var held = Best(speed, ranked.Where(choice => choice.Splits == 1).Take(HeldChoices), choice => Bind(choice, plain with { Norm = norm }, c));
        var cut = Best(speed, ranked.Where(choice => choice.Splits > 1).Take(OtherChoices), choice => Bind(choice, plain with { Norm = norm }, c));
        var apart = Best(
            speed,
            Rank(normalises: false).Take(OtherChoices),
            choice => [.. Bind(choice, plain, middle), RowStep.Bind(speed.Kernels, middle, c, new ProductEnd { Norm = norm })]);
        var (together, separate) = GemmChooser.NormSeconds(DType.F16, target, multiprocessors, rows, width, depth);
        var row = new JsonObject { ["shape"] = $"{rows}x{width}x{depth}" };
        Add("held", held);
        row["blocks a row"] = held is { } first ? (width + first.Choice.Tile.Columns - 1) / first.Choice.Tile.Columns : 0;
        row["no norm µs"] = held is { } without ? Microseconds(speed.Seconds(Bind(without.Choice, plain, c))) : 0;
        row["2nd"] = held?.Second is { } second ? second.ToString() : "";
        Add("cut", cut);
        Add("apart", apart);
        row["gain"] = held is { } best ? Math.Round(Math.Min(cut?.Seconds ?? double.PositiveInfinity, apart!.Value.Seconds) / best.Seconds, 3) : 0;
        row["estimate"] = $"{Microseconds(together)} / {Microseconds(separate)}";
        return row;

        void Add(string name, (GemmChoice Choice, double Seconds, GemmTile? Second)? result)
        {
            row[name] = result is { } found ? $"{found.Choice.Tile}{(found.Choice.Splits == 1 ? "" : $" /{found.Choice.Splits}")}" : "";
            row[name + " µs"] = result is { } timed ? Microseconds(timed.Seconds) : 0;
        }
    }

    private static double Microseconds(double seconds) => Math.Round(seconds * 1e6, 2);

    private static (GemmChoice Choice, double Seconds, GemmTile? Second)? Best(SpeedDevice speed, IEnumerable<GemmChoice> choices, Func<GemmChoice, KernelStep[]> bind)
    {
        var candidates = choices.Select(choice => (Choice: choice, Steps: bind(choice))).ToArray();
        var fits = new bool[candidates.Length];
        Parallel.For(0, candidates.Length, i => fits[i] = Array.TrueForAll(candidates[i].Steps, step => speed.Device.Takes(step.Parameters.Kernel)));
        var times = candidates.Where((_, i) => fits[i]).Select(candidate => (candidate.Choice, Seconds: speed.Seconds(candidate.Steps))).OrderBy(timed => timed.Seconds).ToArray();
        return times.Length == 0 ? null : (times[0].Choice, times[0].Seconds, times.Length > 1 ? times[1].Choice.Tile : null);
    }
}
