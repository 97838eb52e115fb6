namespace Stof.Reference.Cuda.Execution;

/// <summary>Launches that are made one by one, on a device without graphs.</summary>
internal sealed class LaunchSequence(IKernelDevice device, IReadOnlyList<KernelLaunch> launches) : IKernelSequence
{
    public void Run()
    {
        foreach (var launch in launches)
        {
            device.Launch(launch.Parameters, launch.Grid);
        }
    }

    public IReadOnlyList<double> Measure(int samples) =>
        throw new InvalidInputException("device", device.Name, "a GPU: the simulator counts instructions, it has no clock");

    public void Dispose()
    {
    }
}
