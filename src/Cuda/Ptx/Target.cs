using System.Globalization;

namespace Stof.Reference.Cuda.Ptx;

/// <summary>What an instruction needs.</summary>
/// <param name="ComputeCapability">Lowest compute capability, ten times its number (80, 90, ...).</param>
/// <param name="Version">Lowest PTX ISA version, ten times its number (70 for 7.0).</param>
/// <param name="ArchitectureSpecific">
/// True if only the <c>a</c> target of exactly this compute capability has it (<c>wgmma</c> on sm_90a).
/// </param>
public readonly record struct Requirement(int ComputeCapability, int Version, bool ArchitectureSpecific = false)
{
    /// <summary>What every target here has.</summary>
    public static Requirement Base { get; } = new(80, 70);
}

/// <summary>A target of <c>ptxas</c>: what is legal in a kernel and which <c>.version</c> it needs.</summary>
/// <param name="Name">Name in a <c>.target</c> directive.</param>
/// <param name="ComputeCapability">Ten times the compute capability.</param>
/// <param name="ArchitectureSpecific">True for an <c>a</c> target, whose kernels run on this compute capability only.</param>
/// <param name="Version">Ten times the PTX ISA version that introduced the target.</param>
/// <param name="SharedBytes">Shared memory that a block may opt in to.</param>
public sealed record Target(string Name, int ComputeCapability, bool ArchitectureSpecific, int Version, int SharedBytes)
{
    /// <summary>Ampere (A100).</summary>
    public static Target Sm80 { get; } = new("sm_80", 80, false, 70, 163 * 1024);

    /// <summary>Ampere (GeForce 30, A10).</summary>
    public static Target Sm86 { get; } = new("sm_86", 86, false, 71, 99 * 1024);

    /// <summary>Ada.</summary>
    public static Target Sm89 { get; } = new("sm_89", 89, false, 78, 99 * 1024);

    /// <summary>Hopper.</summary>
    public static Target Sm90 { get; } = new("sm_90", 90, false, 78, 227 * 1024);

    /// <summary>Hopper with its own instructions (<c>wgmma</c>, <c>setmaxnreg</c>).</summary>
    public static Target Sm90a { get; } = new("sm_90a", 90, true, 80, 227 * 1024);

    /// <summary>Blackwell (B200).</summary>
    public static Target Sm100 { get; } = new("sm_100", 100, false, 86, 227 * 1024);

    /// <summary>Blackwell (GeForce 50).</summary>
    public static Target Sm120 { get; } = new("sm_120", 120, false, 87, 99 * 1024);

    /// <summary>All targets, oldest first.</summary>
    public static IReadOnlyList<Target> All { get; } = [Sm80, Sm86, Sm89, Sm90, Sm90a, Sm100, Sm120];

    /// <summary>The target of a name.</summary>
    /// <exception cref="InvalidInputException">No target has it.</exception>
    public static Target Named(string name) =>
        All.FirstOrDefault(target => target.Name == name)
        ?? throw new InvalidInputException("target", name, string.Join(", ", All.Select(target => target.Name)));

    /// <summary>The newest target without architecture-specific instructions that a device of a compute capability runs.</summary>
    /// <exception cref="InvalidInputException">The device is older than any target.</exception>
    public static Target For(int computeCapability) =>
        All.LastOrDefault(target => !target.ArchitectureSpecific && target.ComputeCapability <= computeCapability)
        ?? throw new InvalidInputException(
            "compute capability", string.Create(CultureInfo.InvariantCulture, $"{computeCapability / 10.0:f1}"), "8.0 or newer");

    /// <summary>True if the target has what an instruction needs.</summary>
    public bool Has(Requirement requirement) => requirement.ArchitectureSpecific
        ? ArchitectureSpecific && ComputeCapability == requirement.ComputeCapability
        : ComputeCapability >= requirement.ComputeCapability;
}
