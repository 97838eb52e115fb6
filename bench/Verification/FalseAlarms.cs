using Stof.Reference.Cpu.Simd.Attention;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tests;
using Stof.Reference.Tests.Planted;
using Stof.Reference.Verification.Cases;
using Stof.Reference.Verification.Reports;

namespace Stof.Reference.Bench.Verification;

/// <summary>Verifies right kernels on random problems over all options, dtypes and input families: every Fail is a false alarm.</summary>
internal static class FalseAlarms
{
    private const int Seed = 910_000;

    /// <summary>Runs and writes counts by dtype.</summary>
    /// <param name="writer">Where.</param>
    /// <param name="cases">Random problems; each is given to our SIMD kernel, and every other one to the separate tiled kernel too.</param>
    public static void Run(TextWriter writer, int cases)
    {
        using var pool = new WorkerPool(Environment.ProcessorCount);
        var counts = new Dictionary<(DType Type, Verdict State), int>();
        var worst = new Dictionary<DType, double>();
        for (var i = 0; i < cases; i++)
        {
            var problem = RandomProblems.Next(Seed + i, edges: i % 2 == 0) with { LogSumExp = LogSumExpOutput.Natural };
            var (p, random) = (problem, new Random(Seed + i));
            var family = Seeded.Families[i % Seeded.Families.Length];
            var q = Seeded.Tensor(random, p.Type, family, p.Layout.Shape(p.Batch, p.QueryHeads, p.QueryLength, p.HeadSize));
            var k = Seeded.Tensor(random, p.Type, family, p.Layout.Shape(p.Batch, p.KvHeads, p.KvLength, p.HeadSize));
            var v = Seeded.Tensor(random, p.Type, family, p.Layout.Shape(p.Batch, p.KvHeads, p.KvLength, p.ValueSize));
            var (output, lse) = i % 2 == 0
                ? CpuAttention.Run(p, q, k, v, AttentionSelector.Measured(p, threads: 1), pool)
                : new PlantedAttention(p, PlantedBug.None, 16).Run(q, k, v);
            var report = Verifier.Run(new AttentionCase($"seed {Seed + i}", p, q, k, v, output, lse), new VerificationOptions());
            var key = (p.Type, report.Verdict.State);
            counts[key] = counts.GetValueOrDefault(key) + 1;
            worst[p.Type] = Math.Max(worst.GetValueOrDefault(p.Type), report.Verdict.BudgetUsed);
            if (report.Verdict.State == Verdict.Fail)
            {
                writer.WriteLine($"false alarm: {report.Name}, {family}, {p.Type}, {p.Mask}: {string.Join("; ", report.Verdict.Reasons)}");
            }
        }

        writer.WriteLine("| dtype | cases | Pass | Marginal | Mistrusted | Fail | largest share of an element budget |");
        writer.WriteLine("|---|---|---|---|---|---|---|");
        foreach (var type in counts.Keys.Select(key => key.Type).Distinct().Order())
        {
            int Of(Verdict state) => counts.GetValueOrDefault((type, state));
            writer.WriteLine(FormattableString.Invariant(
                $"| {type} | {counts.Where(pair => pair.Key.Type == type).Sum(pair => pair.Value)} | {Of(Verdict.Pass)} | {Of(Verdict.Marginal)} | {Of(Verdict.Mistrusted)} | {Of(Verdict.Fail)} | {worst[type]:f2} |"));
        }
    }
}
