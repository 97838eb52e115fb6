using System.Globalization;
using System.Security.Cryptography;
using Stof.Reference.Backends;
using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;

namespace Stof.Reference.Tests;

/// <summary>
/// The committed cases on which all backends must agree: patterns × dtypes × options, inputs from seeds. They are small, so that the simulator
/// runs them too, and their sizes are those that matrix-unit kernels compute.
/// </summary>
internal static class AgreementCases
{
    private const int Seed = 20_261_128;

    private static readonly string[] Masks =
    [
        "full",
        "causal",
        "sliding(9)",
        "dilated(width=12,gap=2)",
        "longformer(band=5,global=7)",
        "bigbird(band=8,global=9,fill=0.2,seed=3)",
        "documents(lengths=20+0+39+1,rest=empty)",
        "heads([causal,sliding(5),empty,full])",
    ];

    private static readonly (string Name, Func<AttentionProblem, AttentionProblem> Apply)[] Options =
    [
        ("plain", p => p),
        ("cap + ALiBi", p => p with { Softcap = 2, Bias = AlibiBias.Standard(4) }),
        ("sinks + splits", p => p with { Sinks = [0, -3, 5, 1.5], KvSplits = 3 }),
        ("top left, length first", p => p with { Alignment = PositionAlignment.TopLeft, Layout = AttentionLayout.BatchLengthHeads }),
    ];

    /// <summary>Name and problem of every case.</summary>
    public static IReadOnlyList<(string Name, AttentionProblem Problem, int Seed)> All { get; } =
    [
        .. from mask in Enumerable.Range(0, Masks.Length)
           from type in Enumerable.Range(0, MaskTrials.Types.Count)
           let option = (mask + type) % Options.Length
           select ($"{Masks[mask]}, {MaskTrials.Types[type]}, {Options[option].Name}", Problem(Masks[mask], MaskTrials.Types[type], option), Seed + (8 * mask) + type),
    ];

    /// <summary>Inputs of a case and what the oracle says about it.</summary>
    public static AttentionTrial Trial(AttentionProblem problem, int seed) => AttentionTrial.Of(problem, InputFamily.UnitNormal, new Random(seed));

    /// <summary>First sixteen hexadecimal digits of the hash of a result's bits.</summary>
    public static string Hash(AttentionResult result)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(result.Output.Bytes);
        hash.AppendData(result.LogSumExp!.Bytes);
        return Convert.ToHexStringLower(hash.GetCurrentHash())[..16];
    }

    /// <summary>How a backend does on every case.</summary>
    /// <param name="backend">The backend.</param>
    /// <param name="logSumExpLimit">Factor on max(1, |LSE|).</param>
    public static IReadOnlyList<AgreementRow> Judge(IBackend backend, double logSumExpLimit)
    {
        ArgumentNullException.ThrowIfNull(backend);
        var rows = new List<AgreementRow>();
        foreach (var (name, problem, seed) in All)
        {
            var trial = Trial(problem, seed) with { LogSumExpLimit = logSumExpLimit };
            var result = backend.Attend(trial.Problem, trial.Q, trial.K, trial.V);
            var verdict = trial.Judge(result.Output, result.LogSumExp);
            rows.Add(new AgreementRow(
                name,
                verdict.State.ToString(),
                Rounded(verdict.BudgetUsed),
                Rounded(verdict.LogSumExpUsed),
                Rounded(verdict.Metrics!.RelativeFrobenius),
                Hash(result)));
        }

        return rows;
    }

    private static AttentionProblem Problem(string mask, DType type, int option) => Options[option].Apply(new AttentionProblem
    {
        Batch = 2,
        QueryHeads = 4,
        KvHeads = 2,
        QueryLength = 60,
        KvLength = mask.StartsWith("documents", StringComparison.Ordinal) ? 60 : 77,
        HeadSize = 32,
        Type = type,
        Mask = MaskText.Parse(mask),
    });

    // Three digits: more would change with the order of a sum.
    private static double Rounded(double value) => double.Parse(value.ToString("e2", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
}

/// <summary>One backend on one case.</summary>
/// <param name="Case">Name.</param>
/// <param name="State">The verdict.</param>
/// <param name="BudgetUsed">Largest share of the element budget.</param>
/// <param name="LogSumExpUsed">Largest share of the limit on LSE.</param>
/// <param name="RelativeFrobenius">Relative Frobenius error.</param>
/// <param name="Bits">Hash of the result's bits.</param>
internal sealed record AgreementRow(string Case, string State, double BudgetUsed, double LogSumExpUsed, double RelativeFrobenius, string Bits);
