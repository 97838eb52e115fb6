using Stof.Reference.Backends;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;
using Stof.Reference.Tests;

namespace Stof.Reference.Conformance.Tests.Attention;

/// <summary>
/// Laws that hold whatever the right answer is: two ways to ask the same question must agree within twice what one answer may
/// err. Each law is tried on the same random problems.
/// </summary>
public abstract class MetamorphicConformance(BackendUnderTest subject)
{
    private const int Seed = 90_000;
    private const int ProblemCount = 520;

    // The oracle takes longer than a law: all laws share what it said.
    private static readonly Lazy<(AttentionTrial Trial, WrittenAttention Written)[]> Problems = new(() =>
    [
        .. Enumerable.Range(Seed, ProblemCount).Select(seed =>
        {
            var trial = AttentionTrial.Of(RandomProblems.Next(seed, edges: seed % 2 == 0), Seeded.Families[seed % 3], new Random(seed));
            return (trial, WrittenAttention.Of(trial));
        }),
    ]);

    /// <summary>A law: the answer to a problem by other means, from the problem written out and as it was, and random numbers.</summary>
    private delegate (double[] Output, double[] LogSumExp) Law(WrittenAttention written, AttentionTrial trial, Random random);

    /// <summary>Names of the laws.</summary>
    public static TheoryData<string> Laws =>
    [
        "mask and bias written out", "keys permuted", "queries permuted", "keys split and merged by LSE", "masked keys added",
        "values scaled", "items apart", "KV heads apart", "KV heads repeated", "other layout", "KV splits",
    ];

    [Theory]
    [MemberData(nameof(Laws))]
    public void Law_holds(string name)
    {
        Law law = name switch
        {
            "mask and bias written out" => (written, _, _) => written.Attend(subject.Backend),
            "keys permuted" => (written, _, random) => written.Pick(keys: Shuffled(random, written.Problem.KvLength)).Attend(subject.Backend),
            "queries permuted" => QueriesPermuted,
            "keys split and merged by LSE" => KeysSplit,
            "masked keys added" => MaskedKeysAdded,
            "values scaled" => ValuesScaled,
            "items apart" => ItemsApart,
            "KV heads apart" => HeadsApart,
            "KV heads repeated" => HeadsRepeated,
            "other layout" => OtherLayout,
            _ => (_, trial, random) => Attend(trial, trial.Problem with { KvSplits = random.Next(2, 6) }),
        };
        var computed = 0;
        for (var i = 0; i < ProblemCount; i += subject.Stride)
        {
            var seed = Seed + i;
            var (trial, written) = Problems.Value[i];
            if (subject.Backend.Supports(trial.Problem) is not null)
            {
                continue;
            }

            computed++;
            var direct = Attend(trial, trial.Problem with { KvSplits = 1 });
            var other = law(written, trial, new Random(seed));
            RequireEqual(trial, direct, other, name == "keys split and merged by LSE", $"{name}, seed {seed}: {trial}");
        }

        BackendUnderTest.RequireSome(computed);
    }

    private (double[] Output, double[] LogSumExp) Attend(AttentionTrial trial, AttentionProblem problem)
    {
        var (output, logSumExp) = subject.Backend.Attend(problem, trial.Q, trial.K, trial.V);
        return (
            WrittenAttention.Reordered(output, problem.Layout, AttentionLayout.BatchHeadsLength),
            logSumExp!.ToDoubles());
    }

    private (double[] Output, double[] LogSumExp) QueriesPermuted(WrittenAttention written, AttentionTrial trial, Random random)
    {
        var p = written.Problem;
        var order = Shuffled(random, p.QueryLength);
        var (output, logSumExp) = written.Pick(queries: order).Attend(subject.Backend);
        var (restored, restoredLse) = (new double[output.Length], new double[logSumExp.Length]);
        for (var row = 0; row < logSumExp.Length; row++)
        {
            var target = (row / p.QueryLength * p.QueryLength) + order[row % p.QueryLength];
            output.AsSpan(row * p.ValueSize, p.ValueSize).CopyTo(restored.AsSpan(target * p.ValueSize));
            restoredLse[target] = logSumExp[row];
        }

        return (restored, restoredLse);
    }

    /// <summary>
    /// Any two parts of the keys, in natural logarithms: LSE = ln(e^LSE₁ + e^LSE₂), O = e^(LSE₁−LSE)·O₁ + e^(LSE₂−LSE)·O₂. A sink is a
    /// third part of LSE = sink without a value, so the parts are computed without it.
    /// </summary>
    private (double[] Output, double[] LogSumExp) KeysSplit(WrittenAttention written, AttentionTrial trial, Random random)
    {
        var p = written.Problem;
        var order = Shuffled(random, p.KvLength);
        var cut = random.Next(p.KvLength + 1);
        var bare = written with { Problem = p with { Sinks = null } };
        var (first, firstLse) = bare.Pick(keys: order[..cut]).Attend(subject.Backend);
        var (second, secondLse) = bare.Pick(keys: order[cut..]).Attend(subject.Backend);
        var (output, logSumExp) = (new double[first.Length], new double[firstLse.Length]);
        for (var row = 0; row < logSumExp.Length; row++)
        {
            var sink = p.Sinks is null ? double.NegativeInfinity : p.Sinks[row / p.QueryLength % p.QueryHeads];
            var largest = Math.Max(sink, Math.Max(firstLse[row], secondLse[row]));
            if (double.IsNegativeInfinity(largest))
            {
                logSumExp[row] = largest;
                continue;
            }

            var (a, b) = (Math.Exp(firstLse[row] - largest), Math.Exp(secondLse[row] - largest));
            var sum = a + b + Math.Exp(sink - largest);
            logSumExp[row] = largest + Math.Log(sum);
            for (var i = row * p.ValueSize; i < (row + 1) * p.ValueSize; i++)
            {
                output[i] = ((a * first[i]) + (b * second[i])) / sum;
            }
        }

        return (output, logSumExp);
    }

    private (double[] Output, double[] LogSumExp) MaskedKeysAdded(WrittenAttention written, AttentionTrial trial, Random random)
    {
        var keys = Enumerable.Range(0, written.Problem.KvLength).ToList();
        for (var more = random.Next(1, 70); more > 0; more--)
        {
            keys.Insert(random.Next(keys.Count + 1), -1);
        }

        return written.Pick(keys: [.. keys], filling: 1000).Attend(subject.Backend);
    }

    /// <summary>A power of two and a sign change no mantissa: only what is subnormal in one of the two rounds in another way.</summary>
    private (double[] Output, double[] LogSumExp) ValuesScaled(WrittenAttention written, AttentionTrial trial, Random random)
    {
        var factor = random.Next(2) == 0 ? -4.0 : 0.5;
        var (output, logSumExp) = (written with { V = Array.ConvertAll(written.V, v => v * factor) }).Attend(subject.Backend);
        return (Array.ConvertAll(output, o => o / factor), logSumExp);
    }

    private (double[] Output, double[] LogSumExp) ItemsApart(WrittenAttention written, AttentionTrial trial, Random random)
    {
        var (output, logSumExp) = (new List<double>(), new List<double>());
        for (var item = 0; item < written.Problem.Batch; item++)
        {
            var (o, lse) = written.Pick(items: [item]).Attend(subject.Backend);
            output.AddRange(o);
            logSumExp.AddRange(lse);
        }

        return ([.. output], [.. logSumExp]);
    }

    /// <summary>Each KV head with its query heads, in one problem of batch 1 each.</summary>
    private (double[] Output, double[] LogSumExp) HeadsApart(WrittenAttention written, AttentionTrial trial, Random random)
    {
        var p = written.Problem;
        var (output, logSumExp) = (new List<double>(), new List<double>());
        for (var slice = 0; slice < p.Batch * p.KvHeads; slice++)
        {
            var (item, kvHead) = Math.DivRem(slice, p.KvHeads);
            int[] heads = [.. Enumerable.Range(0, p.QueryHeads).Where(h => p.KvHeadOf(h) == kvHead)];
            var (o, lse) = written.Pick(items: [item], heads: heads, kvHeads: [kvHead]).Attend(subject.Backend);
            output.AddRange(o);
            logSumExp.AddRange(lse);
        }

        return ([.. output], [.. logSumExp]);
    }

    private (double[] Output, double[] LogSumExp) HeadsRepeated(WrittenAttention written, AttentionTrial trial, Random random)
    {
        int[] kvHeads = [.. Enumerable.Range(0, written.Problem.QueryHeads).Select(written.Problem.KvHeadOf)];
        return written.Pick(kvHeads: kvHeads).Attend(subject.Backend);
    }

    private (double[] Output, double[] LogSumExp) OtherLayout(WrittenAttention written, AttentionTrial trial, Random random)
    {
        // Written out, a problem is in the order [B, H, S, D], so this is the other one for every second problem.
        var layout = trial.Problem.Layout == AttentionLayout.BatchHeadsLength ? AttentionLayout.BatchLengthHeads : AttentionLayout.BatchHeadsLength;
        return (written with { Problem = written.Problem with { Layout = layout } }).Attend(subject.Backend);
    }

    private void RequireEqual(
        AttentionTrial trial, (double[] Output, double[] LogSumExp) one, (double[] Output, double[] LogSumExp) other, bool byLse, string label)
    {
        var reference = trial.Reference;
        for (var row = 0; row < reference.Rows; row++)
        {
            var (lse, otherLse) = (one.LogSumExp[row], other.LogSumExp[row]);
            var limit = double.IsNegativeInfinity(reference.LogSumExp[row])
                ? 0 // a row without keys: −∞ and zeros
                : subject.LogSumExpLimit * Math.Max(1, Math.Abs(reference.LogSumExp[row]));
            Assert.True(lse.Equals(otherLse) || Math.Abs(lse - otherLse) <= 2 * limit, $"{label}: LSE of row {row}: {lse}, {otherLse}");
            for (var d = 0; d < reference.ValueSize; d++)
            {
                // Weights that are made from LSE err as much as LSE does.
                var index = (row * reference.ValueSize) + d;
                var budget = 2 * (AttentionTolerance.Budget(reference, trial.Problem.Type, row, d)
                    + (byLse ? limit * reference.AbsoluteOutput[index] : 0));
                var error = Math.Abs(one.Output[index] - other.Output[index]);
                Assert.True(error <= budget, $"{label}: row {row}, d {d}: {one.Output[index]}, {other.Output[index]}: {error:g3} of {budget:g3}");
            }
        }
    }

    private static int[] Shuffled(Random random, int count)
    {
        int[] order = [.. Enumerable.Range(0, count)];
        random.Shuffle(order);
        return order;
    }
}
