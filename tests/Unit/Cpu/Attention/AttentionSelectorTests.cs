using Stof.Reference.Cpu.Simd.Attention;
using Stof.Reference.Masks;
using Stof.Reference.Operators;

namespace Stof.Reference.Unit.Tests.Cpu.Attention;

public sealed class AttentionSelectorTests
{
    [Fact]
    public void A_dense_mask_gets_the_block_wise_kernel_on_large_tiles()
    {
        var choice = AttentionSelector.Measured(Problem(1024, new FullMask()), threads: 2);
        Assert.Equal(AttentionAlgorithm.Blockwise, choice.Algorithm);
        Assert.True(choice.Tile.Rows >= 64 && choice.Tile.Columns >= 64, choice.ToString());
    }

    [Fact]
    public void Scattered_pairs_get_the_row_wise_kernel() =>
        Assert.Equal(
            AttentionAlgorithm.Rowwise,
            AttentionSelector.Measured(Problem(1024, new HashedMask(1, 0.01, false, false)), threads: 2).Algorithm);

    [Fact]
    public void Few_queries_are_cut_so_that_all_workers_have_some()
    {
        var problem = Problem(128, new FullMask()) with { QueryHeads = 1, KvHeads = 1 };
        Assert.True(AttentionSelector.Measured(problem, threads: 2).Tile.Rows <= 64);
    }

    [Fact]
    public void The_published_rule_is_row_wise_up_to_sixteen_keys_and_block_wise_on_the_paper_s_causal_masks()
    {
        Assert.Equal(AttentionAlgorithm.Rowwise, AttentionSelector.Paper(Problem(16, new FullMask())).Algorithm);
        foreach (var length in new[] { 128, 512, 2048 })
        {
            Assert.Equal(AttentionChoice.Default, AttentionSelector.Paper(Problem(length, new CausalMask())));
        }
    }

    [Fact]
    public void Estimates_list_every_choice_once_cheapest_first()
    {
        var estimates = AttentionSelector.Estimates(Problem(200, new CausalMask()), threads: 1);
        Assert.Equal(17, estimates.Select(estimate => estimate.Choice).Distinct().Count());
        Assert.Equal(17, estimates.Count);
        Assert.Equal(estimates.OrderBy(estimate => estimate.Nanoseconds), estimates);
    }

    [Theory]
    [InlineData("causal")]
    [InlineData("sliding(64)")]
    [InlineData("longformer(band=64,global=64)")]
    [InlineData("bigbird(band=64,global=64,fill=0.1,seed=0)")]
    public void Sixteen_workers_share_the_tasks_of_a_mask_evenly(string mask)
    {
        var problem = Problem(4096, MaskText.Parse(mask)) with { QueryHeads = 12, KvHeads = 12 };
        var kernel = new AttentionKernel(problem, AttentionChoice.Default);
        Assert.InRange(kernel.Imbalance(16), 1, 1.03);
        Assert.Equal(1, kernel.Imbalance(1));
        Assert.Throws<InvalidInputException>(() => kernel.Imbalance(0));
    }

    [Fact]
    public void Whatever_is_chosen_computes_the_same_attention()
    {
        for (var seed = 300; seed < 330; seed++)
        {
            var item = AttentionCases.Random(seed);
            var (output, logSumExp) = CpuAttention.Run(item.Problem, item.Q, item.K, item.V);
            AttentionBudget.Check(item, output, logSumExp, $"seed {seed} {AttentionSelector.Measured(item.Problem)} {item}");
        }
    }

    private static AttentionProblem Problem(int length, MaskPattern mask) => new()
    {
        Batch = 1,
        QueryHeads = 4,
        KvHeads = 4,
        QueryLength = length,
        KvLength = length,
        HeadSize = 64,
        Mask = mask,
    };
}
