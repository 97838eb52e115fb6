using Stof.Reference.Formats;
using Stof.Reference.Numerics;
using Stof.Reference.Verification.Cases;
using Stof.Reference.Verification.Diagnosis;
using Stof.Reference.Verification.Probing;
using Stof.Reference.Verification.Reports;

namespace Stof.Reference.Tests.Planted;

/// <summary>What verify and diagnose say about one run of a kernel with a planted bug.</summary>
/// <param name="State">The verdict.</param>
/// <param name="Place">Place of the right name among the explanations, from 1; 0 if it is not there.</param>
/// <param name="Best">The first explanation.</param>
/// <param name="Reproduces">It reproduces the output.</param>
internal sealed record PlantedTrial(Verdict State, int Place, string Best, bool Reproduces)
{
    /// <summary>Runs the kernel on inputs of one family and asks.</summary>
    public static PlantedTrial Run(PlantedSetting setting, InputFamily family, int seed)
    {
        var p = setting.Problem;
        var (q, k, v) = setting.Inputs(family, seed);
        var (output, lse) = new PlantedAttention(p, setting.Bug, setting.Tile).Run(q, k, v);
        var hasLse = setting.Bug is PlantedBug.LogSumExpBaseTwo or PlantedBug.None;
        var item = new AttentionCase($"{setting.Bug}", p, q, k, v, output, hasLse ? lse : null);

        // The kernel's tile is not told: it is one of those that are tried.
        var report = Diagnoser.Run(item, new VerificationOptions { Tile = TileShape.Default });
        var place = report.Explanations.Select((explanation, i) => (explanation, i))
            .Where(entry => setting.Families.ToHashSet().SetEquals(entry.explanation.Mutations.Select(mutation => mutation.Family)))
            .Select(entry => entry.i + 1)
            .FirstOrDefault();
        var best = report.Explanations.Count > 0 ? report.Explanations[0] : null;
        return new PlantedTrial(report.Verification.Verdict.State, place, best?.ToString() ?? "-", best?.Reproduces ?? false);
    }

    /// <summary>What the probe says; null where the problem has a bias and is not probed.</summary>
    public static ProbeReport? Probe(PlantedSetting setting)
    {
        var p = setting.Problem;
        if (p.Bias is not null)
        {
            return null;
        }

        var kernel = new PlantedAttention(p, setting.Bug, setting.Tile);
        var outputs = ProbeReport.Runs(p).ToDictionary(run => run.Name, run => kernel.Run(run.Q, run.K, run.V).Output);
        return ProbeReport.Read(p, name => outputs[name], TileShape.Default);
    }
}
