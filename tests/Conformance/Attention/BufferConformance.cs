using Stof.Reference.Backends;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;
using Stof.Reference.Tests;

namespace Stof.Reference.Conformance.Tests.Attention;

/// <summary>
/// Guards around every buffer: inputs are the same bits after a call, nothing is written outside the results, every element of
/// them is written, and what lies outside the inputs does not matter.
/// </summary>
public abstract class BufferConformance(BackendUnderTest subject)
{
    private const int Seed = 404;
    private const int RoundCount = 120;
    private const int Margin = 4096; // a page: more than a vector, a tile row or a prefetched line

    [Fact]
    public void Nothing_outside_the_results_is_written_and_nothing_outside_the_inputs_matters()
    {
        var computed = 0;
        for (var round = 0; round < RoundCount; round += subject.Stride)
        {
            var seed = Seed + round;
            var trial = AttentionTrial.Of(RandomProblems.Next(seed, edges: round % 2 == 0), Seeded.Families[round % 3], new Random(seed));
            if (subject.Backend.Supports(trial.Problem) is not null)
            {
                continue;
            }

            computed++;
            RequireIntact(trial, $"seed {seed}: {trial}");
        }

        BackendUnderTest.RequireSome(computed);
    }

    [Theory]
    [InlineData(0, 5)]
    [InlineData(5, 0)]
    [InlineData(0, 0)]
    public void No_queries_or_no_keys_write_only_what_there_is(int queries, int keys)
    {
        var problem = ProblemOptions.Base(DType.F32) with { QueryLength = queries, KvLength = keys, Mask = new Masks.FullMask() };
        var trial = AttentionTrial.Of(problem, InputFamily.UnitNormal, new Random(Seed));
        Assert.Null(subject.Backend.Supports(trial.Problem));
        RequireIntact(trial, $"{queries} queries, {keys} keys");
    }

    private void RequireIntact(AttentionTrial trial, string label)
    {
        var p = trial.Problem;

        // All ones is a NaN in every floating-point dtype: whoever reads a guard for a value shows it.
        var inputs = new[] { trial.Q, trial.K, trial.V }.Select(Guarded).ToArray();
        var output = Guarded(p.Type, p.Layout.Shape(p.Batch, p.QueryHeads, p.QueryLength, p.ValueSize));
        var logSumExp = Guarded(DType.F32, [p.Batch, p.QueryHeads, p.QueryLength]);
        subject.Backend.Attend(p, inputs[0], inputs[1], inputs[2], output, logSumExp);

        foreach (var (name, tensor) in inputs.Append(output).Append(logSumExp).Zip(["q", "k", "v", "output", "LSE"], (t, n) => (n, t)))
        {
            Assert.True(tensor.Before.IndexOfAnyExcept(byte.MaxValue) < 0, $"{label}: written before {name}");
            Assert.True(tensor.After.IndexOfAnyExcept(byte.MaxValue) < 0, $"{label}: written after {name}");
        }

        Assert.True(inputs[0].Bytes.SequenceEqual(trial.Q.Bytes), $"{label}: q was changed");
        Assert.True(inputs[1].Bytes.SequenceEqual(trial.K.Bytes), $"{label}: k was changed");
        Assert.True(inputs[2].Bytes.SequenceEqual(trial.V.Bytes), $"{label}: v was changed");
        var (plain, plainLogSumExp) = subject.Backend.Attend(p, trial.Q, trial.K, trial.V);
        Assert.True(output.Bytes.SequenceEqual(plain.Bytes), $"{label}: other bits between guards");
        Assert.True(logSumExp.Bytes.SequenceEqual(plainLogSumExp!.Bytes), $"{label}: other LSE between guards");
        Assert.DoesNotContain(output.ToDoubles(), double.IsNaN);
        Assert.DoesNotContain(logSumExp.ToDoubles(), double.IsNaN);
    }

    private static HostTensor Guarded(HostTensor source)
    {
        var tensor = Guarded(source.Type, source.Shape);
        source.Bytes.CopyTo(tensor.Bytes);
        return tensor;
    }

    private static HostTensor Guarded(DType type, ReadOnlySpan<int> shape)
    {
        var tensor = HostTensor.WithMargins(Margin, type, shape);
        tensor.Before.Fill(byte.MaxValue);
        tensor.Bytes.Fill(byte.MaxValue);
        tensor.After.Fill(byte.MaxValue);
        return tensor;
    }
}
