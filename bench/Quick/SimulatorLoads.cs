using System.Diagnostics;
using Stof.Reference.Cuda.Catalog;
using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Simulator;

namespace Stof.Reference.Bench.Quick;

/// <summary>A launch to measure the simulator with.</summary>
internal sealed record SimulatorLoad(string Name, Func<LaunchReport> Run)
{
    /// <summary>The best of several runs.</summary>
    public (LaunchReport Report, SimulatorSpeed Speed) Measure(int runs)
    {
        var report = Run();
        var (wall, processor) = (double.MaxValue, double.MaxValue);
        using var process = Process.GetCurrentProcess();
        for (var i = 0; i < runs; i++)
        {
            process.Refresh();
            var before = process.TotalProcessorTime;
            var watch = Stopwatch.StartNew();
            report = Run();
            wall = Math.Min(wall, watch.Elapsed.TotalSeconds);
            process.Refresh();
            processor = Math.Min(processor, (process.TotalProcessorTime - before).TotalSeconds);
        }

        var million = report.Counters.LaneInstructions / 1e6;
        return (report, new SimulatorSpeed(million / wall, million / processor));
    }
}

/// <summary>Million lane instructions a second.</summary>
/// <param name="Wall">As a clock sees it.</param>
/// <param name="Processor">A second of one processor's time, which others on the machine disturb less.</param>
internal sealed record SimulatorSpeed(double Wall, double Processor)
{
    public override string ToString() => $"{Wall:f0} million lane instructions a second, {Processor:f0} a second of processor time";
}

/// <summary>Kernels to measure the simulator with: what they do most is their name.</summary>
internal static class SimulatorLoads
{
    public static readonly SimulatorLoad[] All =
    [
        new("registers", () => Launch(Registers())),
        new("shared memory", () => Launch(SharedMemory())),
        new("global memory", () => VectorAdd.Template.Simulate(VectorAdd.Template.Values(new Dictionary<string, int> { ["n"] = 1 << 18 }), Target.Sm90).Report),
        new("matrices", () => Launch(Matrices())),
    ];

    private static LaunchReport Launch(Kernel kernel) => new SimulatedDevice(Target.Sm90).Launch(kernel, new Grid(32), []);

    private static Kernel Registers()
    {
        var k = new KernelBuilder("registers", Target.Sm80);
        var x = k.Copy(k.ConvertU32ToF32(k.ThreadX()));
        Loop(k, 50, () =>
        {
            for (var i = 0; i < 16; i++)
            {
                k.Assign(x, k.Fma(x, 0.5f, 1f));
            }
        });
        return k.Build(128);
    }

    private static Kernel SharedMemory()
    {
        var k = new KernelBuilder("shared_load", Target.Sm80);
        var thread = k.ThreadX();
        var tile = new SharedPointer(k.Mad(thread, 16, k.AddressOf(k.Shared("tile", 128 * 16)).Base));
        k.StoreSharedVector<B32>(tile, [thread, thread, thread, thread]);
        Loop(k, 50, () =>
        {
            var values = k.LoadSharedVector<B32>(tile, 4);
            var sum = k.Add(k.Add(values[0], values[1]), k.Add(values[2], values[3]));
            k.StoreShared(tile, sum);
            k.StoreShared(tile + 4, k.LoadShared<B32>(tile + 8));
        });
        return k.Build(128);
    }

    private static Kernel Matrices()
    {
        var k = new KernelBuilder("matrices", Target.Sm80);
        var thread = k.ThreadX();
        var tile = new SharedPointer(k.Mad(thread, 16, k.AddressOf(k.Shared("tile", 128 * 16)).Base));
        k.StoreSharedVector<B32>(tile, [0, 0, 0, 0]);
        k.Barrier();
        F32[] sums = [k.Copy<F32>(0f), k.Copy<F32>(0f), k.Copy<F32>(0f), k.Copy<F32>(0f)];
        Loop(k, 30, () =>
        {
            var a = k.LoadMatrix(tile, 4);
            var b = k.LoadMatrix(tile, 4, transposed: true);
            k.MmaF16(sums, a, b.AsSpan(0, 2));
            k.MmaF16(sums, a, b.AsSpan(2, 2));
            k.Assign(sums[0], k.Ex2(sums[0]));
        });
        return k.Build(128);
    }

    private static void Loop(KernelBuilder k, int rounds, Action body)
    {
        var round = k.Copy<B32>(0);
        k.While(() => k.CompareU32(Comparison.Less, round, rounds), () =>
        {
            body();
            k.Assign(round, k.Add(round, 1));
        });
    }
}
