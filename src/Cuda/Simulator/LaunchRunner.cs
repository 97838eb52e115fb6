using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Simulator;

/// <summary>
/// Runs a launch's blocks on several threads. What the report says must not depend on their timing: if blocks touch each other's bytes or one gives
/// up, memory is put back and the blocks run again in order. Kernels with atomic operations on global memory run in order at once, since
/// their results depend on it.
/// </summary>
internal static class LaunchRunner
{
    /// <summary>Runs all blocks.</summary>
    public static LaunchReport Run(LaunchContext launch)
    {
        var blocks = (int)launch.Grid.Count;
        var hasAtomics = launch.Kernel.Instructions.Any(
            instruction => instruction.Opcode.Class == InstructionClass.Atomic
                && instruction.Opcode.Slots.Any(slot => slot is { Role: SlotRole.Address, Type: RegisterType.B64 }));
        var workers = hasAtomics ? 1 : (int)Math.Clamp(launch.Options.Workers, 1, blocks);
        if (workers > 1)
        {
            var parallel = Enumerable.Range(0, workers).Select(_ => new ThreadBlock(launch)).ToArray();
            var next = -1;
            Parallel.ForEach(
                parallel,
                new ParallelOptions { MaxDegreeOfParallelism = workers },
                worker =>
                {
                    for (var block = Interlocked.Increment(ref next); block < blocks && !launch.NeedsRerun; block = Interlocked.Increment(ref next))
                    {
                        worker.Run(block);
                    }
                });
            if (!launch.NeedsRerun && !launch.GaveUp)
            {
                return Report(launch, parallel);
            }

            launch.Blocks.Restore(launch.Device);
            launch.NeedsRerun = false;
            launch.GaveUp = false;
        }

        launch.Blocks = new BlockShadow(isSequential: true);
        var single = new ThreadBlock(launch) { IsSequential = true };
        for (var block = 0; block < blocks && !launch.GaveUp; block++)
        {
            single.Run(block);
        }

        return Report(launch, [single]);
    }

    private static LaunchReport Report(LaunchContext launch, ThreadBlock[] workers)
    {
        var counters = new Counters();
        foreach (var worker in workers)
        {
            counters.Add(worker.Counters);
        }

        var findings = FindingList.Merge(workers.Select(worker => worker.Findings));
        return new LaunchReport
        {
            Kernel = launch.Kernel.Name,
            Grid = launch.Grid,
            Findings = [.. findings.Take(launch.Options.MaximumFindings)],
            FindingCount = findings.Count,
            Counters = counters,
            Trace = workers.Select(worker => worker.Recorder?.Finish()).FirstOrDefault(trace => trace is not null),
        };
    }
}
