using System.Runtime.Intrinsics;
using System.Security.Cryptography;
using Stof.Reference.Cpu.Simd;
using Stof.Reference.Cpu.Simd.Attention;
using Stof.Reference.Cpu.Threading;
using Stof.Reference.Formats;
using Stof.Reference.Masks;
using Stof.Reference.Numerics;
using Stof.Reference.Operators;
using Stof.Reference.Tensors;

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

    // 0 joins nothing, the last everything: what the processor is taken for must not show in a result.
    [Fact]
    public void How_far_parts_are_joined_changes_no_bit()
    {
        var workspace = new AttentionWorkspace();
        using var pool = new WorkerPool(1);
        var differentParts = 0;
        for (var seed = 0; seed < 200; seed++)
        {
            // Bands leave corners, which random pairs do not.
            var item = AttentionCases.Random(seed);
            var p = seed % 2 == 0 ? item.Problem : item.Problem with { Mask = new SlidingMask(1 + (seed / 2)) };
            var mask = BlockMaskBuilder.Build(p.BindMask(), item.Choice.Tile);
            differentParts += Parts(mask, 128) == Parts(mask, 320) ? 0 : 1;
            string? expected = null;
            foreach (var partPairs in new[] { 128, 320, 0, int.MaxValue / 2 })
            {
                var output = HostTensor.Zeros(p.Type, p.Layout.Shape(p.Batch, p.QueryHeads, p.QueryLength, p.ValueSize));
                var logSumExp = HostTensor.Zeros(DType.F32, p.Batch, p.QueryHeads, p.QueryLength);
                new BlockwiseAttention<Lanes256, Vector256<float>>(p, mask, workspace, partPairs)
                    .Run(AttentionOperands.Of(p, item.Q, item.K, item.V, output, logSumExp), pool);
                var bits = Convert.ToHexString(SHA256.HashData([.. output.Bytes, .. logSumExp.Bytes]));
                Assert.True(bits == (expected ??= bits), $"seed {seed}, {partPairs} pairs: {item}");
            }
        }

        Assert.True(differentParts > 10, $"only {differentParts} masks are cut differently");
    }

    private static string Parts(BlockMask mask, int partPairs)
    {
        var bits = new KeyBits(mask, partPairs);
        var tiles = mask.Bitmaps.Length / mask.Tile.WordsPerTile;
        return string.Join(';', Enumerable.Range(0, tiles).Select(tile => string.Join(',', bits.Parts(tile).ToArray())));
    }
}
