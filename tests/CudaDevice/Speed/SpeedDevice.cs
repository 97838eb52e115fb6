using Stof.Reference.Backends;
using Stof.Reference.Cuda.Driver;
using Stof.Reference.Cuda.Execution;
using Stof.Reference.Numerics;
using Stof.Reference.Tests;

namespace Stof.Reference.DeviceChecks.Speed;

/// <summary>A device to measure on: random operands, and medians of graph replays.</summary>
internal sealed class SpeedDevice : IDisposable
{
    private const double GraphSeconds = 300e-6; // of one replay: beside it, the half microsecond of an event is nothing
    private const int MostRepeats = 50;
    private const int Replays = 15;

    private readonly Dictionary<DType, byte[]> _patterns = [];

    public SpeedDevice(CudaDevice device)
    {
        Device = new DriverKernelDevice(device);
        Kernels = new KernelLibrary(Device.Target);
    }

    public DriverKernelDevice Device { get; }

    public KernelLibrary Kernels { get; }

    /// <summary>N(0, 1) rows: zeros would draw less power and run at another clock.</summary>
    public DeviceMatrix Random(DeviceMemory memory, DType type, int rows, int columns)
    {
        var matrix = DeviceMatrix.Allocate(memory, type, rows, columns);
        Fill(matrix.Buffer, type);
        return matrix;
    }

    /// <summary>Fills a buffer with N(0, 1).</summary>
    public void Fill(IDeviceBuffer buffer, DType type)
    {
        if (!_patterns.TryGetValue(type, out var pattern))
        {
            _patterns[type] = pattern = Seeded.Tensor(new Random(1), type, 1 << 18).Bytes.ToArray();
        }

        var bytes = new byte[buffer.Bytes];
        for (var start = 0; start < bytes.Length; start += pattern.Length)
        {
            pattern.AsSpan(0, Math.Min(pattern.Length, bytes.Length - start)).CopyTo(bytes.AsSpan(start));
        }

        Device.Write(buffer, bytes);
    }

    /// <summary>Seconds of device time that steps take, one after the other, caches as the run before left them.</summary>
    public double Seconds(IReadOnlyList<KernelStep> steps)
    {
        double once;
        using (var program = Device.Record(steps))
        {
            program.Run();
            once = Timing.Median(program.Time(3));
        }

        var repeats = (int)Math.Clamp(GraphSeconds / once, 1, MostRepeats);
        using var repeated = Device.Record([.. Enumerable.Repeat(steps, repeats).SelectMany(step => step)]);
        repeated.Run();
        return Timing.Median(repeated.Time(Replays)) / repeats;
    }

    public void Dispose() => Device.Dispose();
}
