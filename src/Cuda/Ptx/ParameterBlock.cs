using System.Runtime.InteropServices;

namespace Stof.Reference.Cuda.Ptx;

/// <summary>The parameters of a launch, set by name and laid out as the kernel loads them.</summary>
public sealed class ParameterBlock
{
    private readonly Kernel _kernel;
    private readonly byte[] _bytes;
    private readonly HashSet<string> _missing;

    /// <summary>Starts a block with nothing set.</summary>
    public ParameterBlock(Kernel kernel)
    {
        ArgumentNullException.ThrowIfNull(kernel);
        _kernel = kernel;
        _bytes = new byte[kernel.ParameterBytes];
        _missing = [.. kernel.Parameters.Select(parameter => parameter.Name)];
    }

    /// <summary>The block.</summary>
    /// <exception cref="InvalidInputException">A parameter is not set.</exception>
    public ReadOnlySpan<byte> Bytes => _missing.Count == 0
        ? _bytes
        : throw new InvalidInputException($"parameters of {_kernel.Name}", $"{string.Join(", ", _missing.Order(StringComparer.Ordinal))} not set", "all of them");

    /// <summary>Sets an address or a 64-bit integer.</summary>
    /// <exception cref="InvalidInputException">No such parameter, or another type.</exception>
    public ParameterBlock Set(string name, ulong value) => Set(name, value, RegisterType.B64);

    /// <summary>Sets a 64-bit integer.</summary>
    /// <exception cref="InvalidInputException">No such parameter, or another type.</exception>
    public ParameterBlock Set(string name, long value) => Set(name, value, RegisterType.B64);

    /// <summary>Sets a 32-bit integer.</summary>
    /// <exception cref="InvalidInputException">No such parameter, or another type.</exception>
    public ParameterBlock Set(string name, int value) => Set(name, value, RegisterType.B32);

    /// <summary>Sets a 32-bit integer.</summary>
    /// <exception cref="InvalidInputException">No such parameter, or another type.</exception>
    public ParameterBlock Set(string name, uint value) => Set(name, value, RegisterType.B32);

    /// <summary>Sets a float.</summary>
    /// <exception cref="InvalidInputException">No such parameter, or another type.</exception>
    public ParameterBlock Set(string name, float value) => Set(name, value, RegisterType.F32);

    /// <summary>Sets a double.</summary>
    /// <exception cref="InvalidInputException">No such parameter, or another type.</exception>
    public ParameterBlock Set(string name, double value) => Set(name, value, RegisterType.F64);

    private ParameterBlock Set<T>(string name, T value, RegisterType type)
        where T : unmanaged
    {
        var parameter = _kernel.Parameters.FirstOrDefault(parameter => parameter.Name == name)
            ?? throw new InvalidInputException(
                $"parameter of {_kernel.Name}", $"'{name}'", string.Join(", ", _kernel.Parameters.Select(parameter => parameter.Name)));
        if (parameter.Type != type)
        {
            throw new InvalidInputException($"parameter {name} of {_kernel.Name}", $"a value of type {type}", parameter.Type.ToString());
        }

        MemoryMarshal.Write(_bytes.AsSpan(parameter.Offset), in value);
        _missing.Remove(name);
        return this;
    }
}
