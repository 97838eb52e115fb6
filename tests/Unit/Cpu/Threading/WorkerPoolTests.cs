using Stof.Reference.Cpu.Threading;

namespace Stof.Reference.Unit.Tests.Cpu.Threading;

public sealed class WorkerPoolTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(8)]
    public void Every_task_of_every_loop_runs_exactly_once(int threads)
    {
        using var pool = new WorkerPool(threads);
        for (var round = 0; round < 3000; round++)
        {
            var counts = new int[round % 17];
            pool.Run(counts.Length, (task, worker) =>
            {
                Assert.InRange(worker, 0, threads - 1);
                Interlocked.Increment(ref counts[task]);
            });
            Assert.All(counts, count => Assert.Equal(1, count));
        }
    }

    [Fact]
    public void Workers_that_went_to_sleep_wake_up_again()
    {
        using var pool = new WorkerPool(2);
        var workers = new HashSet<int>();
        for (var round = 0; round < 50 && workers.Count < 2; round++)
        {
            Thread.Sleep(5);
            pool.Run(2, (_, worker) =>
            {
                lock (workers)
                {
                    workers.Add(worker);
                }

                Thread.Sleep(20);
            });
        }

        Assert.Equal([0, 1], workers.Order());
    }

    [Theory]
    [InlineData(2)]
    [InlineData(9)]
    public void Sleepers_wake_each_other_until_all_have_come(int threads)
    {
        using var pool = new WorkerPool(threads);
        for (var round = 0; round < 20; round++)
        {
            // Longer than an idle worker spins. A task ends when every worker has one: with one asleep none would end.
            Thread.Sleep(2);
            using var all = new CountdownEvent(threads);
            var came = new bool[threads];
            pool.Run(threads, (_, worker) =>
            {
                came[worker] = true;
                all.Signal();
                Assert.True(all.Wait(TimeSpan.FromSeconds(60)));
            });
            Assert.All(came, Assert.True);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void A_trace_accounts_for_every_task_of_every_loop(int threads)
    {
        var trace = new LoopTrace(threads);
        using var pool = new WorkerPool(threads) { Trace = trace };
        foreach (var count in new[] { 1, 5, 300 })
        {
            pool.Run(count, (_, _) => Thread.SpinWait(20));
        }

        Assert.Equal([1, 5, 300], trace.Loops.Select(loop => loop.Workers.Sum(worker => worker.Tasks)));
        Assert.All(trace.Loops, loop => Assert.All(loop.Workers.Where(worker => worker.Joined != 0), worker =>
        {
            Assert.InRange(worker.Joined, loop.Began, worker.Left);
            Assert.InRange(worker.Left, worker.Joined, loop.Ended);
        }));
        trace.Clear();
        Assert.Empty(trace.Loops);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void A_task_that_throws_ends_the_loop_and_the_pool_stays_usable(int threads)
    {
        using var pool = new WorkerPool(threads);
        var ran = 0;
        var thrown = Assert.Throws<InvalidInputException>(() => pool.Run(1000, (task, _) =>
        {
            if (task == 3)
            {
                throw new InvalidInputException("task", "3", "another");
            }

            Interlocked.Increment(ref ran);
        }));
        Assert.Equal("task", thrown.Argument);
        Assert.InRange(ran, 0, 999);
        ran = 0;
        pool.Run(100, (_, _) => Interlocked.Increment(ref ran));
        Assert.Equal(100, ran);
    }

    [Fact]
    public void Loops_do_not_nest_and_a_disposed_pool_refuses()
    {
        var pool = new WorkerPool(2);
        Assert.Throws<InvalidOperationException>(() => pool.Run(4, (_, _) => pool.Run(1, (_, _) => { })));
        pool.Dispose();
        pool.Dispose();
        Assert.Throws<ObjectDisposedException>(() => pool.Run(4, (_, _) => { }));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1025)]
    public void Impossible_thread_counts_are_refused(int threads) =>
        Assert.Equal("threads", Assert.Throws<InvalidInputException>(() => new WorkerPool(threads)).Argument);
}
