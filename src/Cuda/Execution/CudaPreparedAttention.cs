using Stof.Reference.Backends;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;

namespace Stof.Reference.Cuda.Execution;

/// <summary>An attention's buffers and launches on a device.</summary>
internal sealed class CudaPreparedAttention : IPreparedAttention
{
    private readonly AttentionLaunch _launch;
    private readonly IKernelSequence _sequence;

    /// <summary>Takes over the launch's memory.</summary>
    public CudaPreparedAttention(AttentionLaunch launch, string kernel, IReadOnlyList<KernelLaunch> launches)
    {
        (_launch, Kernel) = (launch, kernel);
        _sequence = launch.Device.Record(launches);
    }

    public AttentionProblem Problem => _launch.Problem;

    public string Kernel { get; }

    public void SetInputs(HostTensor q, HostTensor k, HostTensor v) => _launch.Upload(q, k, v);

    public void Run() => _sequence.Run();

    public void GetOutputs(HostTensor output, HostTensor? logSumExp) => _launch.Download(output, logSumExp);

    public IReadOnlyList<double> Measure(int samples) => _sequence.Measure(samples);

    public void Dispose()
    {
        _sequence.Dispose();
        _launch.Dispose();
    }
}
