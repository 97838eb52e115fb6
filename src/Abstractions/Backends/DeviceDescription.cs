using System.Collections.Immutable;

namespace Stof.Reference.Backends;

/// <summary>What a plan or a legality rule needs to know about a device.</summary>
/// <param name="Backend">Backend name, such as <c>cpu</c>.</param>
/// <param name="Name">Device name for people.</param>
/// <param name="Workers">Threads, or multiprocessors.</param>
/// <param name="FastMemoryBytes">Memory next to one worker: L2 cache of a core, shared memory of a multiprocessor.</param>
/// <param name="VectorBits">Width of one arithmetic operation.</param>
public sealed record DeviceDescription(string Backend, string Name, int Workers, long FastMemoryBytes, int VectorBits)
{
    /// <summary>
    /// What identifies the backend's kernels: it changes whenever their code does. Measured times do not outlive it, while a plan,
    /// which names no kernel, does; so it is no part of <see cref="Fingerprint"/>.
    /// </summary>
    public string Kernels { get; init; } = "";

    /// <summary>Tiles of a product that a search may choose among, as the backend writes them; empty where products are blocked by numbers.</summary>
    public ImmutableArray<string> ProductTiles { get; init; } = [];

    /// <summary>Names of templates that have no kernel here, whatever the shape; their operators run in smaller segments.</summary>
    public ImmutableArray<string> MissingTemplates { get; init; } = [];

    /// <summary>A short text that changes when a tuned plan should not be trusted any more.</summary>
    public string Fingerprint => $"{Backend}|{Name}|{Workers}|{FastMemoryBytes}|{VectorBits}";
}
