using Stof.Reference.Formats;
using Stof.Reference.Numerics;
using Stof.Reference.Verification.Cases;

namespace Stof.Reference.Verification.Reports;

/// <summary>What the tiles of a row's tile row are like: bugs in mask handling follow these classes.</summary>
public enum RowClass
{
    /// <summary>Only tiles in which every pair is allowed.</summary>
    Full,

    /// <summary>At least one tile in which some pairs are allowed and some are not.</summary>
    Part,

    /// <summary>At least one tile that the end of the queries or keys cuts short.</summary>
    Edge,

    /// <summary>The row attends to no key.</summary>
    Empty,
}

/// <summary>Elements of one class of rows.</summary>
/// <param name="Class">The class.</param>
/// <param name="Rows">Rows that were checked.</param>
/// <param name="WrongRows">Rows with an element over its budget.</param>
/// <param name="WrongElements">Elements over their budget.</param>
/// <param name="BudgetUsed">The largest share of a budget.</param>
public sealed record ClassSummary(RowClass Class, long Rows, long WrongRows, long WrongElements, double BudgetUsed);

/// <summary>One of the elements that use most of their budget.</summary>
/// <param name="Batch">Batch item.</param>
/// <param name="Head">Query head.</param>
/// <param name="Query">Query.</param>
/// <param name="Dimension">Place in the value vector.</param>
/// <param name="Expected">The oracle's value.</param>
/// <param name="Actual">The kernel's value.</param>
/// <param name="Budget">What it may be off by.</param>
/// <param name="Used">|error| / budget; ∞ for NaN and infinities that do not belong.</param>
/// <param name="TileRow">Tile row of the query.</param>
/// <param name="Class">Class of the row.</param>
public sealed record ElementFinding(
    int Batch, int Head, int Query, int Dimension, double Expected, double Actual, double Budget, double Used, int TileRow, RowClass Class);

/// <summary>
/// FlashAttention's rule: the largest error is at most twice that of a naive attention that keeps scores and weights in the
/// kernel's dtype, plus 2·max|(o + 0.3 − 0.3) − o| for its rounding (Dao-AILab/flash-attention, tests).
/// </summary>
/// <param name="Error">Largest |error| of the kernel over the rows compared.</param>
/// <param name="NaiveError">That of the naive attention.</param>
/// <param name="Floor">The rounding term.</param>
/// <param name="Rows">Rows compared: all, or evenly spaced ones where that would take long.</param>
public sealed record SamePrecisionRule(double Error, double NaiveError, double Floor, int Rows)
{
    /// <summary>Whether the rule holds.</summary>
    public bool Holds => Error <= (2 * NaiveError) + Floor;
}

/// <summary>What the inputs are like where that matters for the judgement.</summary>
/// <param name="NonFinite">NaN or infinite elements of q, k and v.</param>
/// <param name="UnattendedNonFinite">Keys with such elements in k or v that no query attends to.</param>
/// <param name="EmptyRows">Rows without a key.</param>
public sealed record InputFacts(long NonFinite, long UnattendedNonFinite, long EmptyRows);

/// <summary>The largest share of a budget by (batch item and head, tile row); NaN where no row was checked.</summary>
/// <param name="Slices">B·Hq.</param>
/// <param name="TileRows">⌈Sq/BM⌉.</param>
/// <param name="Used">[Slices, TileRows].</param>
public sealed record ErrorMap(int Slices, int TileRows, double[] Used);

/// <summary>What verification found out about one case.</summary>
public sealed record VerificationReport
{
    /// <summary>The case's name.</summary>
    public required string Name { get; init; }

    /// <summary>The case; null where it could not be judged.</summary>
    public AttentionCase? Case { get; init; }

    /// <summary>The judgement.</summary>
    public required AttentionVerdict Verdict { get; init; }

    /// <summary>The tiling that classes and coordinates refer to.</summary>
    public required TileShape Tile { get; init; }

    /// <summary>By class of rows; classes without rows are left out.</summary>
    public IReadOnlyList<ClassSummary> Classes { get; init; } = [];

    /// <summary>The worst elements, worst first, at most one a row.</summary>
    public IReadOnlyList<ElementFinding> Worst { get; init; } = [];

    /// <summary>Where the errors are.</summary>
    public ErrorMap? Map { get; init; }

    /// <summary>The second rule; null for F64 and where nothing could be compared.</summary>
    public SamePrecisionRule? SamePrecision { get; init; }

    /// <summary>The inputs.</summary>
    public InputFacts Inputs { get; init; } = new(0, 0, 0);

    /// <summary>Rows that were checked.</summary>
    public long RowsChecked { get; init; }

    /// <summary>Rows of the output.</summary>
    public long RowsTotal { get; init; }

    /// <summary>Whether nothing speaks against the kernel: <see cref="Verdict.Pass"/> or <see cref="Verdict.Marginal"/>.</summary>
    public bool IsGood => Verdict.State is Numerics.Verdict.Pass or Numerics.Verdict.Marginal;
}
