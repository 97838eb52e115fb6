namespace Stof.Reference.Cuda.Simulator;

/// <summary>For each warp of each block of a cluster the last ticket whose access is known to have happened.</summary>
/// <param name="blocks">Blocks of a cluster.</param>
internal sealed class Knowledge(int blocks)
{
    private readonly uint[][] _tickets = [.. Enumerable.Range(0, blocks).Select(_ => new uint[Warp.Lanes])];

    /// <summary>Tickets of a block's warps.</summary>
    public uint[] Of(int rank) => _tickets[rank];

    /// <summary>Takes all accesses up to a ticket as known.</summary>
    public void Reset(uint ticket)
    {
        foreach (var tickets in _tickets)
        {
            tickets.AsSpan().Fill(ticket);
        }
    }

    /// <summary>Adds what another knows.</summary>
    public void Learn(Knowledge other)
    {
        for (var rank = 0; rank < _tickets.Length; rank++)
        {
            var (mine, theirs) = (_tickets[rank], other._tickets[rank]);
            for (var i = 0; i < mine.Length; i++)
            {
                mine[i] = Math.Max(mine[i], theirs[i]);
            }
        }
    }
}
