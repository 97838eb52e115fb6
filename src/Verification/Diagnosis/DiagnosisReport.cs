using Stof.Reference.Verification.Reports;

namespace Stof.Reference.Verification.Diagnosis;

/// <summary>One explanation of a wrong output.</summary>
/// <param name="Mutations">The bugs, in the order in which they apply; one or two.</param>
/// <param name="Explained">1 − residual² / error², the error measured row by row in units of Σ p·|v|; below 0 it makes things worse.</param>
/// <param name="WithinBudget">Share of elements that agree with the prediction within the rounding budget.</param>
/// <param name="Reproduces">The prediction is the output but for rounding.</param>
/// <param name="IsTied">It predicts this output as well as the first explanation does: the case cannot tell the two apart.</param>
/// <param name="ByClass"><paramref name="Explained"/> by class of rows; classes without an error are left out.</param>
public sealed record Explanation(
    IReadOnlyList<Mutation> Mutations,
    double Explained,
    double WithinBudget,
    bool Reproduces,
    bool IsTied,
    IReadOnlyList<(RowClass Class, double Explained)> ByClass)
{
    /// <summary>The bugs' names.</summary>
    public override string ToString() => string.Join(" + ", Mutations);
}

/// <summary>What diagnosis found out.</summary>
/// <param name="Verification">The verification of the same case.</param>
/// <param name="Explanations">Best first; empty where nothing is wrong or nothing explains a part of the error.</param>
/// <param name="Candidates">Mutations and pairs of them that were tried.</param>
/// <param name="Rows">Rows on which explanations were compared at the end.</param>
/// <param name="Mask">The mask's pattern where it came as an array and was recognised.</param>
public sealed record DiagnosisReport(
    VerificationReport Verification, IReadOnlyList<Explanation> Explanations, int Candidates, int Rows, string? Mask)
{
    /// <summary>The best explanation that reproduces the output; null if none does.</summary>
    public Explanation? Cause => Explanations is [{ Reproduces: true } best, ..] ? best : null;
}
