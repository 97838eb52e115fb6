using System.Numerics;
using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Simulator;

/// <content>What warps of a cluster's blocks do with each other.</content>
internal sealed partial class Warp
{
    // Above every address of a block's own window: the rank, counted from 1.
    private const int RankShift = 24;
    private const uint WindowMask = (1u << RankShift) - 1;

    /// <summary>The block's number in its cluster.</summary>
    public int ClusterRank => _block?.Rank ?? 0;

    /// <summary>Blocks of the cluster.</summary>
    public int ClusterBlocks => _block?.Cluster.Size ?? 1;

    /// <summary>The phase of the cluster's barrier that it came to and has not waited for, or −1.</summary>
    public int ClusterPhase { get; set; } = -1;

    /// <summary>Comes to the cluster's barrier.</summary>
    public void ArriveAtCluster() => _block.Cluster.Barrier.Arrive(this);

    /// <summary>Waits there.</summary>
    public void WaitForCluster()
    {
        _block.Counters.BarrierWaits++;
        _block.Cluster.Barrier.Wait(this);
    }

    /// <summary><c>mapa</c>: the same place in another block.</summary>
    public void MapShared(Instruction instruction, uint lanes)
    {
        var d = WordsOf(instruction.Operands[0]);
        var addresses = Words(instruction.Operands[1]);
        var ranks = Words(instruction.Operands[2]);
        for (var left = lanes; left != 0; left &= left - 1)
        {
            var lane = BitOperations.TrailingZeroCount(left);
            var rank = ranks[lane];
            if (rank >= (uint)ClusterBlocks)
            {
                ReportRank(lane, rank);
                rank = (uint)ClusterRank;
            }

            d[lane] = (addresses[lane] & WindowMask) | ((rank + 1) << RankShift);
        }
    }

    /// <summary><c>ld.shared::cluster</c>.</summary>
    public void LoadCluster(Instruction instruction, uint lanes, int size, int count)
    {
        BeginAccess();
        var addresses = Words(instruction.Operands[count]);
        var bytes = size * count;
        for (var left = lanes; left != 0; left &= left - 1)
        {
            var lane = BitOperations.TrailingZeroCount(left);
            var rank = (int)(addresses[lane] >> RankShift) - 1; // below 0: an address of the block's own window, which is part of the cluster's
            if (!FindShared(lane, (addresses[lane] & WindowMask) + (uint)instruction.Offset, bytes, out var offset) || rank >= ClusterBlocks)
            {
                SetRegisters(instruction, 0, lane, size, count, default);
                continue;
            }

            var owner = rank < 0 ? _block : _block.Cluster.Blocks[rank];
            if (owner == _block)
            {
                ReadShared(lane, offset, bytes);
            }
            else
            {
                ReadRemote(owner, lane, offset, bytes);
            }

            SetRegisters(instruction, 0, lane, size, count, owner.Shared.AsSpan(offset, bytes));
        }
    }

    /// <summary>Reports a read of a block's shared memory that may find the block ended.</summary>
    public void ReportEnded(ThreadBlock owner, int lane, int instruction) => _block.Findings.Add(
        FindingKind.BlockEnded,
        _block,
        Index,
        lane,
        instruction,
        () => $"reads shared memory of block {owner.Index} of its cluster, which nothing keeps from ending before");

    private void ReadRemote(ThreadBlock owner, int lane, int offset, int bytes)
    {
        _recorder?.Touch(lane, "cluster", SharedBase + (ulong)offset, bytes, isWrite: false);
        if (owner.HasEnded)
        {
            ReportEnded(owner, lane, CurrentInstruction);
        }
        else if (!owner.SharedShadow.ReadRemote(this, lane, offset, bytes))
        {
            ReportRemoteUnwritten(owner, lane, offset, bytes);
        }
    }

    private void ReportRank(int lane, uint rank) => Find(
        FindingKind.OutOfBounds, lane, () => $"block {rank} of a cluster of {ClusterBlocks}");

    private void ReportRemoteUnwritten(ThreadBlock owner, int lane, int offset, int bytes) => Find(
        FindingKind.UninitialisedMemory,
        lane,
        () => $"reads {bytes} bytes from shared byte {owner.DescribeShared(offset)} of block {owner.Index}, which that block has not written",
        SharedBase + (ulong)offset);
}
