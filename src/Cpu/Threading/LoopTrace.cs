using System.Diagnostics;

namespace Stof.Reference.Cpu.Threading;

/// <summary>When the workers of a <see cref="WorkerPool"/> came to its loops and left them.</summary>
public sealed class LoopTrace
{
    private readonly List<Loop> _loops = [];
    private readonly int _threads;
    private Loop _current;

    /// <summary>A trace without loops.</summary>
    /// <param name="threads">Workers of the pool.</param>
    public LoopTrace(int threads)
    {
        _threads = threads;
        _current = new Loop(threads);
    }

    /// <summary>The loops that have ended, oldest first.</summary>
    public IReadOnlyList<Loop> Loops => _loops;

    /// <summary>Forgets all loops.</summary>
    public void Clear() => _loops.Clear();

    internal void Begin() => _current = new Loop(_threads) { Began = Stopwatch.GetTimestamp() };

    internal void Join(int worker) => _current.Of(worker) = new Share(Stopwatch.GetTimestamp(), 0, 0);

    internal void Leave(int worker, int tasks) => _current.Of(worker) = _current.Of(worker) with { Left = Stopwatch.GetTimestamp(), Tasks = tasks };

    internal void End()
    {
        _current.Ended = Stopwatch.GetTimestamp();
        _loops.Add(_current);
    }

    /// <summary>One worker in one loop.</summary>
    /// <param name="Joined">When it came, in ticks of <see cref="Stopwatch"/>; 0 for never.</param>
    /// <param name="Left">When no task was left for it.</param>
    /// <param name="Tasks">Tasks that it ran.</param>
    public readonly record struct Share(long Joined, long Left, int Tasks);

    /// <summary>One loop, in ticks of <see cref="Stopwatch"/>.</summary>
    public sealed class Loop
    {
        private readonly Share[] _workers;

        internal Loop(int threads) => _workers = new Share[threads];

        /// <summary>When it was called.</summary>
        public long Began { get; internal set; }

        /// <summary>When it returned.</summary>
        public long Ended { get; internal set; }

        /// <summary>What each worker did.</summary>
        public IReadOnlyList<Share> Workers => _workers;

        // Workers write at the same time, each its own.
        internal ref Share Of(int worker) => ref _workers[worker];
    }
}
