namespace Stof.Reference.Cuda.Execution;

/// <summary>States of key ranges between two launches.</summary>
internal sealed class StateBuffers(DeviceMemory memory, long states, int valueSize)
{
    private readonly IDeviceBuffer _maxima = memory.Allocate(states * sizeof(float));
    private readonly IDeviceBuffer _sums = memory.Allocate(states * sizeof(float));
    private readonly IDeviceBuffer _seen = memory.Allocate(states * sizeof(int));
    private readonly IDeviceBuffer _outputs = memory.Allocate(states * valueSize * sizeof(float));

    /// <summary>Sets their addresses.</summary>
    public LaunchParameters Set(LaunchParameters parameters) =>
        parameters.Set("part_max", _maxima).Set("part_sum", _sums).Set("part_seen", _seen).Set("part_output", _outputs);
}
