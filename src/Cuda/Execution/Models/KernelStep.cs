using Stof.Reference.Cuda.Simulator;

namespace Stof.Reference.Cuda.Execution;

/// <summary>One launch, all of it known: kernel, parameters, blocks.</summary>
/// <param name="Parameters">Kernel and parameters.</param>
/// <param name="Grid">Blocks.</param>
public sealed record KernelStep(LaunchParameters Parameters, Grid Grid)
{
    /// <summary>Enqueues it.</summary>
    public void Launch(IKernelDevice device)
    {
        ArgumentNullException.ThrowIfNull(device);
        device.Launch(Parameters, Grid);
    }
}
