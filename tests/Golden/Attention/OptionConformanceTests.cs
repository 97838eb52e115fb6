using System.Diagnostics;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Tests;

namespace Stof.Reference.Golden.Tests.Attention;

/// <summary>Every option of a problem alone and with the others, then random problems over all of them.</summary>
public sealed class OptionConformanceTests(ITestOutputHelper output) : IDisposable
{
    private const int Seed = 5150;

    private readonly WorkerPool _pool = new(2);

    /// <inheritdoc/>
    public void Dispose() => _pool.Dispose();

    [Theory]
    [MemberData(nameof(ProblemOptions.Names), MemberType = typeof(ProblemOptions))]
    public void Each_option_agrees_alone_and_with_each_other(int option, string name)
    {
        var random = new Random(Seed);
        for (var second = option; second < ProblemOptions.All.Count; second++)
        {
            var type = MaskTrials.Types[second % 3];
            var problem = ProblemOptions.All[second].Apply(ProblemOptions.All[option].Apply(ProblemOptions.Base(type)));
            var item = AttentionTrial.Of(problem, Seeded.Families[(option + (second / 3)) % 3], random);
            var label = $"seed {Seed}, {name} with {ProblemOptions.All[second].Name}";
            foreach (var choice in KernelTrials.Choices.Skip(second % 2 * 2).Take(4))
            {
                item.Require(choice, 1, _pool, label);
                item.Require(choice, 3, _pool, label);
            }

            item.RequireDetached(_pool, label);
        }
    }

    [Fact]
    public void Twelve_hundred_random_problems_agree_edges_first()
    {
        output.WriteLine($"seed {Seed}");
        var watch = Stopwatch.StartNew();
        for (var trial = 0; trial < 1200; trial++)
        {
            // A seed of its own for each trial, so that one of them can be run again without the others.
            var problem = RandomProblems.Next(Seed + trial, edges: trial < 500);
            var item = AttentionTrial.Of(problem, Seeded.Families[trial % 3], new Random(Seed + trial));
            var label = $"seed {Seed}, trial {trial}";
            item.Require(KernelTrials.Choices[trial % 7], 1, _pool, label);
            item.Require(KernelTrials.Choices[(trial + 1) % 7], 1 + (trial % 4), _pool, label);
            item.RequireDetached(_pool, label);
        }

        output.WriteLine($"{watch.Elapsed.TotalSeconds:f1} s");
    }
}
