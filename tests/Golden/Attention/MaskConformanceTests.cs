using Stof.Reference.Cpu.Threading;
using Stof.Reference.Formats;
using Stof.Reference.Masks;
using Stof.Reference.Tests;

namespace Stof.Reference.Golden.Tests.Attention;

/// <summary>Every pattern, on extents around tile edges, through every kernel, in every dtype and family of inputs.</summary>
public sealed class MaskConformanceTests : IDisposable
{
    private const int Seed = 2026;

    private readonly WorkerPool _pool = new(2);

    /// <summary>Every example of the catalogue, and compositions.</summary>
    public static TheoryData<string> Texts => [.. MaskTrials.Texts];

    /// <inheritdoc/>
    public void Dispose() => _pool.Dispose();

    [Theory]
    [MemberData(nameof(Texts))]
    public void Every_pattern_agrees_with_the_oracle(string text)
    {
        var mask = MaskText.Parse(text);
        for (var i = 0; i < MaskTrials.Extents.Count; i++)
        {
            foreach (var type in MaskTrials.Types)
            {
                // Over the extents each dtype meets each family; over the dtypes each extent meets each family.
                var item = MaskTrials.Trial(Seed, MaskTrials.Extents[i], type, (i + (int)type) % 3, mask);
                foreach (var choice in KernelTrials.Choices)
                {
                    item.Require(choice, 1, _pool, $"seed {Seed}");
                }

                item.Require(KernelTrials.Choices[i % 2], 3, _pool, $"seed {Seed}");
                item.Require(KernelTrials.Choices[2 + (i % 4)], 3, _pool, $"seed {Seed}");
                item.RequireDetached(_pool, $"seed {Seed}");
            }
        }
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public void Dense_masks_that_differ_by_batch_item_and_head_agree(bool byBatch, bool byHead)
    {
        var random = new Random(Seed);
        foreach (var density in new[] { 0.01, 0.2, 0.9 })
        {
            foreach (var type in MaskTrials.Types)
            {
                var stored = new MaskExtent(70, 90, byBatch ? 2 : 1, byHead ? 4 : 1);
                var mask = MaskTrials.Dense(random, stored, (_, _, _) => random.NextDouble() < density);
                RequireOnAll(MaskTrials.Trial(Seed, new MaskExtent(70, 90, 2, 2), type, (int)type % 3, mask));
            }
        }
    }

    [Fact]
    public void Gaps_between_listed_tiles_and_rows_without_keys_agree()
    {
        var random = new Random(Seed);
        foreach (var family in Enumerable.Range(0, 3))
        {
            foreach (var type in MaskTrials.Types)
            {
                var mask = MaskTrials.Gaps(random);
                var stored = BlockMaskBuilder.Build(mask, new MaskExtent(100, 130, 2, 2), new TileShape(16, 16));
                Assert.Contains(Enumerable.Range(1, stored.LoadColIdx.Length - 1), i => stored.LoadColIdx[i] > stored.LoadColIdx[i - 1] + 1);
                RequireOnAll(MaskTrials.Trial(Seed, new MaskExtent(100, 130, 2, 2), type, family, mask));
            }
        }
    }

    /// <summary>Four query heads on two KV heads: a pattern belongs to a query head, also where two of them share keys and values.</summary>
    [Fact]
    public void Patterns_for_each_query_head_agree_under_grouped_queries()
    {
        foreach (var text in new[] { "heads([causal,sliding(5),empty,full])", "batch([heads([strided(3),causal,causal,full]),head_switch(1+0+0+1) & prefix(9)])" })
        {
            foreach (var type in MaskTrials.Types)
            {
                var item = MaskTrials.Trial(Seed, new MaskExtent(50, 83, 2, 2), type, (int)type % 3, MaskText.Parse(text), kvHeads: 2);
                Assert.Equal((4, 2), (item.Problem.QueryHeads, item.Problem.KvHeads));
                RequireOnAll(item);
            }
        }
    }

    private void RequireOnAll(AttentionTrial item)
    {
        foreach (var choice in KernelTrials.Choices)
        {
            item.Require(choice, 1, _pool, $"seed {Seed}");
            item.Require(choice, 3, _pool, $"seed {Seed}");
        }

        item.RequireDetached(_pool, $"seed {Seed}");
    }
}
