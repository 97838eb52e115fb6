using Stof.Reference.Masks;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;
using Stof.Reference.Verification.Diagnosis;

namespace Stof.Reference.Verification.Probing;

/// <summary>
/// Finds out which K and V a kernel really reads. Every key has a code word of ±1, every query is the code word of one key that it
/// may see, scaled so that the softmax picks that key alone, and V holds the key's own address (batch item, KV head, position) in
/// small integers: what comes out is the address that was read.
/// </summary>
public static class AddressProbe
{
    private const int Digits = 5; // batch, head, and the position in three digits
    private const int Base = 128; // an integer that every dtype holds exactly
    private const double Gap = 110; // e^−110 is 0 in single precision
    private const double LargestFactor = 4096;
    private const ulong Seed = 0x5A17;

    /// <summary>Why a problem cannot be probed; null if it can.</summary>
    public static string? Refusal(AttentionProblem problem)
    {
        ArgumentNullException.ThrowIfNull(problem);
        var least = Math.Max(16, 3.6 * Math.Log(Math.Max(problem.KvLength, 2)));
        return problem.Softcap is not null || problem.Bias is not null || problem.Sinks is not null
            ? "a cap, bias or sink would blur the choice of one key"
            : problem.ValueSize < Digits ? $"an address takes {Digits} value dimensions, not {problem.ValueSize}"
            : problem.HeadSize < least ? FormattableString.Invariant($"{problem.KvLength} code words take a head size of {Math.Ceiling(least)}, not {problem.HeadSize}")
            : Factor(problem) > LargestFactor ? FormattableString.Invariant($"a scale of {problem.EffectiveScale:g3} takes queries that F16 cannot hold")
            : null;
    }

    /// <summary>The inputs of one run.</summary>
    /// <param name="problem">A problem that is not refused.</param>
    /// <param name="run">The run; each asks every query for another key.</param>
    public static (HostTensor Q, HostTensor K, HostTensor V) Inputs(AttentionProblem problem, int run)
    {
        ArgumentNullException.ThrowIfNull(problem);
        var p = problem;
        var mask = MaskPlanes.Of(p.BindMask());
        var factor = Factor(p) * Math.Sign(p.EffectiveScale);
        var q = ProbeTensors.Rows(p, p.QueryHeads, p.QueryLength, p.HeadSize, (b, h, query, values) =>
        {
            if (Target(mask[b, h], run, h, query) is { } key)
            {
                Word(b, p.KvHeadOf(h), key, factor, values);
            }
        });
        var k = ProbeTensors.Rows(p, p.HeadSize, (b, h, key, values) => Word(b, h, key, 1, values));
        var v = ProbeTensors.Rows(p, p.ValueSize, (b, h, key, values) =>
        {
            (values[0], values[1]) = (b % Base, h % Base);
            (values[2], values[3], values[4]) = (key % Base, key / Base % Base, key / Base / Base);
        });
        return (q, k, v);
    }

    /// <summary>The addresses that outputs show.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="outputs">O of the runs from 0 on.</param>
    /// <exception cref="InvalidInputException">An output has another shape.</exception>
    public static AddressReading Read(AttentionProblem problem, IReadOnlyList<HostTensor> outputs)
    {
        ArgumentNullException.ThrowIfNull(problem);
        ArgumentNullException.ThrowIfNull(outputs);
        var p = problem;
        var mask = MaskPlanes.Of(p.BindMask());
        var wrong = new List<WrongAddress>();
        var rows = 0L;
        for (var run = 0; run < outputs.Count; run++)
        {
            ProbeTensors.RequireOutput(p, outputs[run], $"output of address run {run}");
            var values = outputs[run].ToDoubles();
            for (var row = 0; row < p.Batch * p.QueryHeads * p.QueryLength; row++)
            {
                var (b, h, query) = (row / (p.QueryHeads * p.QueryLength), row / p.QueryLength % p.QueryHeads, row % p.QueryLength);
                if (Target(mask[b, h], run, h, query) is not { } key)
                {
                    continue;
                }

                rows++;
                var read = values.AsSpan(p.Layout.RowOffset(p.QueryHeads, p.QueryLength, p.ValueSize, b, h, query), Digits);
                var isMixture = false;
                foreach (var digit in read)
                {
                    isMixture |= double.IsNaN(digit) || Math.Abs(digit - Math.Round(digit)) > 0.01;
                }

                var found = (Batch: (int)Math.Round(read[0]), Head: (int)Math.Round(read[1]), Key: (int)Math.Round(read[2] + (Base * (read[3] + (Base * read[4])))));
                if (isMixture || found != (b % Base, p.KvHeadOf(h) % Base, key))
                {
                    wrong.Add(new WrongAddress(b, h, query, key, isMixture, found.Batch, found.Head, found.Key));
                }
            }
        }

        return new AddressReading(rows, wrong);
    }

    // Two words differ in an eighth of their places at least, nearly always. A power of two, so that scores are exact.
    private static double Factor(AttentionProblem p) => Math.Pow(2, Math.Ceiling(Math.Log2(Gap / (Math.Abs(p.EffectiveScale) * p.HeadSize / 4))));

    private static int? Target(BitPlane plane, int run, int head, int query)
    {
        var count = 0;
        foreach (var word in plane.Row(query))
        {
            count += System.Numerics.BitOperations.PopCount(word);
        }

        if (count == 0)
        {
            return null;
        }

        var place = (int)(Mix(((ulong)run << 40) ^ ((ulong)head << 24) ^ (ulong)query) % (ulong)count);
        for (var key = 0; ; key++)
        {
            if (plane[query, key] && place-- == 0)
            {
                return key;
            }
        }
    }

    private static void Word(int batch, int head, int key, double factor, Span<double> values)
    {
        for (var d = 0; d < values.Length; d += 64)
        {
            var bits = Mix(Seed ^ ((ulong)batch << 48) ^ ((ulong)head << 36) ^ ((ulong)key << 8) ^ (ulong)(d / 64));
            for (var i = d; i < Math.Min(d + 64, values.Length); i++)
            {
                values[i] = ((bits >> (i - d)) & 1) != 0 ? factor : -factor;
            }
        }
    }

    private static ulong Mix(ulong seed) => new SplitMix64(seed).Next();
}

/// <summary>A row that read something else.</summary>
/// <param name="Batch">Batch item.</param>
/// <param name="Head">Query head.</param>
/// <param name="Query">Query.</param>
/// <param name="Key">The key that it was told to pick.</param>
/// <param name="IsMixture">Several values were mixed; the address is their mean and means little.</param>
/// <param name="FoundBatch">Batch item of the value that came out.</param>
/// <param name="FoundHead">Its KV head.</param>
/// <param name="FoundKey">Its position.</param>
public sealed record WrongAddress(int Batch, int Head, int Query, int Key, bool IsMixture, int FoundBatch, int FoundHead, int FoundKey);

/// <summary>What an address probe shows.</summary>
/// <param name="Rows">Rows asked.</param>
/// <param name="Wrong">Rows that read something else.</param>
public sealed record AddressReading(long Rows, IReadOnlyList<WrongAddress> Wrong)
{
    /// <summary>What the wrong addresses have in common, in a few lines; empty if there are none.</summary>
    public IReadOnlyList<string> Describe(AttentionProblem problem)
    {
        ArgumentNullException.ThrowIfNull(problem);
        if (Wrong.Count == 0)
        {
            return [];
        }

        var lines = new List<string> { $"{Wrong.Count} of {Rows} rows read another value than the key they were told to pick" };
        var clear = Wrong.Where(wrong => !wrong.IsMixture).ToArray();
        lines.AddRange(clear.Where(wrong => wrong.FoundHead != problem.KvHeadOf(wrong.Head))
            .GroupBy(wrong => (wrong.Head, wrong.FoundHead))
            .OrderByDescending(group => group.Count())
            .Take(4)
            .Select(group => $"query head {group.Key.Head} reads KV head {group.Key.FoundHead}, not {problem.KvHeadOf(group.Key.Head)} ({group.Count()} rows)"));
        lines.AddRange(clear.Where(wrong => wrong.FoundBatch != wrong.Batch)
            .GroupBy(wrong => (wrong.Batch, wrong.FoundBatch))
            .Take(4)
            .Select(group => $"batch item {group.Key.Batch} reads item {group.Key.FoundBatch} ({group.Count()} rows)"));
        lines.AddRange(clear.Where(wrong => wrong.FoundHead == problem.KvHeadOf(wrong.Head) && wrong.FoundBatch == wrong.Batch)
            .GroupBy(wrong => wrong.FoundKey - wrong.Key)
            .OrderByDescending(group => group.Count())
            .Where(group => group.Count() > 1)
            .Take(4)
            .Select(group => $"value {group.Key:+0;-0} keys from the one picked ({group.Count()} rows)"));
        var first = Wrong[0];
        lines.Add($"first: (batch {first.Batch}, head {first.Head}, query {first.Query}) was told to pick key {first.Key} and got {(first.IsMixture ? "a mixture" : $"key {first.FoundKey} of KV head {first.FoundHead}")}");
        return lines;
    }
}
