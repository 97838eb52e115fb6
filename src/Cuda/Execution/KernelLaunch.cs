using Stof.Reference.Cuda.Simulator;

namespace Stof.Reference.Cuda.Execution;

/// <summary>A kernel with everything that its launch needs.</summary>
/// <param name="Parameters">The kernel and its parameters.</param>
/// <param name="Grid">Blocks.</param>
public sealed record KernelLaunch(LaunchParameters Parameters, Grid Grid);

/// <summary>Launches that run again and again, in order, as one: a graph on a GPU.</summary>
public interface IKernelSequence : IDisposable
{
    /// <summary>Starts them all. Does not wait.</summary>
    void Run();

    /// <summary>Times runs by the device's clock.</summary>
    /// <param name="samples">Number of times wanted.</param>
    /// <returns>Seconds of a run, in the order taken.</returns>
    /// <exception cref="InvalidInputException">The device has no clock.</exception>
    IReadOnlyList<double> Measure(int samples);
}
