using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace Stof.Reference.Cpu.Threading;

/// <summary>
/// A fixed set of threads that share the tasks of one parallel loop at a time. The calling thread is worker 0. Tasks are
/// handed out in ascending order, so a list sorted by descending cost is balanced; which worker runs a task never influences
/// a result. A loop waits only for workers that have joined it: a worker that the operating system wakes too late finds
/// the loop closed, and costs nothing.
/// </summary>
public sealed unsafe class WorkerPool : IDisposable
{
    // One word decides who takes part: generation (upper half), an "open" bit, and the number of workers inside.
    private const long OpenBit = 1L << 31;
    private const long JoinedMask = OpenBit - 1;
    private const int GenerationShift = 32;

    // Kernels of one model follow each other within microseconds; beyond this an idle worker leaves the core to others.
    private static readonly long SpinTicks = Stopwatch.Frequency / 20_000;

    private readonly Thread[] _threads;
    private readonly Seat[] _seats;
    private readonly Lock _runGate = new();
    private delegate*<void*, int, int, void> _invoke;
    private void* _body;
    private ExceptionDispatchInfo? _failure;
    private int _count;
    private bool _stopping;
    private OwnLine _state;
    private OwnLine _next; // not beside what every worker reads for each task

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
        _seats = new Seat[threads];
        for (var i = 0; i < threads; i++)
        {
            _seats[i] = new Seat();
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

    /// <summary>Where to note what the workers do in the loops to come; null, the default, for nowhere.</summary>
    public LoopTrace? Trace { get; set; }

    /// <summary>
    /// Runs <c>body(task, worker)</c> for every task in [0, count) and returns when all are done. An exception of a task is
    /// rethrown here after the loop has ended; tasks not yet started are dropped.
    /// </summary>
    /// <exception cref="InvalidOperationException">Another loop of this pool is running: loops do not nest.</exception>
    public void Run(int count, Action<int, int> body)
    {
        ArgumentNullException.ThrowIfNull(body);
        Run(count, new DelegateBody(body));
    }

    /// <summary>As <see cref="Run(int, Action{int, int})"/>, without an allocation.</summary>
    /// <inheritdoc cref="Run(int, Action{int, int})"/>
    public void Run<TBody>(int count, TBody body)
        where TBody : struct, IParallelBody
    {
        if (_runGate.IsHeldByCurrentThread || !_runGate.TryEnter())
        {
            throw new InvalidOperationException("a parallel loop of this pool is already running");
        }

        try
        {
            ObjectDisposedException.ThrowIf(_stopping, this);
            if (_threads.Length == 0 || count <= 1)
            {
                Trace?.Begin();
                Trace?.Join(0);
                for (var task = 0; task < count; task++)
                {
                    body.Execute(task, 0);
                }

                Trace?.Leave(0, count);
                Trace?.End();
                return;
            }

            // The body is a by-value parameter: it lives on this stack frame, which does not move and outlives the loop.
            Share(count, &Invoke<TBody>, Unsafe.AsPointer(ref body));
        }
        finally
        {
            _runGate.Exit();
        }
    }

    /// <summary>Ends the threads.</summary>
    public void Dispose()
    {
        if (_stopping)
        {
            return;
        }

        Volatile.Write(ref _stopping, true);
        Interlocked.MemoryBarrier();
        for (var worker = 1; worker < Threads; worker++)
        {
            Wake(worker);
        }

        foreach (var thread in _threads)
        {
            thread.Join();
        }

        foreach (var seat in _seats)
        {
            seat.Dispose();
        }
    }

    private static void Invoke<TBody>(void* body, int task, int worker)
        where TBody : struct, IParallelBody => Unsafe.AsRef<TBody>(body).Execute(task, worker);

    private void Share(int count, delegate*<void*, int, int, void> invoke, void* body)
    {
        var trace = Trace;
        trace?.Begin();
        _invoke = invoke;
        _body = body;
        _count = count;
        _next.Value = 0;
        _failure = null;
        var generation = (Volatile.Read(ref _state.Value) >> GenerationShift) + 1;

        // A full fence: either a worker on its way to sleep sees the new generation, or we see that it sleeps.
        Interlocked.Exchange(ref _state.Value, (generation << GenerationShift) | OpenBit);
        WakeNext(0);
        Drain(0);
        Interlocked.And(ref _state.Value, ~OpenBit);
        var spin = default(SpinWait);
        while ((Volatile.Read(ref _state.Value) & JoinedMask) != 0)
        {
            spin.SpinOnce(sleep1Threshold: -1);
        }

        _body = null;
        trace?.End();
        _failure?.Throw();
    }

    private void Loop(int worker)
    {
        var seen = 0L;
        while (true)
        {
            var state = AwaitGenerationAfter(seen, _seats[worker]);
            if (Volatile.Read(ref _stopping))
            {
                return;
            }

            seen = state >> GenerationShift;
            WakeNext(worker);
            if (TryJoin(seen))
            {
                Drain(worker);
                Interlocked.Decrement(ref _state.Value);
            }
        }
    }

    private long AwaitGenerationAfter(long seen, Seat seat)
    {
        var started = Stopwatch.GetTimestamp();
        while (Stopwatch.GetTimestamp() - started < SpinTicks)
        {
            var state = Volatile.Read(ref _state.Value);
            if (state >> GenerationShift != seen || Volatile.Read(ref _stopping))
            {
                return state;
            }

            Thread.SpinWait(8);
        }

        while (true)
        {
            Interlocked.Exchange(ref seat.IsAsleep, 1);
            var isOver = Volatile.Read(ref _state.Value) >> GenerationShift != seen || Volatile.Read(ref _stopping);

            // Who has been woken meanwhile takes the ring; who rises by itself must find none.
            if (!isOver || Interlocked.Exchange(ref seat.IsAsleep, 0) == 0)
            {
                seat.Bell.Wait();
            }

            if (isOver || Volatile.Read(ref _state.Value) >> GenerationShift != seen || Volatile.Read(ref _stopping))
            {
                return Volatile.Read(ref _state.Value);
            }
        }
    }

    /// <summary>Wakes those that a worker has to wake, who wake others: no thread wakes more than two, which takes microseconds each.</summary>
    private void WakeNext(int worker)
    {
        for (var next = (2 * worker) + 1; next <= (2 * worker) + 2 && next < Threads; next++)
        {
            Wake(next);
        }
    }

    private void Wake(int worker)
    {
        var seat = _seats[worker];
        if (Volatile.Read(ref seat.IsAsleep) != 0 && Interlocked.Exchange(ref seat.IsAsleep, 0) != 0)
        {
            seat.Bell.Release();
        }
    }

    private bool TryJoin(long generation)
    {
        while (true)
        {
            var state = Volatile.Read(ref _state.Value);
            if (state >> GenerationShift != generation || (state & OpenBit) == 0)
            {
                return false;
            }

            if (Interlocked.CompareExchange(ref _state.Value, state + 1, state) == state)
            {
                return true;
            }
        }
    }

    private void Drain(int worker)
    {
        var trace = Trace;
        trace?.Join(worker);
        var tasks = 0;
        try
        {
            for (var task = Interlocked.Increment(ref _next.Value) - 1; task < _count; task = Interlocked.Increment(ref _next.Value) - 1)
            {
                _invoke(_body, (int)task, worker);
                tasks++;
            }
        }
#pragma warning disable CA1031 // Handed to the caller of Run.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            Interlocked.CompareExchange(ref _failure, ExceptionDispatchInfo.Capture(exception), null);
            Volatile.Write(ref _next.Value, _count);
        }

        trace?.Leave(worker, tasks);
    }

    /// <summary>Where a worker sleeps.</summary>
    private sealed class Seat : IDisposable
    {
        public readonly SemaphoreSlim Bell = new(0);
        public int IsAsleep;

        public void Dispose() => Bell.Dispose();
    }

    /// <summary>A number on cache lines of its own.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct OwnLine
    {
        [FieldOffset(128)]
        public long Value;
    }

    private readonly struct DelegateBody(Action<int, int> body) : IParallelBody
    {
        public void Execute(int task, int worker) => body(task, worker);
    }
}
