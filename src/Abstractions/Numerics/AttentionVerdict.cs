namespace Stof.Reference.Numerics;

/// <summary>What a comparison says.</summary>
public enum Verdict
{
    /// <summary>At most half of every budget is used.</summary>
    Pass,

    /// <summary>Between half and all of a budget is used.</summary>
    Marginal,

    /// <summary>A budget is exceeded, or something is wrong that has no budget.</summary>
    Fail,

    /// <summary>Nothing is wrong, but the case could hardly have shown it.</summary>
    Mistrusted,

    /// <summary>The backend refused the case.</summary>
    Unsupported,
}

/// <summary>The element that uses most of its budget.</summary>
/// <param name="Batch">Batch item.</param>
/// <param name="Head">Query head.</param>
/// <param name="Query">Query.</param>
/// <param name="Dimension">Place in the value vector.</param>
/// <param name="Expected">The oracle's value.</param>
/// <param name="Actual">The value judged.</param>
/// <param name="Tolerance">The budget.</param>
public sealed record WorstElement(
    int Batch, int Head, int Query, int Dimension, double Expected, double Actual, double Tolerance);

/// <summary>The outcome of a judgement by <see cref="AttentionTolerance"/>.</summary>
public sealed record AttentionVerdict
{
    /// <summary>The state.</summary>
    public required Verdict State { get; init; }

    /// <summary>Why it is not <see cref="Verdict.Pass"/>; one line each.</summary>
    public required IReadOnlyList<string> Reasons { get; init; }

    /// <summary>Largest |error| / budget of an element; above 1 fails.</summary>
    public double BudgetUsed { get; init; }

    /// <summary>Largest |LSE error| / limit of a row; 0 if LSE was not compared.</summary>
    public double LogSumExpUsed { get; init; }

    /// <summary>The element behind <see cref="BudgetUsed"/>; null if none differs.</summary>
    public WorstElement? Worst { get; init; }

    /// <summary>The plain metrics; null for <see cref="Verdict.Unsupported"/>.</summary>
    public ErrorMetrics? Metrics { get; init; }

    /// <summary>A refused case.</summary>
    public static AttentionVerdict Unsupported(string reason) => new() { State = Verdict.Unsupported, Reasons = [reason] };
}
