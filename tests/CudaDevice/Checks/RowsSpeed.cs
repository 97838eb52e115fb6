using System.Text.Json.Nodes;
using Stof.Reference.Cuda.Execution;
using Stof.Reference.Cuda.Simulator;
using Stof.Reference.Cuda.Templates;
using Stof.Reference.DeviceChecks.Speed;
using Stof.Reference.Graphs;
using Stof.Reference.Numerics;

namespace Stof.Reference.DeviceChecks.Checks;

/// <summary>How fast memory-intensive kernels are, in F16, beside the driver's own copy in the same run; operands are larger than the caches.</summary>
internal static class RowsSpeed
{
    private const int Rows = 65_536;

    public static DeviceCheck Check { get; } = new("rows-speed", Run) { RunsSmall = false };

    private static CheckOutcome Run(CheckSession session)
    {
        using var speed = new SpeedDevice(session.Device);
        var table = new List<JsonObject>();
        foreach (var columns in new[] { 768, 1024, 3072 })
        {
            Measure(session, speed, columns, table);
        }

        return new CheckOutcome(table.Count, "GB/s of bytes read and written; share of the driver's copy of the same run") { Measurements = table };
    }

    private static void Measure(CheckSession session, SpeedDevice speed, int columns, List<JsonObject> table)
    {
        using var memory = new DeviceMemory(speed.Device);
        DeviceMatrix Random(int width) => speed.Random(memory, DType.F16, Rows, width);
        var (x, residual, y, sum) = (Random(columns), Random(columns), DeviceMatrix.Allocate(memory, DType.F16, Rows, columns), DeviceMatrix.Allocate(memory, DType.F16, Rows, columns));
        var gated = columns <= 1024 ? Random(2 * columns) : null;
        var vector = memory.Upload<float>(new float[2 * PackedWeight.Rows(columns)]);
        var rowBytes = (double)Rows * columns * DType.F16.Size();
        var copy = 2 * rowBytes / Copy(session, (long)rowBytes);
        Add("driver copy", 2, 2 * rowBytes / copy);
        void Time(string name, int passes, DeviceMatrix source, ProductEnd end) => Add(name, passes, speed.Seconds([RowStep.Bind(speed.Kernels, source, y, end)]));

        var norm = new RowNorm(NormKind.Layer, vector, vector, 1e-5f);
        Time("copy", 2, x, new ProductEnd());
        Time("bias", 2, x, new ProductEnd { Bias = vector });
        Time("bias+gelu", 2, x, new ProductEnd { Bias = vector, Activation = ActivationKind.GeluErf });
        Time("bias+residual", 3, x, new ProductEnd { Bias = vector, Residual = residual });
        Time("layernorm", 2, x, new ProductEnd { Norm = norm });
        Time("rmsnorm", 2, x, new ProductEnd { Norm = norm with { Kind = NormKind.RootMeanSquare, Beta = null } });
        Time("bias+residual+layernorm", 3, x, new ProductEnd { Bias = vector, Residual = residual, Norm = norm });
        Time("bias+residual+layernorm+sum", 4, x, new ProductEnd { Bias = vector, Residual = residual, Norm = norm, Sum = sum });
        if (gated is not null)
        {
            Time("swiglu", 3, gated, new ProductEnd { Activation = ActivationKind.SwiGlu });
        }

        var spec = new RotarySpec(DType.F16, columns / 192, columns / 192, 64, 2048);
        if (spec.Columns == columns)
        {
            var (cosines, sines) = RotaryAngles.Of(spec.Length, spec.HeadSize, 10_000);
            var rotary = new LaunchParameters(speed.Kernels.Get(spec, RotaryRows.Build))
                .Set("x", x.Buffer)
                .Set("y", y.Buffer)
                .Set("cosines", memory.Upload<float>(cosines))
                .Set("sines", memory.Upload<float>(sines));
            Add("rotary", 2, speed.Seconds([new KernelStep(rotary, new Grid(Rows))]));
        }

        var random = new Random(1);
        var gather = new LaunchParameters(speed.Kernels.Get(new EmbeddingSpec(DType.F16, columns, 1), EmbeddingRows.Build))
            .Set("table0", x.Buffer)
            .Set("index0", memory.Upload<int>([.. Enumerable.Range(0, Rows).Select(_ => random.Next(Rows))]))
            .Set("y", y.Buffer);
        Add("gather", 2, speed.Seconds([new KernelStep(gather, new Grid(Rows))]));

        void Add(string name, int passes, double seconds)
        {
            var rate = passes * rowBytes / seconds;
            table.Add(new JsonObject
            {
                ["kernel"] = name,
                ["rows x columns"] = $"{Rows}x{columns}",
                ["µs"] = Math.Round(seconds * 1e6, 2),
                ["GB/s"] = Math.Round(rate / 1e9, 0),
                ["share"] = Math.Round(rate / copy, 3),
            });
        }
    }

    private static double Copy(CheckSession session, long bytes)
    {
        const int Copies = 10;
        using var from = session.Stream.Allocate(bytes);
        using var to = session.Stream.Allocate(bytes);
        session.Stream.EnqueueFill(from, 0x3c01_3a02u);
        using var graph = session.Stream.Capture(() =>
        {
            for (var i = 0; i < Copies; i++)
            {
                session.Stream.EnqueueCopy(from, to);
            }
        });
        using var start = session.Context.CreateEvent();
        using var stop = session.Context.CreateEvent();
        var least = double.PositiveInfinity;
        for (var run = 0; run < 10; run++)
        {
            start.Record(session.Stream);
            graph.Launch(session.Stream);
            stop.Record(session.Stream);
            stop.Synchronize();
            least = Math.Min(least, stop.MillisecondsSince(start) / 1e3 / Copies);
        }

        return least;
    }
}
