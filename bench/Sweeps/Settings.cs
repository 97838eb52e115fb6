using Stof.Reference.Cpu.Threading;

namespace Stof.Reference.Bench.Sweeps;

/// <summary>What a sweep over attention goes through.</summary>
/// <param name="Threads">Worker counts.</param>
/// <param name="HeadSizes">Dqk = Dv.</param>
/// <param name="Lengths">S.</param>
internal sealed record Settings(IReadOnlyList<int> Threads, IReadOnlyList<int> HeadSizes, IReadOnlyList<int> Lengths)
{
    /// <summary>Measures one setting after the other.</summary>
    /// <param name="measure">Gets workers, head size and length.</param>
    public void ForEach(Action<WorkerPool, int, int> measure)
    {
        foreach (var count in Threads)
        {
            using var pool = new WorkerPool(count);
            foreach (var headSize in HeadSizes)
            {
                foreach (var length in Lengths)
                {
                    measure(pool, headSize, length);
                }
            }
        }
    }
}
