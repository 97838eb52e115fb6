using Stof.Reference.Cuda.Ptx;

namespace Stof.Reference.Cuda.Simulator;

/// <content>Barriers.</content>
internal sealed partial class Warp
{
    /// <summary>The barrier that it waits at, or −1.</summary>
    public int BarrierWaitedAt { get; private set; } = -1;

    /// <summary>The instruction that it waits at.</summary>
    public int BarrierInstruction { get; private set; }

    /// <summary>All lanes that have not ended come to a barrier.</summary>
    public void ArriveAtBarrier(Instruction instruction, bool hasCount, bool waits)
    {
        var id = (int)Words(instruction.Operands[0])[0];
        var threads = hasCount ? (int)Words(instruction.Operands[1])[0] : 0;
        _block.Barriers.Arrive(this, id, threads, waits);
    }

    /// <summary>Lanes meet, and see what each other wrote.</summary>
    public void SyncLanes(uint lanes)
    {
        if ((_living & ~lanes) == 0)
        {
            Order.Meet();
        }
        else
        {
            Order.Meet(lanes);
        }
    }

    /// <summary>Waits.</summary>
    public void WaitAtBarrier(int id)
    {
        BarrierWaitedAt = id;
        BarrierInstruction = CurrentInstruction;
    }

    /// <summary>Goes on.</summary>
    public void PassBarrier(int id)
    {
        if (BarrierWaitedAt == id)
        {
            BarrierWaitedAt = -1;
        }
    }
}
