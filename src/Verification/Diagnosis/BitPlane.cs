using System.Numerics;
using Stof.Reference.Masks;

namespace Stof.Reference.Verification.Diagnosis;

/// <summary>The mask of one batch item and head, bit by bit.</summary>
public sealed class BitPlane
{
    private const int WordBits = BoundMask.RowBits;

    private readonly ulong[] _bits;
    private readonly int _words;

    /// <summary>An empty plane.</summary>
    /// <param name="queries">Rows.</param>
    /// <param name="keys">Columns.</param>
    public BitPlane(int queries, int keys)
    {
        (Queries, Keys, _words) = (queries, keys, (keys + WordBits - 1) / WordBits);
        _bits = new ulong[(long)queries * _words];
    }

    /// <summary>Rows.</summary>
    public int Queries { get; }

    /// <summary>Columns.</summary>
    public int Keys { get; }

    /// <summary>Reads or writes one pair.</summary>
    public bool this[int query, int key]
    {
        get => ((_bits[(query * _words) + (key / WordBits)] >> (key % WordBits)) & 1) != 0;
        set
        {
            ref var word = ref _bits[(query * _words) + (key / WordBits)];
            var bit = 1UL << (key % WordBits);
            word = value ? word | bit : word & ~bit;
        }
    }

    /// <summary>The words of a row, key 64·w + i in bit i of word w; bits beyond the last key are 0.</summary>
    public Span<ulong> Row(int query) => _bits.AsSpan(query * _words, _words);

    /// <summary>All words.</summary>
    public ReadOnlySpan<ulong> Words => _bits;

    /// <summary>A plane given pair by pair.</summary>
    public static BitPlane From(int queries, int keys, Func<int, int, bool> allows)
    {
        ArgumentNullException.ThrowIfNull(allows);
        var plane = new BitPlane(queries, keys);
        for (var query = 0; query < queries; query++)
        {
            for (var key = 0; key < keys; key++)
            {
                if (allows(query, key))
                {
                    plane[query, key] = true;
                }
            }
        }

        return plane;
    }

    /// <summary>One slice of a mask.</summary>
    public static BitPlane Of(BoundMask mask, int batch, int head)
    {
        ArgumentNullException.ThrowIfNull(mask);
        var plane = new BitPlane(mask.Extent.QueryLength, mask.Extent.KeyLength);
        for (var query = 0; query < plane.Queries; query++)
        {
            var row = plane.Row(query);
            for (var word = 0; word < row.Length; word++)
            {
                row[word] = mask.Row64(batch, head, query, word * WordBits) & plane.Inside(word);
            }
        }

        return plane;
    }

    /// <summary>Whether both hold the same bits.</summary>
    public bool SameAs(BitPlane other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return Queries == other.Queries && Keys == other.Keys && Words.SequenceEqual(other.Words);
    }

    /// <summary>Combines two planes of one size word by word.</summary>
    public BitPlane Combine(BitPlane other, Func<ulong, ulong, ulong> combine)
    {
        ArgumentNullException.ThrowIfNull(other);
        ArgumentNullException.ThrowIfNull(combine);
        var result = new BitPlane(Queries, Keys);
        for (var i = 0; i < _bits.Length; i++)
        {
            result._bits[i] = combine(_bits[i], other._bits[i]) & Inside(i % _words);
        }

        return result;
    }

    /// <summary>Allowed pairs.</summary>
    public long Count()
    {
        var count = 0L;
        foreach (var word in _bits)
        {
            count += BitOperations.PopCount(word);
        }

        return count;
    }

    /// <summary>The class of a tile of the given size, from its bits; parts beyond the last query or key make it a part tile.</summary>
    public TileClass Classify(int tileRow, int tileColumn, int rows, int columns)
    {
        var (queryStart, queryEnd) = (tileRow * rows, Math.Min((tileRow + 1) * rows, Queries));
        var (keyStart, keyEnd) = (tileColumn * columns, Math.Min((tileColumn + 1) * columns, Keys));
        var (any, all) = (false, queryEnd - queryStart == rows && keyEnd - keyStart == columns);
        for (var query = queryStart; query < queryEnd; query++)
        {
            var row = Row(query);
            for (var word = keyStart / WordBits; word * WordBits < keyEnd; word++)
            {
                var inside = Between(word, keyStart, keyEnd);
                var bits = row[word] & inside;
                any |= bits != 0;
                all &= bits == inside;
            }

            if (any && !all)
            {
                return TileClass.Part;
            }
        }

        return !any ? TileClass.Empty : all ? TileClass.Full : TileClass.Part;
    }

    /// <summary>Sets the keys [start, end) of a row.</summary>
    public void Fill(int query, int start, int end)
    {
        var row = Row(query);
        for (var word = start / WordBits; word * WordBits < end; word++)
        {
            row[word] |= Between(word, start, end);
        }
    }

    /// <summary>Clears the keys [start, end) of a row.</summary>
    public void Clear(int query, int start, int end)
    {
        var row = Row(query);
        for (var word = start / WordBits; word * WordBits < end; word++)
        {
            row[word] &= ~Between(word, start, end);
        }
    }

    /// <summary>A copy.</summary>
    public BitPlane Copy() => Combine(this, (bits, _) => bits);

    private static ulong Between(int word, int start, int end)
    {
        var low = Math.Max(start - (word * WordBits), 0);
        var high = Math.Min(end - (word * WordBits), WordBits);
        return low < high ? ulong.MaxValue >> (WordBits - (high - low)) << low : 0;
    }

    private ulong Inside(int word) => Between(word, 0, Keys);
}
