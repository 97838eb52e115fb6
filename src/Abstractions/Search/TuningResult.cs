using System.Collections.Immutable;
using Stof.Reference.Plans;

namespace Stof.Reference.Search;

/// <summary>Where a search's time went apart from measuring, in seconds; the paper claims under 3 % of the whole.</summary>
/// <param name="Analysis">Mask tiles and the start scheme.</param>
/// <param name="Encoding">Building schemes and moves, matching templates.</param>
/// <param name="Reward">Shares and gains of stage 2.</param>
/// <param name="Measuring">Inside the clock.</param>
/// <param name="Total">Everything.</param>
public sealed record TuningOverhead(double Analysis, double Encoding, double Reward, double Measuring, double Total)
{
    /// <summary>Share of the total that was not measuring.</summary>
    public double Share => Total > 0 ? Math.Max(0, Total - Measuring) / Total : 0;
}

/// <summary>A move that stage 1 tried.</summary>
/// <param name="Move">Its name.</param>
/// <param name="From">Segments before.</param>
/// <param name="To">Segments after.</param>
/// <param name="SecondsBefore">Best time of the segments before.</param>
/// <param name="SecondsAfter">Best time of the segments after; +∞ where no kernel runs them.</param>
/// <param name="Kept">True if the move was kept, false if it was rolled back.</param>
public sealed record TriedMove(string Move, string From, string To, double SecondsBefore, double SecondsAfter, bool Kept);

/// <summary>What a search found.</summary>
public sealed record TuningResult
{
    /// <summary>The plan.</summary>
    public required ExecutionPlan Plan { get; init; }

    /// <summary>
    /// Seconds of a layer under the all-detached plan, measured in turn with <see cref="PlanSeconds"/>; attention stays fused in
    /// it where the backend refuses to store detached scores.
    /// </summary>
    public required double DetachedSeconds { get; init; }

    /// <summary>Seconds of a layer under the plan.</summary>
    public required double PlanSeconds { get; init; }

    /// <summary>Measurements made.</summary>
    public required int Samples { get; init; }

    /// <summary>True if the plan came from the cache without a measurement.</summary>
    public bool FromCache { get; init; }

    /// <summary>Moves of stage 1, in order.</summary>
    public ImmutableArray<TriedMove> Moves { get; init; } = [];

    /// <summary>Sum of segment times after each round of stage 2.</summary>
    public ImmutableArray<double> Rounds { get; init; } = [];

    /// <summary>Where the time went.</summary>
    public TuningOverhead Overhead { get; init; } = new(0, 0, 0, 0, 0);

    /// <summary>Everything measured, for the cache and for study.</summary>
    public ImmutableArray<Measurement> Measurements { get; init; } = [];

    /// <summary>How much faster the plan is than the all-detached plan.</summary>
    public double Speedup => DetachedSeconds / PlanSeconds;
}
