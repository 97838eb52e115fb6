using Stof.Reference.Cpu.Oracle;
using Stof.Reference.Cpu.Simd.Attention;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Formats;
using Stof.Reference.Interchange;
using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;
using Stof.Reference.Tests;
using Stof.Reference.Verification.Cases;
using Stof.Reference.Verification.Golden;
using Stof.Reference.Verification.Probing;
using InputFamily = Stof.Reference.Tests.InputFamily;

namespace Stof.Reference.Mutants;

/// <summary>
/// Four checks of the CPU's attention that do not lean on each other: the definition on random problems, committed answers, the
/// probes, and laws that need no answer at all. Each returns what it found, or null.
/// </summary>
internal static class KernelChecks
{
    private const int Seed = 4_200;
    private const double LogSumExpLimit = 1e-4;

    private static readonly AttentionChoice[] Choices =
    [
        new(AttentionAlgorithm.Blockwise, new TileShape(64, 64)),
        new(AttentionAlgorithm.Blockwise, new TileShape(128, 256)),
        new(AttentionAlgorithm.Rowwise, new TileShape(64, 64)),
    ];

    private static readonly WorkerPool Pool = new(1);

    /// <summary>By name.</summary>
    public static readonly IReadOnlyDictionary<string, Func<string, string?>> All = new Dictionary<string, Func<string, string?>>
    {
        ["definition"] = _ => Definition(),
        ["committed"] = Committed,
        ["probe"] = _ => Probe(),
        ["laws"] = _ => Laws(),
    };

    private static IEnumerable<AttentionProblem> Problems()
    {
        for (var trial = 0; trial < 60; trial++)
        {
            yield return RandomProblems.Next(Seed + trial, edges: trial % 2 == 0) with { LogSumExp = LogSumExpOutput.Natural, KvSplits = 1 + (trial % 3) };
        }

        yield return Make("causal", 300, 300, DType.F32);
        yield return Make("full", 20, 3300, DType.F32);
        yield return Make("bigbird(band=20,global=9,fill=0.05,seed=1)", 300, 300, DType.F16) with { KvSplits = 3 };
    }

    private static AttentionProblem Make(string mask, int queries, int keys, DType type) => new()
    {
        Batch = 2,
        QueryHeads = 4,
        KvHeads = 2,
        QueryLength = queries,
        KvLength = keys,
        HeadSize = 24,
        Type = type,
        Mask = MaskText.Parse(mask),
        LogSumExp = LogSumExpOutput.Natural,
    };

    private static string? Definition()
    {
        var number = 0;
        foreach (var p in Problems())
        {
            var (q, k, v) = Inputs(p, Seeded.Families[number % 3], Seed + number);
            var reference = NaiveAttention.Run(p, q, k, v);
            foreach (var choice in Choices)
            {
                var (output, lse) = CpuAttention.Run(p, q, k, v, choice, Pool);
                var verdict = new AttentionTolerance { LimitFrobenius = false, LogSumExpLimit = LogSumExpLimit }.Judge(p, reference, output, lse);
                if (verdict.State == Verdict.Fail)
                {
                    return $"{choice}, {p.Mask}: {verdict.Reasons[0]}";
                }
            }

            number++;
        }

        return null;
    }

    // No oracle: the numbers of the committed files, and a plain bound on rounding.
    private static string? Committed(string corpus)
    {
        foreach (var (name, _, semantics) in GoldenFolder.Entries(corpus))
        {
            var arrays = new Dictionary<string, HostTensor>(NpzArchive.Read(Path.Combine(corpus, name + ".npz")));
            var (p, q, k, v) = CaseArrays.Inputs(name, semantics, arrays);
            var (expected, expectedLse, values) = (arrays["expected"].ToDoubles(), arrays["expected_lse"].ToDoubles(), v.ToDoubles());
            var bound = 8 * Math.Max(p.Type.UnitRoundoff(), 1e-6) * values.Max(Math.Abs);
            foreach (var choice in Choices)
            {
                var (output, lse) = CpuAttention.Run(p, q, k, v, choice, Pool);
                var (got, gotLse) = (output.ToDoubles(), lse!.ToDoubles());
                for (var i = 0; i < got.Length; i++)
                {
                    if (!(Math.Abs(got[i] - expected[i]) <= bound))
                    {
                        return $"{choice}, {name}: element {i} is {got[i]:g6}, committed {expected[i]:g6}";
                    }
                }

                for (var row = 0; row < gotLse.Length; row++)
                {
                    if (!gotLse[row].Equals(expectedLse[row]) && !(Math.Abs(gotLse[row] - expectedLse[row]) <= LogSumExpLimit * Math.Max(1, Math.Abs(expectedLse[row]))))
                    {
                        return $"{choice}, {name}: LSE of row {row} is {gotLse[row]:g6}, committed {expectedLse[row]:g6}";
                    }
                }
            }
        }

        return null;
    }

    private static string? Probe()
    {
        AttentionProblem[] problems =
        [
            Make("causal & sliding(30)", 150, 150, DType.F16),
            Make("heads([causal,sliding(3),full,strided(5)])", 90, 140, DType.F32),
            Make("causal(-1)", 80, 80, DType.BF16) with { KvSplits = 3 },
            Make("full", 12, 2500, DType.F16) with { Batch = 1, QueryHeads = 2, KvHeads = 1, HeadSize = 512, ValueHeadSize = 512 },
        ];
        foreach (var p in problems)
        {
            foreach (var choice in Choices)
            {
                var size = p.HeadSize > 64 ? p : p with { HeadSize = 32, ValueHeadSize = 32 };
                var outputs = ProbeReport.Runs(size).ToDictionary(run => run.Name, run => CpuAttention.Run(size, run.Q, run.K, run.V, choice, Pool).Output);
                var report = ProbeReport.Read(size, name => outputs[name], choice.Tile);
                if (!report.IsGood)
                {
                    return $"{choice}, {p.Mask}: {report.Difference.Extra} pairs too many, {report.Difference.Missing} too few, {report.Mask.UnequalRows} rows uneven, {report.Addresses?.Wrong.Count} wrong addresses";
                }
            }
        }

        return null;
    }

    private static string? Laws()
    {
        var number = 0;
        foreach (var p in Problems())
        {
            number++;
            foreach (var choice in Choices)
            {
                foreach (var (law, check) in KernelLaws.All)
                {
                    var (q, k, v) = Inputs(p, InputFamily.Wide, Seed + number);
                    if (check(p, q, k, v, (problem, x, y, z) => CpuAttention.Run(problem, x, y, z, choice, Pool)) is { } finding)
                    {
                        return $"{choice}, {p.Mask}: {law}: {finding}";
                    }
                }
            }
        }

        return null;
    }

    private static (HostTensor Q, HostTensor K, HostTensor V) Inputs(AttentionProblem p, InputFamily family, int seed)
    {
        var random = new Random(seed);
        return (
            Seeded.Tensor(random, p.Type, family, p.Layout.Shape(p.Batch, p.QueryHeads, p.QueryLength, p.HeadSize)),
            Seeded.Tensor(random, p.Type, family, p.Layout.Shape(p.Batch, p.KvHeads, p.KvLength, p.HeadSize)),
            Seeded.Tensor(random, p.Type, family, p.Layout.Shape(p.Batch, p.KvHeads, p.KvLength, p.ValueSize)));
    }
}
