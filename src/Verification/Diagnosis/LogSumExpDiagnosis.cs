using Stof.Reference.Cpu.Oracle;
using Stof.Reference.Tensors;
using Stof.Reference.Verification.Cases;
using Stof.Reference.Verification.Reports;

namespace Stof.Reference.Verification.Diagnosis;

/// <summary>What is wrong with an LSE whose output is right.</summary>
internal static class LogSumExpDiagnosis
{
    private const double Limit = 1e-4;
    private const double Ln2 = 0.69314718055994531;
    private const double ReproducingShare = 0.985;

    /// <summary>Explanations, best first; empty where LSE is right or was not returned.</summary>
    public static IReadOnlyList<Explanation> Of(AttentionCase item, VerificationReport verification)
    {
        if (item.LogSumExp is null || verification.Verdict.LogSumExpUsed <= 1)
        {
            return [];
        }

        var reference = BlockedAttention.Run(item.Problem, item.Q, item.K, item.V);
        var got = item.LogSumExp.ToDoubles();
        var declared = item.LseBase == LogSumExpBase.Two ? 1 / Ln2 : 1;
        (string Detail, Func<int, double> Predict)[] conventions =
        [
            (item.LseBase == LogSumExpBase.Two ? "natural, not base 2" : "base 2, not natural", row => reference.LogSumExp[row] * (declared == 1 ? 1 / Ln2 : 1)),
            ("+inf in rows without keys", row => double.IsNegativeInfinity(reference.LogSumExp[row]) ? double.PositiveInfinity : reference.LogSumExp[row] * declared),
            ("0 in rows without keys", row => double.IsNegativeInfinity(reference.LogSumExp[row]) ? 0 : reference.LogSumExp[row] * declared),
            ("without the maximum: ln L", row => Math.Log(reference.WeightSum[row])),
            ("the maximum alone", row => reference.LogSumExp[row] - Math.Log(reference.WeightSum[row])),
            ("without the logarithm: exp(LSE)", row => Math.Exp(reference.LogSumExp[row])),
            ("negated", row => -reference.LogSumExp[row] * declared),
            ("of unscaled scores divided by the scale", row => reference.LogSumExp[row] / item.Problem.EffectiveScale),
        ];
        return [.. conventions
            .Select(convention => (convention.Detail, Share: Enumerable.Range(0, got.Length).Average(row => Agrees(got[row], convention.Predict(row)) ? 1.0 : 0)))
            .Where(found => found.Share >= ReproducingShare)
            .Select(found => new Explanation([new Mutation(Families.LogSumExp, found.Detail, variant => variant)], found.Share, found.Share, true, true, []))];
    }

    private static bool Agrees(double got, double said) =>
        got.Equals(said) || Math.Abs(got - said) <= Limit * Math.Max(1, Math.Abs(said));
}
