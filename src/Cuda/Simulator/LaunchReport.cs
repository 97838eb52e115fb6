using System.Text;
using Stof.Reference.Cuda.Simulator.Tracing;

namespace Stof.Reference.Cuda.Simulator;

/// <summary>What a simulated launch did.</summary>
public sealed record LaunchReport
{
    /// <summary>Kernel.</summary>
    public required string Kernel { get; init; }

    /// <summary>Blocks.</summary>
    public required Grid Grid { get; init; }

    /// <summary>What the kernel must not do; empty for a good kernel. At most as many as the options allow.</summary>
    public required IReadOnlyList<Finding> Findings { get; init; }

    /// <summary>Different findings in all.</summary>
    public required int FindingCount { get; init; }

    /// <summary>Counters over all blocks.</summary>
    public required Counters Counters { get; init; }

    /// <summary>The recorded steps; null if none were asked for.</summary>
    public Trace? Trace { get; init; }

    /// <summary>Throws if there is a finding.</summary>
    /// <exception cref="InvalidOperationException">With all findings.</exception>
    public LaunchReport ThrowIfFound()
    {
        if (FindingCount == 0)
        {
            return this;
        }

        var text = new StringBuilder();
        text.Append(Kernel).Append(": ").Append(FindingCount).Append(" findings");
        foreach (var finding in Findings)
        {
            text.Append('\n').Append(finding);
        }

        throw new InvalidOperationException(text.ToString());
    }
}
