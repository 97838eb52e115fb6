using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Simulator;

/// <summary>
/// Runs a launch's blocks, a cluster of them at a time, on several threads. What the report says must not depend on their timing: if blocks touch each other's bytes or one gives
/// up, memory is put back and the blocks run again in order. Kernels with atomic operations on global memory run in order at once, since
/// their results depend on it.
/// </summary>
internal static class LaunchRunner
{
    /// <summary>Runs all blocks.</summary>
    public static LaunchReport Run(LaunchContext launch)
    {
        var clusters = (int)launch.Grid.Count / launch.Kernel.ClusterBlocks;
        var hasAtomics = launch.Kernel.Instructions.Any(
            instruction => instruction.Opcode.Class == InstructionClass.Atomic
                && instruction.Opcode.Slots.Any(slot => slot is { Role: SlotRole.Address, Type: RegisterType.B64 }));
        var workers = hasAtomics ? 1 : (int)Math.Clamp(launch.Options.Workers, 1, clusters);
        if (workers > 1)
        {
            var parallel = Enumerable.Range(0, workers).Select(_ => new BlockCluster(launch)).ToArray();
            var next = -1;
            Parallel.ForEach(
                parallel,
                new ParallelOptions { MaxDegreeOfParallelism = workers },
                worker =>
                {
                    for (var cluster = Interlocked.Increment(ref next); cluster < clusters && !launch.NeedsRerun; cluster = Interlocked.Increment(ref next))
                    {
                        worker.Run(cluster);
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
        var single = new BlockCluster(launch, isSequential: true);
        for (var cluster = 0; cluster < clusters && !launch.GaveUp; cluster++)
        {
            single.Run(cluster);
        }

        return Report(launch, [single]);
    }

    private static LaunchReport Report(LaunchContext launch, BlockCluster[] workers)
    {
        ThreadBlock[] blocks = [.. workers.SelectMany(worker => worker.Blocks.ToArray())];
        var counters = new Counters();
        foreach (var block in blocks)
        {
            counters.Add(block.Counters);
        }

        var findings = FindingList.Merge(blocks.Select(block => block.Findings));
        return new LaunchReport
        {
            Kernel = launch.Kernel.Name,
            Grid = launch.Grid,
            Findings = [.. findings.Take(launch.Options.MaximumFindings)],
            FindingCount = findings.Count,
            Counters = counters,
            Trace = blocks.Select(block => block.Recorder?.Finish()).FirstOrDefault(trace => trace is not null),
        };
    }
}
