using Stof.Reference.Cuda.Driver;

namespace Stof.Reference.Cuda.Execution;

/// <summary>A program as one CUDA graph: one call of the driver, whatever is in it.</summary>
internal sealed class GraphProgram : IDeviceProgram
{
    private readonly CudaStream _stream;
    private readonly CudaGraph _graph;
    private readonly CudaEvent _start;
    private readonly CudaEvent _stop;

    /// <summary>Captures what an action enqueues on a stream.</summary>
    public GraphProgram(CudaContext context, CudaStream stream, Action enqueue)
    {
        _stream = stream;
        _graph = stream.Capture(enqueue);
        _start = context.CreateEvent();
        _stop = context.CreateEvent();
    }

    /// <inheritdoc/>
    public void Run() => _graph.Launch(_stream);

    /// <inheritdoc/>
    public IReadOnlyList<double> Time(int runs)
    {
        var seconds = new double[runs];
        for (var run = 0; run < runs; run++)
        {
            _start.Record(_stream);
            _graph.Launch(_stream);
            _stop.Record(_stream);
            _stop.Synchronize();
            seconds[run] = _stop.MillisecondsSince(_start) / 1e3;
        }

        return seconds;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _start.Dispose();
        _stop.Dispose();
        _graph.Dispose();
    }
}
