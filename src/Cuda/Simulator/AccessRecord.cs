namespace Stof.Reference.Cuda.Simulator;

/// <summary>
/// An access of a warp in 32 bits: its ticket (the number of the memory instruction within the warp) and the lane. Tickets are the logical clock
/// of race detection.
/// </summary>
internal static class AccessRecord
{
    /// <summary>Bits of the lane.</summary>
    public const int LaneBits = 6;

    /// <summary>Lane of an access by more than one.</summary>
    public const uint SeveralLanes = 32;

    /// <summary>Largest ticket of an access.</summary>
    public const uint MaximumTicket = (1u << (32 - LaneBits)) - 2;

    /// <summary>Stands for a copy under way: later than any ticket.</summary>
    public const uint InFlight = uint.MaxValue;

    /// <summary>Packs an access.</summary>
    public static uint Of(uint ticket, uint lane) => (ticket << LaneBits) | lane;

    /// <summary>The ticket.</summary>
    public static uint Ticket(uint record) => record >> LaneBits;

    /// <summary>The lane, or <see cref="SeveralLanes"/>.</summary>
    public static uint Lane(uint record) => record & ((1u << LaneBits) - 1);
}
