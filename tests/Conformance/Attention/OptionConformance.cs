using Stof.Reference.Backends;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;
using Stof.Reference.Tests;

namespace Stof.Reference.Conformance.Tests.Attention;

/// <summary>Every option of a problem alone and with each other, random problems over all of them, and what is refused.</summary>
public abstract class OptionConformance(BackendUnderTest subject)
{
    private const int Seed = 5150;
    private const int RandomProblemCount = 600;

    [Theory]
    [MemberData(nameof(ProblemOptions.Names), MemberType = typeof(ProblemOptions))]
    public void Each_option_agrees_alone_and_with_each_other(int option, string name)
    {
        var random = new Random(Seed);
        var computed = 0;
        for (var second = option; second < ProblemOptions.All.Count; second++)
        {
            var type = MaskTrials.Types[second % 3];
            var problem = ProblemOptions.All[second].Apply(ProblemOptions.All[option].Apply(ProblemOptions.Base(type)));
            foreach (var splits in new[] { 1, 3 })
            {
                var trial = AttentionTrial.Of(problem with { KvSplits = splits }, Seeded.Families[(option + (second / 3)) % 3], random);
                var label = $"seed {Seed}, {name} with {ProblemOptions.All[second].Name}, {splits} splits";
                computed += subject.Require(trial, label) ? 1 : 0;
            }
        }

        BackendUnderTest.RequireSome(computed);
    }

    [Fact]
    public void Random_problems_agree_edges_first()
    {
        var computed = 0;
        for (var round = 0; round < RandomProblemCount; round += subject.Stride)
        {
            // A seed of its own for each round, so that one of them can be run again without the others.
            var problem = RandomProblems.Next(Seed + round, edges: round < RandomProblemCount / 2) with { KvSplits = 1 + (round % 4) };
            var trial = AttentionTrial.Of(problem, Seeded.Families[round % 3], new Random(Seed + round));
            computed += subject.Require(trial, $"seed {Seed + round}") ? 1 : 0;
        }

        BackendUnderTest.RequireSome(computed);
    }

    [Fact]
    public void Running_twice_gives_the_same_bits_and_LSE_only_if_asked_for()
    {
        for (var seed = Seed; seed < Seed + 20; seed++)
        {
            var trial = AttentionTrial.Of(RandomProblems.Next(seed, edges: false), InputFamily.Wide, new Random(seed));
            if (subject.Backend.Supports(trial.Problem) is not null)
            {
                continue;
            }

            var first = subject.Backend.Attend(trial.Problem, trial.Q, trial.K, trial.V);
            var second = subject.Backend.Attend(trial.Problem, trial.Q, trial.K, trial.V);
            var silent = subject.Backend.Attend(
                trial.Problem with { LogSumExp = LogSumExpOutput.None }, trial.Q, trial.K, trial.V);
            Assert.True(first.Output.Bytes.SequenceEqual(second.Output.Bytes), $"seed {seed}");
            Assert.True(first.LogSumExp!.Bytes.SequenceEqual(second.LogSumExp!.Bytes), $"seed {seed}");
            Assert.True(first.Output.Bytes.SequenceEqual(silent.Output.Bytes), $"seed {seed}: without LSE");
            Assert.Null(silent.LogSumExp);
        }
    }

    [Fact]
    public void What_is_refused_or_does_not_fit_is_not_computed()
    {
        var right = ProblemOptions.Base(DType.F32) with { LogSumExp = LogSumExpOutput.Natural };
        var trial = AttentionTrial.Of(right, InputFamily.UnitNormal, new Random(Seed));
        var (q, k, v) = (trial.Q, trial.K, trial.V);
        var backend = subject.Backend;
        Assert.Null(backend.Supports(right));

        Assert.Throws<InvalidInputException>(() => backend.Supports(right with { KvHeads = 3 }));
        Assert.Throws<InvalidInputException>(() => backend.Attend(right with { KvHeads = 3 }, q, k, v));
        Assert.Throws<InvalidInputException>(() => backend.Attend(right, k, k, v));
        Assert.Throws<InvalidInputException>(() => backend.Attend(right, q, q, v));
        Assert.Throws<InvalidInputException>(() => backend.Attend(right, q, k, q));
        Assert.Throws<InvalidInputException>(() => backend.Attend(right, q.To(DType.F16), k, v));
        Assert.Throws<InvalidInputException>(() => backend.Attend(right, q, k, v.To(DType.BF16)));
        var (output, logSumExp) = backend.Attend(right, q, k, v);
        Assert.Throws<InvalidInputException>(() => backend.Attend(right, q, k, v, output, null));
        Assert.Throws<InvalidInputException>(() => backend.Attend(right, q, k, v, k, logSumExp));
        Assert.Throws<InvalidInputException>(() => backend.Attend(right, q, k, v, output.To(DType.F16), logSumExp));
        Assert.Throws<InvalidInputException>(() => backend.Attend(right, q, k, v, output, output));
        Assert.Throws<InvalidInputException>(
            () => backend.Attend(right with { LogSumExp = LogSumExpOutput.None }, q, k, v, output, logSumExp));

        foreach (var type in new[] { DType.F64, DType.F16, DType.BF16 })
        {
            // What a backend says it refuses it refuses, with the reason that it gave.
            var other = right with { Type = type };
            if (backend.Supports(other) is { } refusal)
            {
                var exception = Assert.Throws<InvalidInputException>(() => backend.Attend(other, q.To(type), k.To(type), v.To(type)));
                Assert.Contains(refusal.Reason, exception.Message, StringComparison.Ordinal);
            }
        }
    }
}
