using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Simulator;

namespace Stof.Reference.Cuda.Catalog;

/// <summary>A buffer of a trial.</summary>
/// <param name="Parameter">The kernel's parameter that gets its address.</param>
/// <param name="Bytes">Size.</param>
/// <param name="Contents">What it holds before; empty for a buffer that the kernel writes first.</param>
public sealed record TrialBuffer(string Parameter, int Bytes, ReadOnlyMemory<byte> Contents);

/// <summary>One launch with inputs, and what must come out; the same on the simulator and on a device.</summary>
public sealed record KernelTrial
{
    /// <summary>Blocks.</summary>
    public required Grid Grid { get; init; }

    /// <summary>Buffers; each is an allocation of its own.</summary>
    public required IReadOnlyList<TrialBuffer> Buffers { get; init; }

    /// <summary>Sets the parameters that are no buffers.</summary>
    public Action<ParameterBlock> SetScalars { get; init; } = _ => { };

    /// <summary>Looks at the buffers after the launch, by parameter name.</summary>
    /// <remarks>Returns null if they are right, else a line that says what is wrong.</remarks>
    public required Func<IReadOnlyDictionary<string, byte[]>, string?> Check { get; init; }
}
