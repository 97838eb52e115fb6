using Stof.Reference.Backends;
using Stof.Reference.Cpu.Oracle;
using Stof.Reference.Formats;
using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;
using Stof.Reference.Tests;

namespace Stof.Reference.Conformance.Tests.Attention;

/// <summary>
/// NaN, infinities and subnormal numbers: where nobody attends they do not show, where somebody attends they do, in exactly the
/// rows and elements where the definition says so.
/// </summary>
public abstract class PoisonConformance(BackendUnderTest subject)
{
    private const int Seed = 1313;
    private const int RoundCount = 150;

    private static readonly double[] Poisons = [double.NaN, double.PositiveInfinity, double.NegativeInfinity];

    [Fact]
    public void Keys_and_values_that_nobody_attends_do_not_matter()
    {
        var (computed, poisoned) = (0, 0);
        for (var round = 0; round < RoundCount; round += subject.Stride)
        {
            var seed = Seed + round;
            var problem = RandomProblems.Next(seed, edges: round % 2 == 0);
            if (round % 3 == 0 && problem.Mask is not DenseMask)
            {
                // Padding: rows of the tensors beyond the real lengths.
                problem = problem with
                {
                    Lengths = [.. Enumerable.Repeat(new SequenceLengths(problem.QueryLength / 2, problem.KvLength / 3), problem.Batch)],
                };
            }

            var trial = AttentionTrial.Of(problem, Seeded.Families[round % 3], new Random(seed));
            if (subject.Backend.Supports(trial.Problem) is not null)
            {
                continue;
            }

            computed++;
            var clean = subject.Backend.Attend(trial.Problem, trial.Q, trial.K, trial.V);
            var unread = Unread(trial.Problem);
            poisoned += unread.Count;
            foreach (var poison in Poisons)
            {
                var (k, v) = (Poisoned(trial, trial.K, unread, poison), Poisoned(trial, trial.V, unread, poison));
                var (output, logSumExp) = subject.Backend.Attend(trial.Problem, trial.Q, k, v);
                Assert.True(output.Bytes.SequenceEqual(clean.Output.Bytes), $"seed {seed}, {poison}: {trial}");
                Assert.True(logSumExp!.Bytes.SequenceEqual(clean.LogSumExp!.Bytes), $"seed {seed}, {poison}, LSE: {trial}");
            }
        }

        BackendUnderTest.RequireSome(computed);
        Assert.True(poisoned > RoundCount / subject.Stride, $"only {poisoned} keys were poisoned");
    }

    [Fact]
    public void Queries_beyond_the_real_length_do_not_matter()
    {
        foreach (var type in MaskTrials.Types)
        {
            var problem = ProblemOptions.Base(type) with { Lengths = [new(20, 33), new(41, 67), new(0, 61)] };
            var trial = AttentionTrial.Of(problem, InputFamily.UnitNormal, new Random(Seed));
            if (subject.Backend.Supports(trial.Problem) is not null)
            {
                continue;
            }

            var clean = subject.Backend.Attend(trial.Problem, trial.Q, trial.K, trial.V);
            foreach (var poison in Poisons)
            {
                var q = trial.Q.ToDoubles();
                for (var i = 0; i < q.Length; i++)
                {
                    var (item, query) = (i / problem.HeadSize / 41 / 4, i / problem.HeadSize % 41);
                    q[i] = query >= problem.Lengths[item].Queries ? poison : q[i];
                }

                var poisoned = HostTensor.From(q, trial.Q.Shape).To(type);
                var (output, logSumExp) = subject.Backend.Attend(trial.Problem, poisoned, trial.K, trial.V);
                Assert.True(output.Bytes.SequenceEqual(clean.Output.Bytes), $"{type}, {poison}");
                Assert.True(logSumExp!.Bytes.SequenceEqual(clean.LogSumExp!.Bytes), $"{type}, {poison}: LSE");
            }
        }
    }

    /// <summary>One poisoned element of K or V: rows that attend to it show it as the oracle does, the others stay as they were.</summary>
    [Theory]
    [InlineData(true, double.NaN)]
    [InlineData(true, double.PositiveInfinity)]
    [InlineData(true, double.NegativeInfinity)]
    [InlineData(false, double.NaN)]
    [InlineData(false, double.PositiveInfinity)]
    [InlineData(false, double.NegativeInfinity)]
    public void What_is_attended_shows_in_the_rows_that_attend(bool inKey, double poison)
    {
        var (computed, shown) = (0, 0);
        for (var seed = Seed; seed < Seed + 60; seed += subject.Stride)
        {
            // A cap makes an infinite score finite, and the budget, which leaves infinite scores out, then says too little.
            var problem = RandomProblems.Next(seed, edges: false) with { Softcap = null };
            var clean = AttentionTrial.Of(problem, Seeded.Families[seed % 3], new Random(seed));
            var p = clean.Problem;
            if (subject.Backend.Supports(p) is not null)
            {
                continue;
            }

            computed++;
            var random = new Random(seed);
            var (k, v) = (clean.K.ToDoubles(), clean.V.ToDoubles());
            var target = inKey ? k : v;
            var place = random.Next(target.Length);
            target[place] = poison;
            var trial = clean with
            {
                K = HostTensor.From(k, clean.K.Shape).To(p.Type),
                V = HostTensor.From(v, clean.V.Shape).To(p.Type),
                Family = InputFamily.Wide, // the Frobenius limit is for N(0,1)
            };
            trial = trial with { Reference = NaiveAttention.Run(p, trial.Q, trial.K, trial.V) };
            shown += trial.Reference.Output.Count(value => !double.IsFinite(value));
            var label = $"seed {seed}, {poison} in {(inKey ? "K" : "V")}";
            if (subject.TileReadWhole is null)
            {
                Assert.True(subject.Require(trial, label));
            }
            else
            {
                RequireOutsideTiles(trial, place / (inKey ? p.HeadSize : p.ValueSize), label);
            }
        }

        BackendUnderTest.RequireSome(computed);
        Assert.True(shown > 0, "the poison never showed: the test would pass without it");
    }

    /// <summary>cap(±∞) = ±c: a row with two keys, one of them with an infinite score, is a softmax of c (or −c) and the other score.</summary>
    [Theory]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void A_cap_makes_an_infinite_score_finite(float key)
    {
        const double Cap = 3;
        var problem = new AttentionProblem { Batch = 1, QueryHeads = 1, KvHeads = 1, QueryLength = 1, KvLength = 2, HeadSize = 1, Softcap = Cap };
        Assert.Null(subject.Backend.Supports(problem));
        var (output, _) = subject.Backend.Attend(
            problem, HostTensor.From([1f], 1, 1, 1, 1), HostTensor.From([0f, key], 1, 1, 2, 1), HostTensor.From([0f, 1f], 1, 1, 2, 1));
        var weight = Math.Exp(Math.CopySign(Cap, key));
        Assert.Equal(weight / (1 + weight), output.Span<float>()[0], 1e-6);
    }

    /// <summary>
    /// Values around the smallest normal number. A sum of subnormal floats rounds at every addition, which the budget does not count:
    /// one more half of the smallest float for each key is allowed.
    /// </summary>
    [Theory]
    [InlineData(DType.F32, 1e-41)]
    [InlineData(DType.F16, 5e-7)]
    [InlineData(DType.BF16, 1e-39)]
    public void Subnormal_values_are_not_flushed(DType type, double unit)
    {
        var problem = ProblemOptions.Base(type);
        var trial = AttentionTrial.Of(problem, InputFamily.Wide, new Random(Seed));
        var v = Array.ConvertAll(trial.V.ToDoubles(), value => unit * (2 + Math.Abs(value)));
        var small = HostTensor.From(v, trial.V.Shape).To(type);
        var reference = NaiveAttention.Run(trial.Problem, trial.Q, trial.K, small);
        Assert.Contains(reference.Output, value => value > 2 * unit);
        Assert.SkipWhen(subject.Backend.Supports(trial.Problem) is not null, "refused");

        var output = subject.Backend.Attend(trial.Problem, trial.Q, trial.K, small).Output.ToDoubles();
        for (var i = 0; i < output.Length; i++)
        {
            var row = i / problem.ValueSize;
            var allowed = AttentionTolerance.Budget(reference, type, row, i % problem.ValueSize)
                + (2 * reference.AllowedKeys[row] * DType.F32.HalfSubnormal());
            Assert.True(
                Math.Abs(output[i] - reference.Output[i]) <= allowed, $"seed {Seed}, row {row}: {output[i]:g6}, expected {reference.Output[i]:g6}");
        }
    }

    [Fact]
    public void Subnormal_queries_and_keys_count()
    {
        // Keys of 2^-130 against queries of 2^125 and more: flushed, every score would be 0 and every weight the same.
        var random = new Random(Seed);
        var problem = ProblemOptions.Base(DType.F32) with { Scale = 1 };
        var trial = AttentionTrial.Of(problem, InputFamily.UnitNormal, random);
        var scaled = trial with
        {
            Q = HostTensor.From(Array.ConvertAll(trial.Q.ToDoubles(), x => Math.ScaleB(Math.Round(x * 4), 123)), trial.Q.Shape).To(DType.F32),
            K = HostTensor.From(Array.ConvertAll(trial.K.ToDoubles(), x => Math.ScaleB(Math.Round(x * 4), -128)), trial.K.Shape).To(DType.F32),
            Family = InputFamily.Wide,
        };
        scaled = scaled with { Reference = NaiveAttention.Run(scaled.Problem, scaled.Q, scaled.K, scaled.V) };
        Assert.Contains(scaled.K.ToDoubles(), x => x != 0 && Math.Abs(x) < Math.ScaleB(1, -126));
        BackendUnderTest.RequireSome(subject.Require(scaled, $"seed {Seed}") ? 1 : 0);
    }

    /// <summary>
    /// With tiles read whole, rows beside the attending ones may show a poison too. What attends still must, and what does not share the KV head
    /// must not.
    /// </summary>
    private void RequireOutsideTiles(AttentionTrial trial, int row, string label)
    {
        var p = trial.Problem;
        var isHeadFirst = p.Layout == AttentionLayout.BatchHeadsLength;
        var (item, kvHead) = (row / (p.KvHeads * p.KvLength), isHeadFirst ? row / p.KvLength % p.KvHeads : row % p.KvHeads);
        var output = subject.Backend.Attend(p, trial.Q, trial.K, trial.V).Output.ToDoubles();
        for (var i = 0; i < trial.Reference.Output.Length; i++)
        {
            var (index, d) = (i / p.ValueSize, i % p.ValueSize);
            var (b, h, query) = (index / (p.QueryHeads * p.QueryLength), index / p.QueryLength % p.QueryHeads, index % p.QueryLength);
            var found = output[p.Layout.RowOffset(p.QueryHeads, p.QueryLength, p.ValueSize, b, h, query) + d];
            var expected = trial.Reference.Output[i];
            if (!double.IsFinite(expected))
            {
                Assert.False(double.IsFinite(found), $"{label}: (b {b}, h {h}, q {query}, d {d}) is {found:g6}, expected {expected}");
            }
            else if (b != item || p.KvHeadOf(h) != kvHead)
            {
                var budget = AttentionTolerance.Budget(trial.Reference, p.Type, index, d);
                Assert.True(Math.Abs(found - expected) <= budget, $"{label}: (b {b}, h {h}, q {query}, d {d}) is {found:g6}, expected {expected:g6}");
            }
        }
    }

    /// <summary>(Batch item, KV head, key) that no query may attend to, and that lie in no tile which is read whole.</summary>
    private HashSet<(int Item, int Head, int Key)> Unread(AttentionProblem p)
    {
        var mask = p.BindMask();
        var tile = subject.TileReadWhole ?? new TileShape(1, 1);
        var unread = new HashSet<(int, int, int)>();
        for (var b = 0; b < p.Batch; b++)
        {
            for (var kvHead = 0; kvHead < p.KvHeads; kvHead++)
            {
                var heads = Enumerable.Range(0, p.QueryHeads).Where(h => p.KvHeadOf(h) == kvHead).ToArray();
                var read = new HashSet<int>();
                for (var key = 0; key < p.KvLength; key++)
                {
                    if (heads.Any(h => Enumerable.Range(0, p.QueryLength).Any(query => mask.Allows(b, h, query, key))))
                    {
                        read.Add(key / tile.Columns);
                    }
                }

                unread.UnionWith(
                    Enumerable.Range(0, p.KvLength).Where(key => !read.Contains(key / tile.Columns)).Select(key => (b, kvHead, key)));
            }
        }

        return unread;
    }

    private static HostTensor Poisoned(AttentionTrial trial, HostTensor source, HashSet<(int Item, int Head, int Key)> at, double poison)
    {
        var p = trial.Problem;
        var size = source.Shape[3];
        var values = source.ToDoubles();
        foreach (var (item, head, key) in at)
        {
            values.AsSpan(p.Layout.RowOffset(p.KvHeads, p.KvLength, size, item, head, key), size).Fill(poison);
        }

        return HostTensor.From(values, source.Shape).To(p.Type);
    }
}
