using System.Diagnostics;
using Stof.Reference.Numerics;
using Stof.Reference.Tests;
using Stof.Reference.Tests.Planted;

namespace Stof.Reference.Bench.Verification;

/// <summary>Plants every bug into a separate kernel and writes what verify, probe and diagnose say, as a table in Markdown.</summary>
internal static class PlantedTable
{
    /// <summary>Lengths of the table.</summary>
    public static readonly int[] Lengths = [64, 128, 256, 512];

    /// <summary>Writes the table.</summary>
    /// <param name="writer">Where.</param>
    /// <param name="lengths">Lengths.</param>
    /// <param name="only">One bug; null for all.</param>
    public static void Run(TextWriter writer, int[] lengths, PlantedBug? only)
    {
        writer.WriteLine("| bug | S | verify: detected | probe | diagnose: first | in the first 3 | first explanation where another one, or not reproduced | seconds |");
        writer.WriteLine("|---|---|---|---|---|---|---|---|");
        var (runs, detected, first, three) = (0, 0, 0, 0);
        foreach (var bug in Enum.GetValues<PlantedBug>().Where(bug => bug != PlantedBug.None && (only is null || bug == only)))
        {
            foreach (var length in lengths)
            {
                var setting = PlantedSetting.Of(bug, length);
                var clock = Stopwatch.StartNew();
                var trials = Seeded.Families.Select((family, i) => PlantedTrial.Run(setting, family, (1000 * length) + i)).ToArray();
                var seconds = clock.Elapsed.TotalSeconds / trials.Length;
                runs += trials.Length;
                detected += trials.Count(trial => trial.State == Verdict.Fail);
                first += trials.Count(trial => trial.Place == 1);
                three += trials.Count(trial => trial.Place is 1 or 2 or 3);
                var others = trials.Where(trial => trial.Place != 1 || !trial.Reproduces).Select(trial => $"{trial.Best}{(trial.Reproduces ? "" : " (closest)")}").Distinct();
                writer.WriteLine(FormattableString.Invariant(
                    $"| {bug} | {length} | {trials.Count(trial => trial.State == Verdict.Fail)}/{trials.Length} | {Probe(setting)} | {trials.Count(trial => trial.Place == 1)}/{trials.Length} | {trials.Count(trial => trial.Place is 1 or 2 or 3)}/{trials.Length} | {string.Join("; ", others)} | {seconds:f1} |"));
                writer.Flush();
            }
        }

        writer.WriteLine();
        writer.WriteLine(FormattableString.Invariant(
            $"{runs} runs: {detected} detected ({100.0 * detected / runs:f1} %), {first} with the right name first ({100.0 * first / runs:f1} %), {three} among the first three ({100.0 * three / runs:f1} %)."));
    }

    private static string Probe(PlantedSetting setting)
    {
        var report = PlantedTrial.Probe(setting);
        if (report is null)
        {
            return "bias: not probed";
        }

        var found = new List<string>();
        if (!report.Difference.IsNone)
        {
            found.Add(report.Difference.Causes.Count > 0
                ? $"mask, named{(setting.Families.Any(family => report.Difference.Causes.Any(cause => cause.Any(mutation => mutation.Family == family))) ? "" : $" {report.Difference.Causes[0][0].Family}")}"
                : "mask");
        }

        found.AddRange(report.Mask.UnequalRows > 0 ? ["weights"] : []);
        found.AddRange(report.Mask.NotANumberRows > 0 ? ["NaN"] : []);
        found.AddRange(report.Addresses?.Wrong.Count > 0 ? ["addresses"] : []);
        return found.Count == 0 ? "nothing" : string.Join(", ", found);
    }
}
