using Stof.Reference.Cuda.Driver;

namespace Stof.Reference.Cuda.Execution;

/// <summary>Launches as a CUDA graph: one call of the driver a run, however many kernels.</summary>
internal sealed class GraphSequence : IKernelSequence
{
    private const int RunsPerSample = 20; // in one graph, so that starting it and the marks around it weigh little

    private readonly DriverKernelDevice _device;
    private readonly IReadOnlyList<KernelLaunch> _launches;
    private readonly CudaGraph _graph;

    public GraphSequence(DriverKernelDevice device, IReadOnlyList<KernelLaunch> launches)
    {
        (_device, _launches) = (device, launches);
        foreach (var launch in launches)
        {
            device.Load(launch.Parameters.Kernel); // compiling is not for a capture
        }

        _graph = Capture(1);
    }

    public void Run() => _graph.Launch(_device.Stream);

    public IReadOnlyList<double> Measure(int samples)
    {
        using var many = Capture(RunsPerSample);
        using var start = _device.Context.CreateEvent();
        using var end = _device.Context.CreateEvent();
        var seconds = new double[samples];
        many.Launch(_device.Stream); // clocks and caches
        for (var i = 0; i < samples; i++)
        {
            start.Record(_device.Stream);
            many.Launch(_device.Stream);
            end.Record(_device.Stream);
            end.Synchronize();
            seconds[i] = end.MillisecondsSince(start) / 1e3 / RunsPerSample;
        }

        return seconds;
    }

    public void Dispose() => _graph.Dispose();

    private CudaGraph Capture(int runs) => _device.Stream.Capture(() =>
    {
        for (var run = 0; run < runs; run++)
        {
            foreach (var launch in _launches)
            {
                _device.Launch(launch.Parameters, launch.Grid);
            }
        }
    });
}
