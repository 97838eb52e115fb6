using Stof.Reference.Cpu.Simd.Attention;
using Stof.Reference.Formats;
using Stof.Reference.Masks;
using Stof.Reference.Operators;

namespace Stof.Reference.Unit.Tests.Cpu.Attention;

/// <summary>How tasks become turns.</summary>
public sealed class AttentionPlanTests
{
    private const long PanelFloats = 64 * 128;

    [Theory]
    [InlineData("full", 1)]
    [InlineData("sliding(64)", 5)]
    [InlineData("longformer(band=32,global=32)", 16)]
    [InlineData("causal", 64)]
    public void Turns_take_every_task_once_and_none_costs_more_than_a_quarter_of_a_worker_s_share(string mask, int workers)
    {
        var plan = Plan(mask, PanelFloats);
        for (var wave = 0; wave < plan.Waves.Count; wave++)
        {
            var tasks = plan.Waves[wave].Tasks;
            var turns = plan.Turns(wave, workers);
            Assert.Equal((0, tasks.Length), (turns[0], turns[^1]));
            var left = tasks.Sum(Cost);
            for (var turn = 0; turn + 1 < turns.Length; turn++)
            {
                var cost = tasks[turns[turn]..turns[turn + 1]].Sum(Cost);
                Assert.True(turns[turn + 1] == turns[turn] + 1 || cost <= left / (4.0 * workers), $"turn {turn} costs {cost} of {left}");
                Assert.True(turns[turn] < turns[turn + 1]);
                left -= cost;
            }
        }
    }

    [Fact]
    public void Neighbours_share_a_turn_while_much_is_left_and_one_worker_s_tasks_stay_in_order()
    {
        var plan = Plan("sliding(64)", 0);
        var turns = plan.Turns(0, 4);
        Assert.True(turns[1] > 2, $"{turns[1]} tasks in the first turn");
        var first = plan.Waves[0].Tasks[..turns[1]];
        Assert.Single(first.Select(task => task.Head).Distinct());
    }

    [Fact]
    public void Panels_that_need_no_room_make_one_wave_whatever_the_size()
    {
        Assert.Single(Plan("full", 0).Waves);
        Assert.True(Plan("full", 1L << 20).Waves.Count > 1);
    }

    private static long Cost(AttentionTask task) => task.End - task.Start;

    private static AttentionPlan Plan(string mask, long panelFloats)
    {
        var problem = new AttentionProblem
        {
            Batch = 1,
            QueryHeads = 4,
            KvHeads = 4,
            QueryLength = 1024,
            KvLength = 1024,
            HeadSize = 64,
            Mask = MaskText.Parse(mask),
        }.Validated();
        var tiles = BlockMaskBuilder.Build(problem.BindMask(), TileShape.Default);
        return AttentionPlan.Create(problem, tiles, panelFloats, Blocks, Cost, splits: 1);

        IEnumerable<AttentionTask> Blocks(int batch, int head)
        {
            for (var row = 0; row < tiles.TileRows; row++)
            {
                var at = (tiles.Slice(batch, head) * tiles.TileRows) + row;
                yield return new AttentionTask(
                    batch, head, row * tiles.Tile.Rows, tiles.Tile.Rows, tiles.LoadRowPtr[at], tiles.LoadRowPtr[at + 1], 0);
            }
        }
    }
}
