using Stof.Reference.Cuda.Simulator.Tracing;

namespace Stof.Reference.Cuda.Simulator;

/// <summary>How a launch is simulated.</summary>
public sealed record LaunchOptions
{
    /// <summary>The default.</summary>
    public static LaunchOptions Default { get; } = new();

    /// <summary>Threads of the host that run blocks; the processors' number by default.</summary>
    public int Workers { get; init; } = Environment.ProcessorCount;

    /// <summary>Instructions that the warps of one block may run together before the launch is given up as endless.</summary>
    public long InstructionBudget { get; init; } = 100_000_000;

    /// <summary>Different findings that a report keeps; the others are counted.</summary>
    public int MaximumFindings { get; init; } = 100;

    /// <summary>The warp whose steps are recorded; null for none.</summary>
    public TraceRequest? Trace { get; init; }
}
