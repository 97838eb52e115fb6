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
    public void The_busiest_worker_has_not_much_more_than_its_share(int columns, int depth, bool norm)
    {
        foreach (var threads in Threads)
        {
            for (var rows = 4; rows <= 600; rows++) // fewer wait for their own chains
            {
                var work = new GemmWork(rows, columns, depth) { NormalisesOutput = norm };
                var tiling = GemmTiling.For(in work, threads, Caches);
                var busiest = Busiest(in work, tiling, threads);
                Assert.True((double)rows * work.Panels / threads / busiest >= Least(threads, rows), $"{work}, {threads} threads: {tiling} takes {busiest:F1}");
            }
        }
    }

    // Few rows leave many workers little to share.
    private static double Least(int threads, int rows)
    {
        double[] least = threads <= 4 ? [0.61, 0.7, 0.82, 0.85, 0.88] : threads <= 16 ? [0.29, 0.47, 0.55, 0.58, 0.7] : [0.16, 0.29, 0.42, 0.46, 0.55];
        return least[rows < 12 ? 0 : rows < 32 ? 1 : rows < 64 ? 2 : rows < 128 ? 3 : 4];
    }

    private static double Busiest(in GemmWork work, GemmTiling tiling, int threads)
    {
        var counts = new int[GemmGrid.Counts(work.Rows, tiling.RowBlock)];
        fixed (int* pinned = counts)
        {
            var grid = new GemmGrid(work.Rows, work.Panels, tiling.RowBlock, GemmLayout.Panels(tiling.ColumnBlock), pinned);
            var finish = work.NormalisesOutput && tiling.ColumnBlock < work.Columns ? (double)work.Rows * work.Columns / threads / work.Depth / 2 : 0;
            return finish + Busiest(threads, grid);
        }
    }

    private static int Ragged(int rows) => rows % 12 is 1 or 2 ? rows - (rows % 12) + 3 : rows;

    private static double Busiest(int threads, GemmGrid grid)
    {
        var panel = 1 + (0.25 * Math.Min(threads, 16));
        const double Packed = 0.6;
        var free = new PriorityQueue<int, (double, int)>(Enumerable.Range(0, threads).Select(worker => (worker, (0.0, worker))));
        var own = Enumerable.Repeat(-1, threads).ToArray();
        var last = 0.0;
        for (var i = 0; i < grid.Tasks; i++)
        {
            free.TryDequeue(out var worker, out var at);
            var task = grid.Take(own[worker]);
            var end = at.Item1 + (task.Panels * (Ragged(task.Rows) + panel)) + (own[worker] == task.Block ? 0 : Packed * task.Rows);
            own[worker] = task.Block;
            last = Math.Max(last, end);
            free.Enqueue(worker, (end, worker));
        }

        return last;
    }
}
