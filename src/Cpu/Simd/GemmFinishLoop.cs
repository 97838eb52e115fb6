using Stof.Reference.Cpu.Threading;

namespace Stof.Reference.Cpu.Simd;

/// <summary>Runs the epilogue on sums that all workers have made, a few rows a task.</summary>
internal readonly struct GemmFinishLoop(WorkerPool pool, GemmStage stage, int rows) : IParallelBody
{
    // So many that a task is worth taking, and that two can be on their way.
    private const int MostRows = 16;

    private readonly int _block = Math.Clamp(GemmTiling.Ceiling(rows, pool.Threads), 1, MostRows);

    /// <summary>Runs all tasks.</summary>
    public void Run() => pool.Run(GemmTiling.Ceiling(rows, _block), this);

    /// <inheritdoc/>
    public void Execute(int task, int worker) => stage.Finish(task * _block, Math.Min(_block, rows - (task * _block)));
}
