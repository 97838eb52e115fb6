namespace Stof.Reference.Cuda.Simulator;

/// <content>Findings, and the log that says which instruction an access was.</content>
internal sealed partial class Warp
{
    private readonly List<int> _accesses = [];
    private uint _firstTicket;

    /// <summary>What the warp knows of the others' accesses.</summary>
    public WarpClock Order { get; }

    /// <summary>Ticket of its last access.</summary>
    public uint Ticket => Order.Ticket;

    /// <summary>Adds a finding at the instruction that runs.</summary>
    public void Find(FindingKind kind, int lane, Func<string> message, ulong address = 0, FindingList.Other? other = null) =>
        _block.Findings.Add(kind, _block, Index, lane >= Lanes ? -1 : lane, CurrentInstruction, message, address, other);

    /// <summary>The instruction of an access of this block; −1 for one of an earlier block.</summary>
    public int InstructionOf(uint ticket) =>
        ticket > _firstTicket && ticket - _firstTicket <= (uint)_accesses.Count ? _accesses[(int)(ticket - _firstTicket) - 1] : -1;

    private void BeginAccesses(uint ticket)
    {
        _firstTicket = ticket;
        _accesses.Clear();
    }

    /// <summary>A new access to memory begins: it gets the next ticket.</summary>
    private void BeginAccess()
    {
        if (Order.Ticket >= AccessRecord.MaximumTicket)
        {
            throw new InvalidOperationException($"a warp of {_block.Launch.Kernel.Name} accesses memory more than {AccessRecord.MaximumTicket} times");
        }

        Order.Ticket++;
        _accesses.Add(CurrentInstruction);
    }
}
