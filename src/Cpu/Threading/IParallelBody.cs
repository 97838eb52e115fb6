namespace Stof.Reference.Cpu.Threading;

/// <summary>The body of a parallel loop as a value type, so that starting a loop allocates nothing.</summary>
public interface IParallelBody
{
    /// <summary>Runs one task.</summary>
    /// <param name="task">Task index in [0, count).</param>
    /// <param name="worker">Worker index in [0, threads): the key of per-worker scratch memory.</param>
    void Execute(int task, int worker);
}
