using Stof.Reference.Cuda.Ptx;
using Stof.Reference.Cuda.Simulator;

namespace Stof.Reference.Cuda.Tests.Simulator;

/// <summary>Faults of blocks that read each other's shared memory.</summary>
internal static class ClusterFaults
{
    public static readonly PlantedFault[] All =
    [
        new()
        {
            Name = "a block of the cluster is read without its barrier",
            Kind = FindingKind.Race,
            Write = f => Exchange(f, Missing.First),
        },
        new()
        {
            Name = "a block writes what another of the cluster may still read",
            Kind = FindingKind.Race,
            Write = f => Exchange(f, Missing.Second),
        },
        new()
        {
            Name = "a block ends while another of the cluster reads it",
            Kind = FindingKind.BlockEnded,
            Write = f => Exchange(f, Missing.Last),
        },
        new()
        {
            Name = "a block of the cluster that is not there",
            Kind = FindingKind.OutOfBounds,
            Write = f =>
            {
                var (own, _) = Start(f);
                f.K.StoreShared(own, f.K.ThreadX());
                f.K.ClusterBarrier();
                var value = f.K.LoadCluster<B32>(f.Mark().K.InBlock(own, f.K.Add(f.K.ClusterRank(), f.IsFaulty ? 1 : 0)));
                f.K.StoreShared(own, value);
                f.K.ClusterBarrier();
            },
        },
        new()
        {
            Name = "beyond an array of another block",
            Kind = FindingKind.OutOfBounds,
            Write = f =>
            {
                var (own, rank) = Start(f);
                f.K.Shared("behind", 256);
                f.K.StoreShared(own, f.K.ThreadX());
                f.K.ClusterBarrier();
                f.Mark().K.LoadCluster<B32>(f.K.InBlock(own, f.K.Xor(rank, 1)) + (f.IsFaulty ? 4 : 0));
                f.K.ClusterBarrier();
            },
        },
        new()
        {
            Name = "what another block has not written",
            Kind = FindingKind.UninitialisedMemory,
            Write = f =>
            {
                var (own, rank) = Start(f);
                f.K.If(f.K.CompareU32(Comparison.Less, f.K.ThreadX(), f.IsFaulty ? 31 : 32), () => f.K.StoreShared(own, f.K.ThreadX()));
                f.K.ClusterBarrier();
                f.Mark().K.LoadCluster<B32>(f.K.InBlock(own, f.K.Xor(rank, 1)));
                f.K.ClusterBarrier();
            },
        },
        new()
        {
            Name = "another block's address in the block's own window",
            Kind = FindingKind.OutOfBounds,
            Write = f =>
            {
                var (own, rank) = Start(f);
                f.K.StoreShared(own, f.K.ThreadX());
                f.K.ClusterBarrier();
                var other = f.K.InBlock(own, f.K.Xor(rank, 1));
                if (f.IsFaulty)
                {
                    f.Mark().K.LoadShared<B32>(new SharedPointer(other.Base));
                }
                else
                {
                    f.K.LoadCluster<B32>(other);
                }

                f.K.ClusterBarrier();
            },
        },
        new()
        {
            Name = "the cluster's barrier waited at without coming",
            Kind = FindingKind.BarrierMisuse,
            Write = f =>
            {
                Start(f);
                if (!f.IsFaulty)
                {
                    f.K.ClusterArrive();
                }

                f.Mark().K.ClusterWait();
            },
        },
        new()
        {
            Name = "the cluster's barrier come to twice",
            Kind = FindingKind.BarrierMisuse,
            Write = f =>
            {
                Start(f);
                f.K.ClusterArrive();
                if (!f.IsFaulty)
                {
                    f.K.ClusterWait();
                }

                f.Mark().K.ClusterArrive();
                f.K.ClusterWait();
            },
        },
        new()
        {
            Name = "one block of the cluster waits for the other",
            Kind = FindingKind.Deadlock,
            Write = f =>
            {
                var (own, rank) = Start(f);
                f.K.StoreShared(own, rank);
                f.K.If(
                    f.K.CompareU32(Comparison.Equal, rank, 0),
                    () =>
                    {
                        f.K.ClusterArrive();
                        f.Mark().K.ClusterWait();
                    },
                    () =>
                    {
                        if (f.IsFaulty)
                        {
                            f.K.Barrier(1, 64); // one warp comes, two are waited for
                        }

                        f.K.ClusterBarrier();
                    });
            },
        },
    ];

    private enum Missing
    {
        First,
        Second,
        Last,
    }

    private static (SharedPointer Own, B32 Rank) Start(FaultCase f)
    {
        f.Grid = new Grid(4);
        f.K.Cluster(2);
        return (f.At(f.K.AddressOf(f.K.Shared("values", 128)), f.K.ThreadX()), f.K.ClusterRank());
    }

    // Two rounds in which each block reads the other; the fault leaves out one of the barriers.
    private static void Exchange(FaultCase f, Missing missing)
    {
        var y = f.Output("y", 4 * 128, out var address);
        var (own, rank) = Start(f);
        var other = f.K.InBlock(own, f.K.Xor(rank, 1));
        var sum = f.K.Copy<F32>(0);
        f.K.StoreShared(own, f.K.ConvertU32ToF32(f.K.BlockX()));
        Barrier(f, missing == Missing.First);
        var first = missing == Missing.First ? f.Mark().K.LoadCluster<F32>(other) : f.K.LoadCluster<F32>(other);
        f.K.Assign(sum, first);
        Barrier(f, missing == Missing.Second);
        var doubled = f.K.Add(first, first);
        if (missing == Missing.Second)
        {
            f.Mark().K.StoreShared(own, doubled);
        }
        else
        {
            f.K.StoreShared(own, doubled);
        }

        f.K.ClusterBarrier();
        var second = missing == Missing.Last ? f.Mark().K.LoadCluster<F32>(other) : f.K.LoadCluster<F32>(other);
        f.K.StoreGlobal(f.At(y, f.K.Mad(f.K.BlockX(), 32, f.K.ThreadX())), f.K.Add(sum, second));
        Barrier(f, missing == Missing.Last);
        f.Expect(address, 128, i => (i / 32 ^ 1) + (2 * (i / 32)));
    }

    private static void Barrier(FaultCase f, bool isMissing)
    {
        if (!(f.IsFaulty && isMissing))
        {
            f.K.ClusterBarrier();
        }
    }
}
