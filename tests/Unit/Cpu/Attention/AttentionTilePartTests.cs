using Stof.Reference.Cpu.Simd.Attention;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Formats;
using Stof.Reference.Masks;
using Stof.Reference.Operators;

namespace Stof.Reference.Unit.Tests.Cpu.Attention;

/// <summary>The block-wise kernel's shortcuts: a reference that lags behind the largest score, parts of tiles that are skipped.</summary>
public sealed class AttentionTilePartTests
{
    // Scores of a tile lie this far above those of the tile before: less than the kernel lets pass, just about that, more,
    // so much that all earlier weights vanish, and falling.
    [Theory]
    [InlineData(1.0)]
    [InlineData(5.5)]
    [InlineData(9.0)]
    [InlineData(200.0)]
    [InlineData(-9.0)]
    public void Scores_that_rise_from_tile_to_tile_stay_within_the_element_budget(double step)
    {
        const int tile = 16;
        var problem = new AttentionProblem
        {
            Batch = 1,
            QueryHeads = 1,
            KvHeads = 1,
            QueryLength = 40,
            KvLength = 130,
            HeadSize = 8,
            Scale = 1,
            Mask = new CausalMask(),
            LogSumExp = LogSumExpOutput.Natural,
        };
        var item = AttentionCases.WithInputs(
            problem, new AttentionChoice(AttentionAlgorithm.Blockwise, new TileShape(tile, tile)), new Random(1), family: 0);
        var q = item.Q.Span<float>();
        var k = item.K.Span<float>();
        for (var i = 0; i < problem.QueryLength; i++)
        {
            q[i * problem.HeadSize] = 1 + (i % 3);
        }

        for (var j = 0; j < problem.KvLength; j++)
        {
            k[j * problem.HeadSize] = (float)(step * (j / tile));
        }

        using var pool = new WorkerPool(1);
        foreach (var splits in new[] { 1, 3 })
        {
            var split = item with { Problem = problem with { KvSplits = splits } };
            var (output, logSumExp) = CpuAttention.Run(split.Problem, split.Q, split.K, split.V, split.Choice, pool);
            AttentionBudget.Check(split, output, logSumExp, $"step {step}, splits {splits}");
        }
    }

    // What is skipped must not depend on the tile: every tile that holds a band has other corners to leave out.
    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(20)]
    [InlineData(70)]
    public void Bands_agree_with_the_oracle_on_every_tile(int width)
    {
        using var pool = new WorkerPool(1);
        var tiles = new[] { new TileShape(8, 8), new(16, 64), new(24, 40), new(48, 16), new(64, 64), new(128, 64), new(72, 128) };
        foreach (var mask in new MaskPattern[] { new SlidingMask(width), new HashedMask(width, 0.02, false, false) })
        {
            foreach (var tile in tiles)
            {
                var problem = new AttentionProblem
                {
                    Batch = 1,
                    QueryHeads = 1,
                    KvHeads = 1,
                    QueryLength = 150,
                    KvLength = 170,
                    HeadSize = 12,
                    Mask = mask,
                    LogSumExp = LogSumExpOutput.Natural,
                };
                var item = AttentionCases.WithInputs(
                    problem, new AttentionChoice(AttentionAlgorithm.Blockwise, tile), new Random(width), family: 0);
                var (output, logSumExp) = CpuAttention.Run(problem, item.Q, item.K, item.V, item.Choice, pool);
                AttentionBudget.Check(item, output, logSumExp, $"{mask}, tile {tile}");
            }
        }
    }
}
