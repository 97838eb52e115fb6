using Stof.Reference.Bench.Quick;
using Stof.Reference.Cpu.Simd;
using Stof.Reference.Cpu.Threading;

namespace Stof.Reference.Unit.Tests.Cpu.Gemm;

public sealed unsafe class GemmTilingTests
{
    private static readonly CacheSizes Caches = new(2 << 20, 64 << 20);

    /// <summary>Every number of workers that a machine has, and some between.</summary>
    private static readonly int[] Threads = [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 48, 64];

    [Fact]
    public void Workers_take_every_row_and_panel_once()
    {
        using var pool = new WorkerPool(4);
        for (var seed = 0; seed < 300; seed++)
        {
            var random = new Random(seed);
            var (rows, panels, rowBlock, panelBlock) = (random.Next(1, 200), random.Next(1, 40), random.Next(1, 250), random.Next(1, 50));
            var counts = new AlignedFloats(GemmGrid.Counts(rows, rowBlock));
            var grid = new GemmGrid(rows, panels, rowBlock, panelBlock, (int*)counts.Address);
            var seen = new int[rows, panels];
            var own = new[] { -1, -1, -1, -1 };
            pool.Run(grid.Tasks, (_, worker) =>
            {
                var task = grid.Take(own[worker]);
                own[worker] = task.Block;
                for (var row = 0; row < task.Rows; row++)
                {
                    for (var panel = 0; panel < task.Panels; panel++)
                    {
                        Interlocked.Increment(ref seen[task.RowStart + row, task.PanelStart + panel]);
                    }
                }
            });
            Assert.True(seen.Cast<int>().All(count => count == 1), $"seed {seed}: {rows} x {panels} by {rowBlock} x {panelBlock}");
            GC.KeepAlive(counts);
        }
    }

    // Loads are those of workers that take the next task when they are free: rows by panels, the panels themselves (many workers share what brings them),
    // and packing; all of it, not only what is uneven, takes from the efficiency.
    [Theory]
    [InlineData(768, 768, false)]
    [InlineData(3072, 768, false)]
    [InlineData(768, 768, true)]
    [InlineData(768, 3072, true)]
    public void The_busiest_worker_has_not_much_more_than_its_share_and_hardly_ever_more_than_by_the_former_rule(int columns, int depth, bool norm)
    {
        var (items, more) = (0, 0);
        foreach (var threads in Threads)
        {
            for (var rows = 1; rows <= 600; rows++)
            {
                var work = new GemmWork(rows, columns, depth) { NormalisesOutput = norm };
                var (tiling, former) = (GemmTiling.For(in work, threads, Caches), FormerTiling.For(in work, threads, Caches));
                var (now, before) = (Busiest(in work, tiling, threads), FormerBusiest(in work, former, threads));
                var label = $"{work}, {threads} threads: {tiling} takes {now:F1}, {former} took {before:F1}";
                Assert.True(now <= 1.11 * before, label);
                (items, more) = (items + 1, more + (now > 1.02 * before ? 1 : 0));
                var least = rows < 64 ? 0 : threads > 16 ? 0.46 : rows < 128 ? 0.58 : 0.7;
                Assert.True((double)rows * work.Panels / threads / now >= least, label);
            }
        }

        Assert.True(more <= items / 200, $"{more} of {items} took more than 2 % longer");
    }

    private static double Busiest(in GemmWork work, GemmTiling tiling, int threads)
    {
        var counts = new int[GemmGrid.Counts(work.Rows, tiling.RowBlock)];
        fixed (int* pinned = counts)
        {
            var grid = new GemmGrid(work.Rows, work.Panels, tiling.RowBlock, GemmLayout.Panels(tiling.ColumnBlock), pinned);
            var finish = work.NormalisesOutput && tiling.ColumnBlock < work.Columns ? (double)work.Rows * work.Columns / threads / work.Depth / 2 : 0;
            return finish + Busiest(threads, grid.Tasks, (_, own) => grid.Take(own));
        }
    }

    private static double FormerBusiest(in GemmWork work, GemmTiling tiling, int threads)
    {
        var (rows, panels, panelBlock) = (work.Rows, work.Panels, GemmLayout.Panels(tiling.ColumnBlock));
        var columnTasks = (panels + panelBlock - 1) / panelBlock;
        var rowTasks = (work.Rows + tiling.RowBlock - 1) / tiling.RowBlock;
        return Busiest(threads, rowTasks * columnTasks, (task, _) =>
        {
            var (row, panel) = (task / columnTasks * tiling.RowBlock, task % columnTasks * panelBlock);
            return new GemmTask(task / columnTasks, row, Math.Min(tiling.RowBlock, rows - row), panel, Math.Min(panelBlock, panels - panel));
        });
    }

    private static int Ragged(int rows) => rows % 12 is 1 or 2 ? rows - (rows % 12) + 3 : rows;

    private static double Busiest(int threads, int tasks, Func<int, int, GemmTask> take)
    {
        var panel = 1 + (0.25 * Math.Min(threads, 16));
        const double Packed = 0.6;
        var free = new PriorityQueue<int, (double, int)>(Enumerable.Range(0, threads).Select(worker => (worker, (0.0, worker))));
        var own = Enumerable.Repeat(-1, threads).ToArray();
        var last = 0.0;
        for (var i = 0; i < tasks; i++)
        {
            free.TryDequeue(out var worker, out var at);
            var task = take(i, own[worker]);
            var end = at.Item1 + (task.Panels * (Ragged(task.Rows) + panel)) + (own[worker] == task.Block ? 0 : Packed * task.Rows);
            own[worker] = task.Block;
            last = Math.Max(last, end);
            free.Enqueue(worker, (end, worker));
        }

        return last;
    }
}
