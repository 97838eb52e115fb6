using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Stof.Reference.Cuda.Simulator;

/// <summary>
/// An access of a warp in 32 bits: its ticket (the number of the memory instruction within the warp) and the lane. Tickets are the logical clock
/// of race detection.
/// </summary>
internal static class AccessRecord
{
    /// <summary>Bits of the lane.</summary>
    public const int LaneBits = 6;

    private const uint LaneMask = (1u << LaneBits) - 1;

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
    public static uint Lane(uint record) => record & LaneMask;

    /// <summary>
    /// True if four neighbouring bytes were written by one warp and either before what the asking warp knows of it, or by the asking lane itself.
    /// False says only that the bytes have to be looked at one by one.
    /// </summary>
    public static bool AreOrdered(Vector128<uint> writers, ref byte warps, uint[] known, int warp, uint lane)
    {
        var owners = Unsafe.ReadUnaligned<uint>(ref warps);
        var owner = owners & 0xff;
        return owners == owner * 0x01010101
            && (!Vector128.GreaterThanAny(writers, Vector128.Create(Of(known[owner], LaneMask)))
                || (owner == warp && AreKnownOrOwn(writers, known[owner], lane)));
    }

    /// <summary>True if four accesses of the asking warp are all known to it, or all by the asking lane.</summary>
    public static bool AreKnownOrOwn(Vector128<uint> records, uint known, uint lane) =>
        !Vector128.GreaterThanAny(records, Vector128.Create(Of(known, LaneMask)))
        || (lane < SeveralLanes && Vector128.EqualsAll(records & Vector128.Create(LaneMask), Vector128.Create(lane)));
}
