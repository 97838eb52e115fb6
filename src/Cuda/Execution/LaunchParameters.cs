using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Execution;

/// <summary>A launch's parameters by name, and which of them are buffers.</summary>
/// <param name="kernel">The kernel.</param>
public sealed class LaunchParameters(Kernel kernel)
{
    private readonly Dictionary<string, IDeviceBuffer> _buffers = [];

    /// <summary>The kernel.</summary>
    public Kernel Kernel { get; } = kernel;

    /// <summary>The values.</summary>
    public ParameterBlock Block { get; } = new(kernel);

    /// <summary>The buffers among them.</summary>
    public IReadOnlyDictionary<string, IDeviceBuffer> Buffers => _buffers;

    /// <summary>Sets an address.</summary>
    /// <exception cref="InvalidInputException">No such parameter, or another type.</exception>
    public LaunchParameters Set(string name, IDeviceBuffer buffer)
    {
        ArgumentNullException.ThrowIfNull(buffer);
        Block.Set(name, buffer.Address);
        _buffers[name] = buffer;
        return this;
    }

    /// <summary>Sets an integer.</summary>
    /// <exception cref="InvalidInputException">No such parameter, or another type.</exception>
    public LaunchParameters Set(string name, int value)
    {
        Block.Set(name, value);
        return this;
    }

    /// <summary>Sets a number of bytes.</summary>
    /// <exception cref="InvalidInputException">No such parameter, or another type.</exception>
    public LaunchParameters Set(string name, long value)
    {
        Block.Set(name, (ulong)value);
        return this;
    }

    /// <summary>Sets a float.</summary>
    /// <exception cref="InvalidInputException">No such parameter, or another type.</exception>
    public LaunchParameters Set(string name, float value)
    {
        Block.Set(name, value);
        return this;
    }
}
