namespace Stof.Reference.Cuda.Simulator;

/// <summary>Which warps of a cluster's other blocks read a block's shared memory last, word by word. There are few of them.</summary>
internal sealed class RemoteReads(ThreadBlock block)
{
    private const int WordBytes = 4;

    private readonly Dictionary<int, uint[]> _words = [];
    private readonly Knowledge _last = new(block.Cluster.Size);
    private readonly Knowledge _knownAtEnd = new(block.Cluster.Size);

    /// <summary>Forgets all.</summary>
    public void Begin()
    {
        _words.Clear();
        _last.Reset(0);
        _knownAtEnd.Reset(0);
    }

    /// <summary>A warp of another block reads.</summary>
    public void Note(Warp warp, int offset, int count)
    {
        var place = Place(warp.ClusterRank, warp.Index);
        for (var word = offset / WordBytes; word <= (offset + count - 1) / WordBytes; word++)
        {
            if (!_words.TryGetValue(word, out var readers))
            {
                _words.Add(word, readers = new uint[block.Cluster.Size * Warp.Lanes]);
            }

            readers[place] = warp.Order.Ticket;
        }

        _last.Of(warp.ClusterRank)[warp.Index] = warp.Order.Ticket;
    }

    /// <summary>A read of a range that a warp does not know to have happened; null for none.</summary>
    public (ThreadBlock Block, int Warp, uint Ticket)? Unknown(Warp warp, int offset, int count)
    {
        for (var word = offset / WordBytes; word <= (offset + count - 1) / WordBytes && _words.Count > 0; word++)
        {
            if (_words.TryGetValue(word, out var readers) && First((rank, other) => readers[Place(rank, other)], warp.Order.KnownOf) is { } found)
            {
                return found;
            }
        }

        return null;
    }

    /// <summary>
    /// A warp of the block ends. Its memory is gone when all have: by then somebody of the block must know that the others have read.
    /// </summary>
    /// <returns>When the last one ends, a read that may come too late; null for none.</returns>
    public (ThreadBlock Block, int Warp, uint Ticket)? End(Warp warp)
    {
        for (var rank = 0; rank < block.Cluster.Size; rank++)
        {
            var (known, all) = (warp.Order.KnownOf(rank), _knownAtEnd.Of(rank));
            for (var i = 0; i < all.Length; i++)
            {
                all[i] = Math.Max(all[i], known[i]);
            }
        }

        return block.HasEnded && _words.Count > 0 ? First((rank, other) => _last.Of(rank)[other], _knownAtEnd.Of) : null;
    }

    private static int Place(int rank, int warp) => (rank * Warp.Lanes) + warp;

    private (ThreadBlock Block, int Warp, uint Ticket)? First(Func<int, int, uint> ticketOf, Func<int, uint[]> known)
    {
        foreach (var reader in block.Cluster.Blocks)
        {
            for (var warp = 0; warp < reader.Warps.Length; warp++)
            {
                var ticket = ticketOf(reader.Rank, warp);
                if (ticket > known(reader.Rank)[warp])
                {
                    return (reader, warp, ticket);
                }
            }
        }

        return null;
    }
}
