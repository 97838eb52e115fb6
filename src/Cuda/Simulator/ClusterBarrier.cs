namespace Stof.Reference.Cuda.Simulator;

/// <summary>
/// The barrier of a cluster: coming and waiting are two instructions, and a warp may do something between them. Threads that have ended are not waited for.
/// </summary>
internal sealed class ClusterBarrier(BlockCluster cluster)
{
    /// <summary>Its number where a warp says what it waits at: behind those of a block.</summary>
    public const int Id = 16;

    private readonly Knowledge _met = new(cluster.Size);
    private readonly Knowledge _gathered = new(cluster.Size);
    private int _phase;

    /// <summary>Forgets all.</summary>
    public void Begin()
    {
        _phase = 0;
        _met.Reset(0);
        _gathered.Reset(0);
    }

    /// <summary>A warp comes.</summary>
    public void Arrive(Warp warp)
    {
        if (warp.ClusterPhase >= 0)
        {
            warp.Find(FindingKind.BarrierMisuse, -1, () => "the warp has come to the cluster's barrier before, and not waited since");
        }

        warp.ClusterPhase = _phase;
        warp.Order.Publish(_gathered);
        Complete();
    }

    /// <summary>A warp waits until all have come.</summary>
    public void Wait(Warp warp)
    {
        if (warp.ClusterPhase < 0)
        {
            warp.Find(FindingKind.BarrierMisuse, -1, () => "the warp waits at the cluster's barrier without having come to it");
        }
        else if (warp.ClusterPhase < _phase)
        {
            Pass(warp);
        }
        else
        {
            warp.WaitAtBarrier(Id);
        }
    }

    /// <summary>A warp has ended: the barrier may be complete without it.</summary>
    public void Leave() => Complete();

    /// <summary>What it waits for, in words.</summary>
    public string Describe(Warp warp)
    {
        var (come, living) = Count();
        return $"the cluster's barrier, {come} of {living} warps have come (#{warp.BarrierInstruction})";
    }

    private (int Come, int Living) Count()
    {
        var (come, living) = (0, 0);
        foreach (var block in cluster.Blocks)
        {
            foreach (var warp in block.Warps)
            {
                living += warp.HasEnded ? 0 : 1;
                come += !warp.HasEnded && warp.ClusterPhase == _phase ? 1 : 0;
            }
        }

        return (come, living);
    }

    private void Complete()
    {
        if (Count() is var (come, living) && (come == 0 || come < living))
        {
            return;
        }

        _phase++;
        _met.Learn(_gathered);
        foreach (var block in cluster.Blocks)
        {
            foreach (var warp in block.Warps)
            {
                if (warp.BarrierWaitedAt == Id)
                {
                    warp.PassBarrier(Id);
                    Pass(warp);
                }
            }
        }
    }

    private void Pass(Warp warp)
    {
        warp.Order.Learn(_met);
        warp.ClusterPhase = -1;
    }
}
