namespace Stof.Reference.Cpu.Threading;

/// <summary>
/// A fixed set of threads that share the tasks of one parallel loop at a time. The calling thread is worker 0. Tasks are
/// handed out in ascending order, so a list sorted by descending cost is balanced; which worker runs a task never influences
/// a result.
/// </summary>
public sealed class WorkerPool : IDisposable
{
    private readonly Thread[] _threads;
    private readonly Barrier? _start;
    private readonly Barrier? _end;
    private Action<int, int>? _body;
    private Exception? _failure;
    private int _count;
    private int _next;
    private bool _stopping;

    /// <summary>Starts the threads.</summary>
    /// <param name="threads">Number of workers, the calling thread included; 1 to 1,024.</param>
    /// <exception cref="InvalidInputException">The number is out of range.</exception>
    public WorkerPool(int threads)
    {
        if (threads is < 1 or > 1024)
        {
            throw new InvalidInputException(nameof(threads), $"{threads}", "1 to 1024");
        }

        Threads = threads;
        _threads = new Thread[threads - 1];
        if (threads > 1)
        {
            _start = new Barrier(threads);
            _end = new Barrier(threads);
        }

        for (var i = 0; i < _threads.Length; i++)
        {
            var worker = i + 1;
            _threads[i] = new Thread(() => Loop(worker)) { IsBackground = true, Name = $"stof worker {worker}" };
            _threads[i].Start();
        }
    }

    /// <summary>Number of workers, the calling thread included.</summary>
    public int Threads { get; }

    /// <summary>
    /// Runs <c>body(task, worker)</c> for every task in [0, count) and returns when all are done. Not re-entrant. An exception
    /// of a task is rethrown here after the loop has ended; tasks not yet started are dropped.
    /// </summary>
    public void Run(int count, Action<int, int> body)
    {
        ArgumentNullException.ThrowIfNull(body);
        if (_start is null || count <= 1)
        {
            for (var task = 0; task < count; task++)
            {
                body(task, 0);
            }

            return;
        }

        _body = body;
        _count = count;
        _next = 0;
        _failure = null;
        _start.SignalAndWait();
        Drain(0);
        _end!.SignalAndWait();
        _body = null;
        if (_failure is not null)
        {
            throw new AggregateException(_failure);
        }
    }

    /// <summary>Ends the threads.</summary>
    public void Dispose()
    {
        if (_start is null || _stopping)
        {
            return;
        }

        _stopping = true;
        _start.SignalAndWait();
        foreach (var thread in _threads)
        {
            thread.Join();
        }

        _start.Dispose();
        _end!.Dispose();
    }

    private void Loop(int worker)
    {
        while (true)
        {
            _start!.SignalAndWait();
            if (_stopping)
            {
                return;
            }

            Drain(worker);
            _end!.SignalAndWait();
        }
    }

    private void Drain(int worker)
    {
        try
        {
            for (var task = Interlocked.Increment(ref _next) - 1; task < _count; task = Interlocked.Increment(ref _next) - 1)
            {
                _body!(task, worker);
            }
        }
#pragma warning disable CA1031 // Handed to the caller of Run.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            Interlocked.CompareExchange(ref _failure, exception, null);
            Volatile.Write(ref _next, _count);
        }
    }
}
