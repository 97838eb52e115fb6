using Stof.Reference.Backends;

namespace Stof.Reference.Cuda.Execution;

/// <summary>Launches that were recorded once and run together, in their order.</summary>
public interface IDeviceProgram : IDisposable
{
    /// <summary>Enqueues all of them.</summary>
    void Run();

    /// <summary>Seconds of each of several runs: by the device's clock on a GPU, by the host's where the host computes.</summary>
    /// <param name="runs">How many.</param>
    IReadOnlyList<double> Time(int runs);
}

/// <summary>A program of a device that has nothing to record: it launches step by step.</summary>
/// <param name="device">Where.</param>
/// <param name="steps">What.</param>
internal sealed class StepwiseProgram(IKernelDevice device, IReadOnlyList<KernelStep> steps) : IDeviceProgram
{
    /// <inheritdoc/>
    public void Run()
    {
        foreach (var step in steps)
        {
            step.Launch(device);
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<double> Time(int runs) => [.. Enumerable.Range(0, runs).Select(_ => Timing.Seconds(Run))];

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
