using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Stof.Reference.Cuda.Execution;
using Stof.Reference.Cuda.Templates;
using Stof.Reference.DeviceChecks.Speed;
using Stof.Reference.Graphs;
using Stof.Reference.Numerics;
using Stof.Reference.Tensors;

namespace Stof.Reference.DeviceChecks.Checks;

/// <summary>
/// How fast products are, in F16: the tiles and splits that the estimate puts first, plain; then the best of them with an epilogue. Device time of graph
/// replays, medians. Samples of each best result are compared with double precision.
/// </summary>
internal static class GemmSpeed
{
    private const int Candidates = 12;
    private const int ShownPlaces = 3;
    private const int SampledRows = 4;
    private const double Tolerance = 1e-3; // of Σ|a·w|: far above any rounding, far below any mistake

    private static readonly (int Rows, int Width, int Depth, bool HasGelu, bool HasResidual)[] Shapes =
    [
        (8192, 8192, 8192, true, true),
        (4096, 4096, 4096, true, false),
        (4096, 2304, 768, false, false), (4096, 768, 768, false, true), (4096, 3072, 768, true, false), (4096, 768, 3072, false, true),
        (128, 2304, 768, false, false), (128, 768, 768, false, true), (128, 3072, 768, true, false), (128, 768, 3072, false, true),
        (16, 768, 768, false, true), (16, 3072, 768, true, false), (1, 4096, 4096, true, false),
    ];

    public static DeviceCheck Check { get; } = new("gemm-speed", Run) { RunsSmall = false };

    private static CheckOutcome Run(CheckSession session)
    {
        using var speed = new SpeedDevice(session.Device);
        var rows = new List<JsonObject>();
        foreach (var shape in Shapes.Where(shape => session.Wants($"{shape.Rows}x{shape.Width}x{shape.Depth}")))
        {
            Console.Error.WriteLine($"  {shape}");
            Measure(speed, shape, rows);
        }

        return new CheckOutcome(rows.Count, "best tiles first; share = time without the epilogue / time with it") { Measurements = rows };
    }

    private static void Measure(SpeedDevice speed, (int Rows, int Width, int Depth, bool HasGelu, bool HasResidual) shape, List<JsonObject> table)
    {
        using var memory = new DeviceMemory(speed.Device);
        var (m, n, k) = (shape.Rows, shape.Width, shape.Depth);
        var a = speed.Random(memory, DType.F16, m, k);
        var weight = memory.Allocate((long)PackedWeight.Rows(n) * PackedWeight.Pitch(DType.F16, k) * DType.F16.Size());
        speed.Fill(weight, DType.F16);
        var c = DeviceMatrix.Allocate(memory, DType.F16, m, n);
        var bias = memory.Upload<float>(new float[PackedWeight.Rows(n)]);
        var residual = shape.HasResidual ? speed.Random(memory, DType.F16, m, n) : null;
        KernelStep[] Bind(GemmChoice choice, ProductEnd end) => Product.Bind(speed.Kernels, memory.Allocate, choice, a, weight, n, end, c);

        var candidates = GemmChooser.Rank(DType.F16, speed.Device.Target, speed.Device.Multiprocessors, m, n, k, isGated: false).Take(Candidates).Select(choice => (Choice: choice, Steps: Bind(choice, new ProductEnd()))).ToArray();
        var fitting = new ConcurrentBag<(GemmChoice Choice, KernelStep[] Steps)>();
        Parallel.ForEach(candidates, candidate =>
        {
            try
            {
                Array.ForEach(candidate.Steps, step => speed.Device.Load(step.Parameters.Kernel));
                fitting.Add(candidate);
            }
            catch (InvalidOperationException exception)
            {
                Console.Error.WriteLine($"  {candidate.Choice}: {exception.Message}"); // it spills
            }
        });
        var times = fitting.Select(candidate => (candidate.Choice, Seconds: speed.Seconds(candidate.Steps))).ToList();
        times.Sort((x, y) => x.Seconds.CompareTo(y.Seconds));
        for (var place = 0; place < Math.Min(ShownPlaces, times.Count); place++)
        {
            var (choice, seconds) = times[place];
            table.Add(Row("plain", choice, seconds, 1));
        }

        var (best, plain) = times[0];
        Sample(speed, Bind(best, new ProductEnd()), a, weight, c);
        foreach (var (name, end, isWanted) in new[]
        {
            ("bias", new ProductEnd { Bias = bias }, true),
            ("bias+gelu", new ProductEnd { Bias = bias, Activation = ActivationKind.GeluErf }, shape.HasGelu),
            ("bias+gelu_tanh", new ProductEnd { Bias = bias, Activation = ActivationKind.GeluTanh }, shape.HasGelu),
            ("bias+residual", new ProductEnd { Bias = bias, Residual = residual }, shape.HasResidual),
        })
        {
            if (isWanted && Array.TrueForAll(Bind(best, end), step => speed.Device.Takes(step.Parameters.Kernel)))
            {
                var seconds = speed.Seconds(Bind(best, end));
                table.Add(Row(name, best, seconds, plain / seconds));
            }
        }

        JsonObject Row(string epilogue, GemmChoice choice, double seconds, double share)
        {
            var function = speed.Device.Load(Bind(choice, new ProductEnd())[0].Parameters.Kernel);
            return new JsonObject
            {
                ["shape"] = $"{m}x{n}x{k}",
                ["epilogue"] = epilogue,
                ["tile"] = choice.Tile.ToString(),
                ["splits"] = choice.Splits,
                ["µs"] = Math.Round(seconds * 1e6, 2),
                ["TFLOP/s"] = Math.Round(2.0 * m * n * k / seconds / 1e12, 1),
                ["GB/s"] = Math.Round(2.0 * (((double)m * n) + ((double)m * k) + ((double)n * k)) / seconds / 1e9, 0),
                ["share"] = Math.Round(share, 3),
                ["registers"] = function.Registers,
                ["blocks"] = function.BlocksPerMultiprocessor(choice.Tile.Threads, choice.Tile.SharedBytes(DType.F16)),
            };
        }
    }

    private static void Sample(SpeedDevice speed, KernelStep[] steps, DeviceMatrix a, IDeviceBuffer weight, DeviceMatrix c)
    {
        foreach (var step in steps)
        {
            step.Launch(speed.Device);
        }

        var rows = Math.Min(SampledRows, c.Rows);
        var (left, result) = ((a with { Rows = rows }).Download(speed.Device).ToDoubles(), (c with { Rows = rows }).Download(speed.Device).ToDoubles());
        var pitch = PackedWeight.Pitch(DType.F16, a.Columns);
        var right = new DeviceMatrix(weight, DType.F16, c.Columns, pitch).Download(speed.Device).ToDoubles();
        for (var row = 0; row < rows; row++)
        {
            for (var column = row; column < c.Columns; column += 97)
            {
                var (sum, magnitude) = (0.0, 0.0);
                for (var i = 0; i < a.Columns; i++)
                {
                    var term = left[(row * a.Columns) + i] * right[(column * pitch) + i];
                    sum += term;
                    magnitude += Math.Abs(term);
                }

                var found = result[(row * c.Columns) + column];
                CheckSession.Require(Math.Abs(found - sum) <= Tolerance * magnitude, $"C[{row}, {column}] is {found}, expected {sum}");
            }
        }
    }
}
