namespace Stof.Reference.Cuda.Simulator;

/// <summary>
/// The blocks of one cluster at a time, in turns: they run together, as on a device. Most kernels' clusters are of one block. A worker reuses it for its
/// next cluster.
/// </summary>
internal sealed class BlockCluster
{
    private readonly ThreadBlock[] _blocks;

    public BlockCluster(LaunchContext launch, bool isSequential = false)
    {
        Size = launch.Kernel.ClusterBlocks;
        Barrier = new ClusterBarrier(this);
        _blocks = new ThreadBlock[Size];
        for (var rank = 0; rank < Size; rank++)
        {
            _blocks[rank] = new ThreadBlock(launch, this, rank) { IsSequential = isSequential };
        }
    }

    /// <summary>Blocks of a cluster.</summary>
    public int Size { get; }

    /// <summary>The blocks by their rank.</summary>
    public ReadOnlySpan<ThreadBlock> Blocks => _blocks;

    /// <summary>The cluster's barrier.</summary>
    public ClusterBarrier Barrier { get; }

    /// <summary>Runs a cluster to its end.</summary>
    /// <param name="number">Number of the cluster within the grid.</param>
    public void Run(int number)
    {
        Begin(number);
        while (!Array.Exists(_blocks, block => block.HasGivenUp))
        {
            var hasRun = false;
            foreach (var block in _blocks)
            {
                hasRun |= block.RunTurn();
            }

            if (hasRun)
            {
                continue;
            }

            if (Array.Find(_blocks, block => !block.HasEnded) is not { } waiting)
            {
                return;
            }

            waiting.ReportDeadlock();
        }
    }

    private void Begin(int number)
    {
        var ticket = _blocks.Max(block => block.LastTicket);
        if (ticket > AccessRecord.MaximumTicket / 2)
        {
            Array.ForEach(_blocks, block => block.ForgetAccesses());
            ticket = 0;
        }

        Barrier.Begin();
        for (var rank = 0; rank < Size; rank++)
        {
            _blocks[rank].Begin((number * Size) + rank, ticket);
        }
    }
}
