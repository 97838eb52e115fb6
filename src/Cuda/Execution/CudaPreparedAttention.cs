using Stof.Reference.Backends;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;

namespace Stof.Reference.Cuda.Execution;

/// <summary>An attention's buffers and launches on a device.</summary>
internal sealed class CudaPreparedAttention : IPreparedAttention
{
    private const int RunsPerSample = 20; // recorded as one, so that starting it and the marks around it weigh little

    private readonly AttentionLaunch _launch;
    private readonly IReadOnlyList<KernelStep> _steps;
    private readonly IDeviceProgram _program;

    /// <summary>Takes over the launch's memory.</summary>
    /// <param name="problem">What is computed.</param>
    /// <param name="launch">The same, perhaps with query heads as queries: tensors of the same bytes.</param>
    /// <param name="kernel">For people.</param>
    /// <param name="steps">What is launched.</param>
    public CudaPreparedAttention(AttentionProblem problem, AttentionLaunch launch, string kernel, IReadOnlyList<KernelStep> steps)
    {
        (Problem, _launch, Kernel, _steps) = (problem, launch, kernel, steps);
        _program = steps.Count == 0 ? new StepwiseProgram(launch.Device, []) : launch.Device.Record(steps);
    }

    public AttentionProblem Problem { get; }

    public string Kernel { get; }

    public void SetInputs(HostTensor q, HostTensor k, HostTensor v)
    {
        AttentionTensors.RequireInputs(Problem, q, k, v);
        _launch.Upload(q, k, v);
    }

    public void Run() => _program.Run();

    public void GetOutputs(HostTensor output, HostTensor? logSumExp)
    {
        AttentionTensors.RequireResults(Problem, output, logSumExp);
        _launch.Download(output, logSumExp);
    }

    public IReadOnlyList<double> Measure(int samples)
    {
        if (!_launch.Device.IsAsynchronous)
        {
            throw new InvalidInputException("device", _launch.Device.Name, "a GPU: the simulator counts instructions, it has no clock");
        }

        using var many = _launch.Device.Record([.. Enumerable.Repeat(_steps, RunsPerSample).SelectMany(steps => steps)]);
        many.Run(); // clocks and caches
        return [.. many.Time(samples).Select(seconds => seconds / RunsPerSample)];
    }

    public void Dispose()
    {
        _program.Dispose();
        _launch.Dispose();
    }
}
