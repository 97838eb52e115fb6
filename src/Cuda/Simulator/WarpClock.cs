using System.Numerics;

namespace Stof.Reference.Cuda.Simulator;

/// <summary>
/// What a warp knows of the others' accesses: for each warp the last ticket whose access happened before everything that this warp does now. For
/// the warp itself it is the last access before all its lanes met; lanes that met without the others are kept apart.
/// </summary>
/// <param name="warp">Number of the warp within its block.</param>
/// <param name="rank">Number of the block within its cluster.</param>
/// <param name="blocks">Blocks of a cluster.</param>
internal sealed class WarpClock(int warp, int rank = 0, int blocks = 1)
{
    private readonly Knowledge _all = new(blocks);
    private readonly uint[] _lanes = new uint[Warp.Lanes * Warp.Lanes];
    private bool _hasPartial;

    /// <summary>Last ticket known of each warp of the block.</summary>
    public uint[] Known { get; private set; } = [];

    /// <summary>Last ticket known of each warp of a block of the cluster.</summary>
    public uint[] KnownOf(int block) => _all.Of(block);

    /// <summary>Ticket of the warp's last access.</summary>
    public uint Ticket { get; set; }

    /// <summary>Starts over.</summary>
    public void Begin(uint ticket)
    {
        Ticket = ticket;
        _all.Reset(ticket);
        Known = _all.Of(rank);
        _hasPartial = false;
    }

    /// <summary>All lanes met.</summary>
    public void Meet() => Known[warp] = Ticket;

    /// <summary>Some lanes met.</summary>
    public void Meet(uint lanes)
    {
        if (!_hasPartial)
        {
            _hasPartial = true;
            _lanes.AsSpan().Clear();
        }

        Span<uint> joined = stackalloc uint[Warp.Lanes];
        joined.Clear();
        for (var left = lanes; left != 0; left &= left - 1)
        {
            var lane = BitOperations.TrailingZeroCount(left);
            for (var other = 0; other < Warp.Lanes; other++)
            {
                joined[other] = Math.Max(joined[other], _lanes[(lane * Warp.Lanes) + other]);
            }

            joined[lane] = Ticket;
        }

        for (var left = lanes; left != 0; left &= left - 1)
        {
            joined.CopyTo(_lanes.AsSpan(BitOperations.TrailingZeroCount(left) * Warp.Lanes));
        }
    }

    /// <summary>
    /// True if an access by a lane of the warp happened before what another lane of it (or several, such as those that <c>ldmatrix</c> gives a row
    /// to) does now.
    /// </summary>
    public bool IsBefore(uint record, int lane)
    {
        var other = AccessRecord.Lane(record);
        var ticket = AccessRecord.Ticket(record);
        if (ticket <= Known[warp] || (other == lane && lane < Warp.Lanes))
        {
            return true;
        }

        if (!_hasPartial || lane >= Warp.Lanes)
        {
            return false;
        }

        if (other != AccessRecord.SeveralLanes)
        {
            return _lanes[(lane * Warp.Lanes) + (int)other] >= ticket;
        }

        for (var i = 0; i < Warp.Lanes; i++)
        {
            if (i != lane && _lanes[(lane * Warp.Lanes) + i] < ticket)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Adds what this warp knows, and did, to what a barrier gathers.</summary>
    public void Publish(Knowledge gathered)
    {
        Meet();
        gathered.Learn(_all);
    }

    /// <summary>Learns what a barrier gathered.</summary>
    public void Learn(Knowledge gathered) => _all.Learn(gathered);
}
